//! Kernels over plain slices: no graph, no arrays, one file per family and path.

pub mod attention;
pub mod copy;
pub mod elementwise;
pub mod floats;
pub mod math;
pub mod matmul;
pub mod quant;
pub mod reduce;
pub mod seq;

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
}

impl Kernels {
    /// The kernels for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> Kernels {
        Kernels {
            isa,
            matmul: matmul::Table::new(isa),
            attention: attention::Attention::new(isa),
            elementwise: elementwise::Table::new(isa),
            reduce: reduce::Table::new(isa),
        }
    }
}
