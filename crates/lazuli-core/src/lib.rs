//! Lazy arrays.

pub mod dtype;
pub mod random;

pub use dtype::Dtype;
