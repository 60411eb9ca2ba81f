//! Operation families on the CPU: one file each, named as in core, that checks the operands of a call
//! and hands them to the kernels.

pub(crate) mod arange;
pub(crate) mod attention;
pub(crate) mod binary;
pub(crate) mod cache;
pub(crate) mod cast;
pub(crate) mod concat;
pub(crate) mod conv;
pub(crate) mod copy;
pub(crate) mod elementwise;
pub(crate) mod experts;
#[cfg(feature = "numeric")]
pub(crate) mod fft;
pub(crate) mod fp8;
pub(crate) mod gather;
pub(crate) mod gather_mm;
mod indices;
#[cfg(feature = "numeric")]
pub(crate) mod linalg;
pub(crate) mod mask;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod quantized;
pub(crate) mod random;
pub(crate) mod recurrent;
pub(crate) mod reduce;
pub(crate) mod rope;
pub(crate) mod scan;
pub(crate) mod scatter;
pub(crate) mod select;
mod seqs;
pub(crate) mod softmax;
pub(crate) mod sort;
pub(crate) mod swiglu;
pub(crate) mod unary;
