//! GGUF: tensors and notes in one file, as the llama.cpp family writes them.
//!
//! Reads versions 2 and 3: plain types as they lie, blocks of 4, 5 and 8 bits and the K-quants expanded
//! to `float16`, and those blocks that are affine groups of 32 repacked without loss. Writes version 3:
//! plain types, Q8_0 and Q4_0. Expanding is done at once, not when a tensor is used: a file of blocks is
//! read to be converted, or repacked, and then it is small work. Not chosen: kernels for the blocks
//! themselves, a second set of quantized products beside the affine ones.

mod affine;
mod blocks;
mod header;
mod k_quants;
mod kind;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Result;
use crate::metadata::Metadata;
use crate::mmap::Bytes;

pub use affine::Affine;
pub use kind::Kind;
pub use write::{Spec, front, write, write_tensor};

const MAGIC: &[u8; 4] = b"GGUF";

/// The note that says what tensors' places are multiples of.
const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;

/// What a GGUF file holds.
#[derive(Debug, Clone)]
pub struct Content {
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// The file's notes.
    pub metadata: Metadata,
}

/// A tensor as it lies in a file.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// How its elements are stored.
    pub kind: Kind,
    /// Dimensions, outermost first: the reverse of the file's order.
    pub shape: Vec<usize>,
    /// The blocks: exactly as many bytes as `kind` and `shape` need.
    pub bytes: Bytes,
}

/// Opens a GGUF file; its tensors stay in the file until they are read.
///
/// # Errors
/// [`Error::Malformed`](crate::Error::Malformed), [`Error::Tensor`](crate::Error::Tensor) when the file
/// contradicts itself or holds a type that is not supported; [`Error::Io`](crate::Error::Io).
pub fn open(path: impl AsRef<Path>) -> Result<Content> {
    let path = path.as_ref();
    header::read(&Bytes::map(path)?, &path.display().to_string())
}

/// Reads a GGUF file that is in memory; errors call it `file`.
///
/// # Errors
/// As [`open`].
pub fn read(content: impl Into<Bytes>, file: &str) -> Result<Content> {
    header::read(&content.into(), file)
}
