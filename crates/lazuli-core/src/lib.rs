//! Lazy arrays: dtypes, shapes, the graph, evaluation, function transforms, and what a device must do.
//!
//! An [`Array`] is a handle to a node of a graph. Building never computes; [`eval()`] orders the graph,
//! hands each operation to the backend of its device, and frees inputs as they die. Operations are
//! data ([`Op`]); a backend lowers [`plan::Plan`]s of them and core knows none by name.
//!
//! Not chosen: eager evaluation, which cannot fuse, donate or reorder; a generic backend parameter on
//! `Array`, which leaks into every signature; threads or streams bound to the thread that made them.
//! The price of laziness is that an error of a value (an index out of range) shows where the value is
//! used, not where the operation was written.
#![deny(unsafe_code)]

pub mod array;
pub mod axes;
pub mod backend;
pub mod buffer;
pub mod compile;
pub mod convert;
pub mod creation;
pub mod device;
pub mod dtype;
pub mod element;
pub mod error;
pub mod eval;
pub mod export;
pub mod fake;
pub mod fft;
mod hash;
pub mod host;
pub mod index;
pub mod layout;
pub mod linalg;
mod lowered;
pub mod memory;
mod node;
pub mod op;
mod operators;
pub mod ops;
pub mod plan;
pub mod print;
mod promise;
mod queue;
pub mod random;
pub mod rows;
pub mod scalar;
pub mod shape;
pub mod shaping;
pub mod stream;
mod sync;
pub mod transforms;
pub mod tree;
mod trim;

pub use array::Array;
pub use axes::Axes;
pub use compile::{
    compile, compile_shapeless, compile_with_state, disable_compile, enable_compile,
};
pub use device::{Device, with_device};
pub use dtype::Dtype;
pub use element::Element;
pub use error::{Error, Result};
pub use eval::{async_eval, eval};
pub use node::Data;
pub use op::{Family, Op};
pub use rows::{Role, Rows, Sequence};
pub use scalar::Scalar;
pub use shape::Shape;
pub use stream::{Stream, clear_streams, with_stream};
pub use transforms::of_trees::{
    checkpoint, custom_function, depends, grad, jvp, stop_gradient, value_and_grad, vjp, vmap,
    vmap_axes,
};
pub use tree::Tree;
