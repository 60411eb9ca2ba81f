//! Kernels over plain slices: no graph, no arrays, one file per family and path.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
pub mod attention;
pub mod combine;
pub mod conv;
pub mod convolution;
pub mod copy;
pub mod elementwise;
pub mod floats;
pub mod gated_delta;
pub mod math;
pub mod matmul;
pub mod quant;
pub mod random;
pub mod reduce;
pub mod rows;
pub mod scan;
pub mod scratch;
pub mod seq;
pub mod sort;
#[cfg(test)]
pub(crate) mod test_random;

use half::{bf16, f16};

use crate::Isa;

/// The one dispatch table of a device: every kernel, for one path.
pub struct Kernels {
    /// The path.
    pub isa: Isa,
    /// Matrix products.
    pub matmul: &'static matmul::Table,
    /// Attention.
    pub attention: attention::Attention,
    /// Elementwise functions.
    pub elementwise: elementwise::Table,
    /// Reductions.
    pub reduce: reduce::Table,
    /// Random bits.
    pub random: math::Entry<random::Random>,
    f32: Typed<f32>,
    bf16: Typed<bf16>,
    f16: Typed<f16>,
}

/// Kernels that are made once for each element type.
pub struct Typed<T: math::Element> {
    /// Norms, rope, gates, softmax, routing.
    pub rows: rows::Rows<T>,
    /// Causal convolution.
    pub conv: conv::Conv<T>,
    /// Gated delta rule.
    pub gated_delta: gated_delta::GatedDelta<T>,
}

impl<T: math::Element> Typed<T> {
    fn new(isa: Isa) -> Typed<T> {
        Typed {
            rows: rows::Rows::new(isa),
            conv: conv::Conv::new(isa),
            gated_delta: gated_delta::GatedDelta::new(isa),
        }
    }
}

/// An element type that has kernels of its own.
pub trait Floating: math::Element + lazuli_core::Element + bytemuck::Pod {
    /// The kernels of this type.
    fn of(kernels: &Kernels) -> &Typed<Self>;
}

impl Floating for f32 {
    fn of(kernels: &Kernels) -> &Typed<f32> {
        &kernels.f32
    }
}

impl Floating for bf16 {
    fn of(kernels: &Kernels) -> &Typed<bf16> {
        &kernels.bf16
    }
}

impl Floating for f16 {
    fn of(kernels: &Kernels) -> &Typed<f16> {
        &kernels.f16
    }
}

impl Kernels {
    /// The kernels for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> Kernels {
        Kernels {
            isa,
            matmul: matmul::Table::new(isa),
            attention: attention::Attention::new(isa),
            f32: Typed::new(isa),
            bf16: Typed::new(isa),
            f16: Typed::new(isa),
            elementwise: elementwise::Table::new(isa),
            reduce: reduce::Table::new(isa),
            random: math::Entry::new(isa),
        }
    }
}
