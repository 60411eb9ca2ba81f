//! Operation families on the CPU: one file each, named as in core, that checks the operands of a call
//! and hands them to the kernels.

pub(crate) mod attention;
pub(crate) mod cache;
pub(crate) mod experts;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod quantized;
pub(crate) mod recurrent;
pub(crate) mod rope;
mod seqs;
pub(crate) mod swiglu;
