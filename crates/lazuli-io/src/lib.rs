//! Files of tensors: safetensors, npy, npz and GGUF, memory maps, where a model's folder is, and how it
//! gets there.
//!
//! The formats deal in names, dtypes, shapes and byte ranges and know no arrays, so that parsing can be
//! tested and fuzzed without a device; [`arrays`] puts arrays on top of all of them. Everything read is outside bytes: each size and offset
//! is checked before it is used, and a file that is wrong gives a one-line [`Error`].
//!
//! Not chosen: the `safetensors` crate, whose writer wants every tensor in memory at once and
//! refuses to say which tensor is wrong. The cost is a header parser of our own, which is fuzzed.
#![deny(unsafe_code)]

pub mod arrays;
mod error;
pub mod exported;
pub mod gguf;
#[cfg(feature = "hub")]
pub mod hub;
pub mod metadata;
mod mmap;
pub mod model_folder;
pub mod npy;
pub mod safetensors;
mod size;
mod staging;
mod zip;

pub use error::{Error, Result};
pub use mmap::{Advice, Bytes};
pub use staging::Staging;

// Both formats store little-endian elements, and `Bytes` hands them out as they are.
const _: () = assert!(
    cfg!(target_endian = "little"),
    "lazuli-io needs a little-endian target"
);
