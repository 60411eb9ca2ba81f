//! One run of one kernel: the device, the operands, and how families are found.

use lazuli_core::Op;
use lazuli_core::error::Result;
use lazuli_core::plan::Spec;

use crate::backend::Cpu;
use crate::families;
use crate::operand::{Operand, Output};

/// What a kernel receives.
pub(crate) struct Call<'a, 'm> {
    pub(crate) cpu: &'a Cpu,
    pub(crate) inputs: &'a [Operand<'m>],
    pub(crate) outputs: &'a mut [Output<'m>],
}

/// A kernel, chosen when a plan is lowered.
pub(crate) type Run = fn(&Op, &mut Call<'_, '_>) -> Result<()>;

/// `$run::<T>` for a float dtype that has kernels of its own.
macro_rules! by_float {
    ($dtype:expr, $run:ident) => {
        match $dtype {
            lazuli_core::Dtype::F32 => Some($run::<f32> as crate::call::Run),
            lazuli_core::Dtype::BF16 => Some($run::<half::bf16> as crate::call::Run),
            lazuli_core::Dtype::F16 => Some($run::<half::f16> as crate::call::Run),
            _ => None,
        }
    };
}
pub(crate) use by_float;

/// The kernel for `op` on these operands, if there is one.
pub(crate) fn kernel(op: &Op, inputs: &[Spec], outputs: &[Spec]) -> Option<Run> {
    let row_major = inputs.iter().all(|s| s.strides.is_none());
    match op {
        Op::Matmul(_) => families::matmul::kernel(inputs),
        Op::ScaledDotProduct(_) => families::attention::scaled_dot_product_kernel(inputs),
        Op::Copy(_) => families::copy::kernel(),
        Op::Unary(op) => families::unary::kernel(*op, inputs),
        Op::Binary(op) => families::binary::kernel(*op, inputs),
        Op::Select(_) => families::select::kernel(inputs),
        Op::Cast(op) => families::cast::kernel(op.0, inputs),
        Op::Fp8(_) => families::fp8::kernel(inputs, outputs),
        Op::Concat(_) => families::concat::kernel(),
        Op::Take(_) => families::gather::take_kernel(),
        Op::Gather(_) => families::gather::gather_kernel(),
        Op::TakeAlong(_) => families::gather::along_kernel(),
        Op::Scatter(_) | Op::ScatterAlong(_) | Op::SliceUpdate(_) => {
            families::scatter::kernel(op, inputs)
        }
        Op::MaskedScatter(_) => families::mask::scatter_kernel(),
        Op::MaskedGather(_) => families::mask::gather_kernel(),
        Op::Arange(op) => families::arange::kernel(op.dtype),
        // The fused and ragged operations take row-major operands of the dtypes that core allows.
        _ if !row_major => None,
        Op::RmsNorm(_) | Op::LayerNorm(_) => families::norm::kernel(inputs),
        Op::Swiglu(_) => families::swiglu::kernel(inputs),
        Op::Rope(_) => families::rope::kernel(inputs),
        Op::Conv(_) => families::conv::kernel(inputs),
        Op::Reduce(_) => families::reduce::kernel(inputs),
        Op::ArgReduce(_) => families::reduce::arg_kernel(inputs),
        Op::Scan(op) => families::scan::kernel(*op, inputs),
        Op::Recurrence(_) => families::scan::recurrence_kernel(inputs),
        Op::Sort(_) => families::sort::kernel(),
        Op::SearchSorted(_) => families::sort::search_kernel(),
        Op::Softmax(_) => families::softmax::kernel(inputs),
        Op::LogSumExp(_) => families::softmax::log_kernel(inputs),
        Op::Quantize(_) => families::quantized::quantize_kernel(inputs),
        Op::Dequantize(_) => families::quantized::dequantize_kernel(inputs, outputs),
        Op::QuantizedMatmul(_) => families::quantized::matmul_kernel(inputs),
        Op::CacheAppend(_) => families::cache::kernel(inputs),
        Op::Attention(_) => families::attention::kernel(inputs),
        Op::CausalConv(_) => families::recurrent::conv_kernel(inputs),
        Op::GatedDelta(_) => families::recurrent::delta_kernel(inputs),
        Op::Route(_) => families::experts::route_kernel(inputs),
        Op::RoleMatmul(op) if op.experts => families::experts::matmul_kernel(inputs),
        Op::RoleMatmul(_) => families::quantized::matmul_kernel(inputs),
        Op::GatherMatmul(_) => families::experts::matmul_kernel(inputs),
        Op::ScatterOuter(_) => families::gather_mm::scatter_kernel(inputs),
        Op::SegmentedMatmul(_) => families::gather_mm::segmented_kernel(inputs),
        #[cfg(feature = "numeric")]
        Op::Fft(_) => families::fft::kernel(),
        #[cfg(feature = "numeric")]
        Op::Linalg(_) => families::linalg::kernel(inputs),
        #[cfg(not(feature = "numeric"))]
        Op::Fft(_) | Op::Linalg(_) => Some(without_numeric),
        Op::RandomBits(_) => families::random::kernel(),
        Op::Combine(_) => families::experts::combine_kernel(inputs),
        _ => None,
    }
}

/// The kernel of what this build left out.
#[cfg(not(feature = "numeric"))]
fn without_numeric(op: &Op, _: &mut Call<'_, '_>) -> Result<()> {
    Err(lazuli_core::Error::unsupported(
        op.name(),
        "this build has no kernel for it: build with the cargo feature `numeric`",
    ))
}
