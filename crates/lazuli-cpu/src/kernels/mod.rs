//! Kernels over plain slices: no graph, no arrays, one file per family and path.

pub mod attention;
pub mod floats;
pub mod math;
pub mod seq;
