//! Operation families: one file each, with the builder, the shape rule, and the rules of the
//! transforms. A backend's kernels of a family live in a file of the same name.

pub mod arg_reduce;
pub mod arange;
pub mod attention;
pub mod binary;
pub mod cache;
pub mod cast;
pub mod concat;
pub mod copy;
pub mod experts;
pub mod gather;
pub mod mask;
pub mod matmul;
pub(crate) mod merge;
pub mod norm;
pub mod pass_through;
pub mod quantized;
mod ragged;
pub mod recurrence;
pub mod recurrent;
pub mod reduce;
pub mod rope;
pub mod scan;
pub mod search;
pub mod scatter;
pub mod select;
pub mod slice_update;
pub mod softmax;
pub mod sort;
pub mod statistics;
pub mod swiglu;
pub mod take;
pub mod unary;
pub mod view;
mod writes;
