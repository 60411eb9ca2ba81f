//! The CPU backend: SIMD kernels behind one table per device, and a fork-join pool.
//!
//! A device is a dispatch path and a number of threads, both fixed when it is made, so one process can
//! hold several and compare them. Kernels are functions over plain slices (`kernels`); families adapt
//! operations to them (`families`).
//!
//! Not chosen: a BLAS for dense products, because such libraries choose the arithmetic by the number of
//! rows and row independence forbids that; a JIT, because a run-time compiler is a dependency and a
//! start-up cost. The price is that fused elementwise chains are interpreted tile by tile.

mod backend;
pub mod bandwidth;
mod call;
mod families;
mod group;
pub mod isa;
pub mod kernels;
mod operand;
mod passes;
pub mod peak;
pub mod pool;
mod sync;

pub use backend::{Cpu, CpuBackend, Options, register};
pub use isa::Isa;
pub use pool::Pool;
