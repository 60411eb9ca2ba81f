//! Kernels over plain slices: no graph, no arrays, one file per family and path.

pub mod matmul;
pub mod quant;
