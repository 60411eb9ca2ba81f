//! Function transforms: `vjp`, `grad`, `jvp`, `vmap`, `checkpoint`, over slices of arrays; the forms
//! for programs, over trees, are in [`of_trees`].
//!
//! A transform runs the function once on tracers, then walks the graph that this built, using each
//! operation's rule. Transforms compose because their results are ordinary graphs of the original
//! arrays; a closure may capture arrays freely.

pub(crate) mod batch;
mod checkpoint;
mod custom;
mod functions;
pub(crate) mod graph;
mod jvp;
mod vjp;
mod vmap;

pub use checkpoint::checkpoint;
pub use custom::{CustomFunction, custom_function};
pub use jvp::jvp;
pub use vjp::{grad, value_and_grad, value_and_grad_wrt, vjp};
pub use vmap::vmap;

/// The transforms over [`crate::tree::Tree`]s.
pub mod of_trees {
    pub use super::custom::{CustomFunction, custom_function};
    pub use super::functions::*;
}

pub(crate) use jvp::jvp_of_decomposition;
pub(crate) use vjp::vjp_of_decomposition;
pub(crate) use vmap::vmap_of_decomposition;
