//! Arrays from files and to files: `load`, `save` and their kin, as `mlx.core` has them.
//!
//! A format is told by the extension. What is loaded stays in the mapped file until it is used, where
//! its alignment and byte order allow; the file may be replaced meanwhile, as everything here replaces
//! files, but not rewritten in place. What is saved appears whole or not at all: an array that cannot
//! be computed, a full disk and a name that a format does not take leave the old file as it was.

mod load;
mod save;

use std::collections::BTreeMap;

use lazuli_core::Array;

use crate::error::{Error, Result};
use crate::metadata::Metadata;

pub(crate) use load::of_checkpoint;
pub use load::{Quantized, load, load_as, load_gguf, load_npy, load_npz, load_safetensors, read};
pub(crate) use save::write_safetensors;
pub use save::{save, save_gguf, save_gguf_as, save_safetensors, savez, savez_compressed};

/// Arrays by name, in name order.
pub type Arrays = BTreeMap<String, Array>;

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// One array without a name: npy.
    Array(Array),
    /// Named arrays, and the notes beside them where the format has notes (npz has none).
    Arrays(Arrays, Option<Metadata>),
}

impl Loaded {
    /// The only array of a npy file.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the arrays have names.
    pub fn array(self) -> Result<Array> {
        match self {
            Loaded::Array(array) => Ok(array),
            Loaded::Arrays(arrays, _) => {
                let reason = format!("the file holds {} arrays by name, not one", arrays.len());
                Err(Error::malformed("load", reason))
            }
        }
    }

    /// The named arrays.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is one array without a name.
    pub fn arrays(self) -> Result<Arrays> {
        match self {
            Loaded::Arrays(arrays, _) => Ok(arrays),
            Loaded::Array(_) => Err(Error::malformed(
                "load",
                "the file holds one array without a name",
            )),
        }
    }
}

/// A file format of arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Npy,
    Npz,
    Safetensors,
    Gguf,
}

impl Format {
    const ALL: [Format; 4] = [Format::Npy, Format::Npz, Format::Safetensors, Format::Gguf];

    /// The extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Npy => "npy",
            Format::Npz => "npz",
            Format::Safetensors => "safetensors",
            Format::Gguf => "gguf",
        }
    }

    /// The format of this name, which is also the extension.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.extension() == name)
    }

    /// The format of files with this path's extension.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no extension, or none of ours.
    pub fn of(path: &std::path::Path) -> Result<Format> {
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned());
        let format = extension.as_deref().and_then(Format::named);
        format.ok_or_else(|| {
            let known = Format::ALL
                .map(|f| format!(".{}", f.extension()))
                .join(", ");
            let reason = match extension {
                Some(extension) => format!("unknown file format .{extension}; supported: {known}"),
                None => format!("its name has no extension to tell the format by: {known}"),
            };
            Error::malformed(&path.display().to_string(), reason)
        })
    }
}
