//! Kernels over plain slices: no graph, no arrays, one file per family and path.

pub mod attention;
pub mod conv;
pub mod floats;
pub mod gated_delta;
pub mod math;
pub mod rows;
pub mod seq;
#[cfg(test)]
pub(crate) mod test_random;
