//! Function transforms: `vjp`, `grad`, `jvp`, `vmap`.
//!
//! A transform runs the function once on tracers, then walks the graph that this built, using each
//! operation's rule. Transforms compose because their results are ordinary graphs of the original
//! arrays; a closure may capture arrays freely.

pub(crate) mod batch;
mod graph;
mod jvp;
mod vjp;
mod vmap;

pub use jvp::jvp;
pub use vjp::{grad, value_and_grad, vjp};
pub use vmap::vmap;

pub(crate) use jvp::jvp_of_decomposition;
pub(crate) use vjp::vjp_of_decomposition;
pub(crate) use vmap::vmap_of_decomposition;
