//! From files to arrays.

use std::path::Path;
use std::sync::Arc;

use lazuli_core::{Array, Dtype};

use super::{Arrays, Format, Loaded};
use crate::error::{Error, Result};
use crate::gguf;
use crate::metadata::{Metadata, Value};
use crate::mmap::Bytes;
use crate::npy::{self, Npy};
use crate::safetensors::Checkpoint;
use crate::zip::Archive;

/// What quantized tensors of a GGUF file become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quantized {
    /// Q4_0, Q4_1 and Q8_0: affine weights in groups of 32, as `name.weight`, `name.scales` and
    /// `name.biases`; all others: `float16`. What `mlx.core` does.
    #[default]
    Repacked,
    /// All of them: `float16`.
    Dequantized,
}

/// The arrays of a file, whose format its extension tells.
///
/// # Errors
/// [`Error::Malformed`] when the extension is none of ours or the file breaks its format; [`Error::Io`].
pub fn load(path: impl AsRef<Path>) -> Result<Loaded> {
    let path = path.as_ref();
    load_as(path, Format::of(path)?)
}

/// The arrays of a file of this format, whatever it is called.
///
/// # Errors
/// [`Error::Malformed`] when the file breaks the format; [`Error::Io`].
pub fn load_as(path: impl AsRef<Path>, format: Format) -> Result<Loaded> {
    Ok(match format {
        Format::Npy => Loaded::Array(load_npy(path)?),
        Format::Npz => Loaded::Arrays(load_npz(path)?, None),
        Format::Safetensors => {
            let (arrays, metadata) = load_safetensors(path)?;
            Loaded::Arrays(arrays, Some(metadata))
        }
        Format::Gguf => {
            let (arrays, metadata) = load_gguf(path, Quantized::default())?;
            Loaded::Arrays(arrays, Some(metadata))
        }
    })
}

/// The arrays of a file that is in memory, as of one on the disk; errors call it `file`.
///
/// # Errors
/// [`Error::Malformed`] when the content breaks the format.
pub fn read(content: impl Into<Bytes>, format: Format, file: &str) -> Result<Loaded> {
    let content = content.into();
    Ok(match format {
        Format::Npy => Loaded::Array(from_npy(npy::read(content, file)?, file)?),
        Format::Npz => Loaded::Arrays(of_archive(content, file)?, None),
        Format::Safetensors => {
            let (arrays, notes) = with_notes(&Checkpoint::named(content, file)?, file)?;
            Loaded::Arrays(arrays, Some(notes))
        }
        Format::Gguf => {
            let content = gguf::read(content, file)?;
            let (arrays, notes) = of_gguf(content, Quantized::default(), file)?;
            Loaded::Arrays(arrays, Some(notes))
        }
    })
}

/// The array of a npy file.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Io`].
pub fn load_npy(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    from_npy(npy::open(path)?, &path.display().to_string())
}

