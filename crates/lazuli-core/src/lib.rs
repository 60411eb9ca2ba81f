//! Lazy arrays.

pub mod dtype;

pub use dtype::Dtype;
