//! A checkpoint: the tensors of one or more safetensors files under one set of names.
//!
//! Opening maps the files and checks every header; no tensor's bytes are touched until they are
//! read, so opening a model of any size takes milliseconds and costs no memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::path::{Path, PathBuf};

use lazuli_core::Dtype;

use super::header::Header;
use super::shards::Shards;
use crate::error::{Error, Result};
use crate::mmap::{Advice, Bytes};

/// Named tensors, in name order, whose bytes lie in mapped files or in the program itself.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    tensors: BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
    files: Vec<(PathBuf, Bytes)>,
}

/// One tensor of a checkpoint: C-order little-endian elements, at any alignment.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// Element type of the bytes; `uint8` for the 8-bit floats.
    pub dtype: Dtype,
    /// The element type's name in the file, such as `BF16` or `F8_E4M3`.
    pub stored_as: &'static str,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The elements: exactly as many bytes as `dtype` and `shape` need.
    pub bytes: Bytes,
    /// Index of the file in [`Checkpoint::files`].
    file: usize,
}

impl Checkpoint {
    /// Opens a model folder (with `model.safetensors.index.json`, or `model*.safetensors`), or a
    /// single safetensors file.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when files are missing or short, [`Error::Malformed`] and
    /// [`Error::Tensor`] when they contradict themselves or each other, [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Checkpoint> {
        let shards = Shards::find(path.as_ref())?;
        let mut checkpoint = Checkpoint::empty();
        for path in shards.paths {
            let bytes = Bytes::map(&path)?;
            checkpoint.add(path, bytes)?;
        }
        for (name, file) in &shards.weight_map {
            if !checkpoint.tensors.contains_key(name) {
                let reason = "the index puts it here, the file does not have it";
                return Err(Error::tensor(
                    &path.as_ref().join(file).display().to_string(),
                    name,
                    reason,
                ));
            }
        }
        Ok(checkpoint)
    }

    /// Opens a safetensors file that is in memory: embedded in the program, or made by it.
    ///
    /// # Errors
    /// [`Error::Incomplete`], [`Error::Malformed`] and [`Error::Tensor`], as for a file.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Checkpoint> {
        Checkpoint::named(bytes.into(), "safetensors in memory")
    }

    /// As [`from_bytes`](Checkpoint::from_bytes); errors call it `file`.
    pub(crate) fn named(bytes: Bytes, file: &str) -> Result<Checkpoint> {
        let mut checkpoint = Checkpoint::empty();
        checkpoint.add(PathBuf::from(file), bytes)?;
        Ok(checkpoint)
    }

    fn empty() -> Checkpoint {
        Checkpoint {
            tensors: BTreeMap::new(),
            metadata: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    fn add(&mut self, path: PathBuf, bytes: Bytes) -> Result<()> {
        let file = path.display().to_string();
        let header = Header::read(&bytes, &file)?;
        for entry in header.tensors {
            let Some(elements) = bytes.slice(entry.range) else {
                return Err(Error::tensor(&file, &entry.name, "lies outside the file"));
            };
            let tensor = Tensor {
                dtype: entry.dtype,
                stored_as: entry.stored_as,
                shape: entry.shape,
                bytes: elements,
                file: self.files.len(),
            };
            match self.tensors.entry(entry.name) {
                Slot::Vacant(slot) => slot.insert(tensor),
                Slot::Occupied(slot) => {
                    let other = self
                        .files
                        .get(slot.get().file)
                        .map(|(path, _)| path.display());
                    let other = other.map(|path| path.to_string()).unwrap_or_default();
                    let reason = format!("is in {other} as well, one of the files is a stray");
                    return Err(Error::tensor(&file, slot.key(), reason));
                }
            };
        }
        // Shards of one checkpoint carry the same metadata; where they differ the first one counts.
        for (key, value) in header.metadata {
            self.metadata.entry(key).or_insert(value);
        }
        self.files.push((path, bytes));
        Ok(())
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The tensors in name order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// What the writer noted beside the tensors, such as `format`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The files, in the order in which they were opened.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The file that holds a tensor, for messages about it.
    pub fn file_of(&self, tensor: &Tensor) -> Option<&Path> {
        self.files.get(tensor.file).map(|(path, _)| path.as_path())
    }

    /// Tells the system how all files will be read.
    pub fn advise(&self, advice: Advice) {
        for (_, bytes) in &self.files {
            bytes.advise(advice);
        }
    }
}
