//! Where each tensor of one file goes, decided before the first byte is written.
//!
//! The tensors begin at a multiple of 64 bytes (the header is padded with spaces). Those whose size
//! is a multiple of 64 come first, so each of them starts at one; the others follow by descending
//! element size, so each starts at a multiple of its element. Not chosen: padding between tensors,
//! which the reference implementation refuses to load.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use lazuli_core::Dtype;
use serde_json::{Map, Value, json};

use super::{LONGEST_HEADER, METADATA, stored_name};
use crate::error::{Error, Result};
use crate::size::byte_size;

/// What every tensor's place is a multiple of when its size is: a cache line, and a vector register.
const ALIGNMENT: usize = 64;

/// A tensor that is going to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name, unique in the checkpoint.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// A tensor of this name, element type and shape.
    pub fn new(name: impl Into<String>, dtype: Dtype, shape: impl Into<Vec<usize>>) -> TensorSpec {
        TensorSpec {
            name: name.into(),
            dtype,
            shape: shape.into(),
        }
    }

    pub(super) fn byte_size(&self, file: &str) -> Result<usize> {
        byte_size(self.dtype, &self.shape).ok_or_else(|| {
            let TensorSpec { dtype, shape, .. } = self;
            let reason = format!("shape {shape:?} of {dtype} is larger than memory can be");
            Error::tensor(file, &self.name, reason)
        })
    }
}

/// One file's plan.
pub(super) struct Layout {
    /// The file's first bytes: length, JSON, padding.
    pub(super) front: Vec<u8>,
    /// Each tensor's position in the file, in the order in which the tensors were given.
    pub(super) positions: Vec<u64>,
}

impl Layout {
    pub(super) fn new(
        tensors: &[&TensorSpec],
        metadata: &BTreeMap<String, String>,
        file: &str,
    ) -> Result<Layout> {
        let sizes = tensors
            .iter()
            .map(|t| t.byte_size(file))
            .collect::<Result<Vec<usize>>>()?;
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        // Stable: within a group the caller's order stays, and writing goes forward in the file.
        order.sort_by_key(|&i| match sizes[i] % ALIGNMENT {
            0 => (false, Reverse(0)),
            _ => (true, Reverse(tensors[i].dtype.size())),
        });
        let mut header = Map::new();
        if !metadata.is_empty() {
            header.insert(METADATA.to_owned(), json!(metadata));
        }
        let mut offsets = vec![0u64; tensors.len()];
        let mut end = 0u64;
        for i in order {
            let TensorSpec { name, dtype, shape } = tensors[i];
            let begin = end;
            end = begin.saturating_add(sizes[i] as u64);
            offsets[i] = begin;
            let entry: Value = json!({
                "dtype": stored_name(*dtype),
                "shape": shape,
                "data_offsets": [begin, end],
            });
            if name == METADATA {
                return Err(Error::tensor(
                    file,
                    name,
                    "the format keeps this name for itself",
                ));
            }
            // A name given twice is refused by the writer, which sees all shards.
            header.insert(name.clone(), entry);
        }
        let front = front(&header, file)?;
        let base = front.len() as u64;
        Ok(Layout {
            positions: offsets.iter().map(|offset| offset + base).collect(),
            front,
        })
    }
}

fn front(header: &Map<String, Value>, file: &str) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(header)
        .map_err(|e| Error::malformed(file, format!("the header cannot be written: {e}")))?;
    let padded = (8 + json.len()).next_multiple_of(ALIGNMENT);
    let length = (padded - 8) as u64;
    if length > LONGEST_HEADER {
        let reason = format!("the header needs {length} bytes, the limit is {LONGEST_HEADER}");
        return Err(Error::malformed(file, reason));
    }
    let mut front = Vec::with_capacity(padded);
    front.extend_from_slice(&length.to_le_bytes());
    front.extend_from_slice(&json);
    front.resize(padded, b' ');
    Ok(front)
}