/// The arrays of a npz archive; each is read when this is called unless it is stored and aligned, as
/// those of [`savez`](super::savez) are.
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Member`] when the archive or a member of it is wrong; [`Error::Io`].
pub fn load_npz(path: impl AsRef<Path>) -> Result<Arrays> {
    let path = path.as_ref();
    of_archive(Bytes::map(path)?, &path.display().to_string())
}

fn of_archive(content: Bytes, file: &str) -> Result<Arrays> {
    let archive = Archive::read(content, file)?;
    let mut arrays = Arrays::new();
    for member in &archive.members {
        let wrong = |reason: String| Error::member(file, &member.name, reason);
        let name = (member.name.strip_suffix(".npy"))
            .ok_or_else(|| wrong("is not an array: its name does not end in .npy".to_owned()))?;
        let place = format!("{file}: member `{}`", crate::error::one_line(&member.name));
        let array = from_npy(npy::read(archive.content(member)?, &place)?, &place)?;
        if arrays.insert(name.to_owned(), array).is_some() {
            return Err(wrong("is there twice".to_owned()));
        }
    }
    Ok(arrays)
}

/// The arrays of a safetensors file, or of a folder of them, and its notes. 8-bit floats, which are no
/// dtype, are `uint8`.
///
/// # Errors
/// [`Error::Incomplete`], [`Error::Malformed`] and [`Error::Tensor`] when the file is wrong; [`Error::Io`].
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<(Arrays, Metadata)> {
    let path = path.as_ref();
    with_notes(&Checkpoint::open(path)?, &path.display().to_string())
}

fn with_notes(checkpoint: &Checkpoint, file: &str) -> Result<(Arrays, Metadata)> {
    let arrays = of_checkpoint(checkpoint, file)?;
    let notes = checkpoint.metadata().iter();
    let notes = notes.map(|(key, text)| (key.clone(), Value::from(text.as_str())));
    Ok((arrays, notes.collect()))
}

/// The arrays of a checkpoint; errors call it `file`.
pub(crate) fn of_checkpoint(checkpoint: &Checkpoint, file: &str) -> Result<Arrays> {
    let arrays = checkpoint.iter().map(|(name, tensor)| {
        let array = from_bytes(&tensor.bytes, tensor.dtype, &tensor.shape, file)?;
        Ok((name.to_owned(), array))
    });
    arrays.collect()
}

/// The arrays of a GGUF file and its notes.
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Tensor`] when the file is wrong or has a type of blocks that is not
/// supported; [`Error::Io`].
pub fn load_gguf(path: impl AsRef<Path>, quantized: Quantized) -> Result<(Arrays, Metadata)> {
    let path = path.as_ref();
    of_gguf(gguf::open(path)?, quantized, &path.display().to_string())
}

fn of_gguf(content: gguf::Content, quantized: Quantized, file: &str) -> Result<(Arrays, Metadata)> {
    let gguf::Content { tensors, metadata } = content;
    let mut arrays = Arrays::new();
    let mut add = |name: String, bytes: &Bytes, dtype, shape: &[usize]| {
        let array = from_bytes(bytes, dtype, shape, file)?;
        match arrays.insert(name.clone(), array) {
            None => Ok(()),
            Some(_) => Err(Error::tensor(file, &name, "the name is taken")),
        }
    };
    for (name, tensor) in tensors {
        if let Some(dtype) = tensor.kind.dtype() {
            add(name, &tensor.bytes, dtype, &tensor.shape)?;
            continue;
        }
        if quantized == Quantized::Repacked
            && let Some(affine) = tensor.affine()
        {
            let stem = name.strip_suffix(".weight").unwrap_or(&name);
            add(
                format!("{stem}.scales"),
                &affine.scales,
                Dtype::F16,
                &affine.groups,
            )?;
            add(
                format!("{stem}.biases"),
                &affine.biases,
                Dtype::F16,
                &affine.groups,
            )?;
            add(name, &affine.words, Dtype::U32, &affine.shape)?;
            continue;
        }
        let halves = (tensor.halves()).map_err(|reason| Error::tensor(file, &name, reason))?;
        add(name, &Bytes::from(halves), Dtype::F16, &tensor.shape)?;
    }
    Ok((arrays, metadata))
}

fn from_npy(npy: Npy, file: &str) -> Result<Array> {
    let Npy {
        dtype,
        mut shape,
        fortran_order,
        bytes,
    } = npy;
    if !fortran_order {
        return from_bytes(&bytes, dtype, &shape, file);
    }
    shape.reverse();
    let array = from_bytes(&bytes, dtype, &shape, file)?;
    array.transpose(..).map_err(Error::array(file))
}

/// The bytes as an array: where they lie if their place suits the dtype, else copied.
fn from_bytes(bytes: &Bytes, dtype: Dtype, shape: &[usize], file: &str) -> Result<Array> {
    let aligned = bytes.as_ptr().addr().is_multiple_of(dtype.size());
    // A truth value is a byte that is 0 or 1 to every kernel, and any byte to a file.
    let made = if dtype == Dtype::Bool && bytes.iter().any(|&b| b > 1) {
        let truths: Vec<u8> = bytes.iter().map(|&b| u8::from(b != 0)).collect();
        Array::from_bytes(&truths, dtype, shape)
    } else if aligned {
        Array::from_foreign(Arc::new(bytes.clone()), dtype, shape)
    } else {
        Array::from_bytes(bytes, dtype, shape)
    };
    made.map_err(Error::array(file))
}
