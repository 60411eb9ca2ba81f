//! The CPU backend.

pub mod isa;
pub mod kernels;
pub mod pool;

pub use isa::Isa;
pub use pool::Pool;
