//! From arrays to files.
//!
//! Every array is computed before its file is begun; an array is written from where it lies, so saving
//! takes memory only for those whose elements are not in row-major order, one at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use lazuli_core::buffer::HostView;
use lazuli_core::{Array, Dtype};

use super::Format;
use crate::error::{Error, Result, one_line};
use crate::gguf::{self, Kind};
use crate::metadata::Metadata;
use crate::npy;
use crate::safetensors::{Options, TensorSpec, Writer};
use crate::staging::Staging;
use crate::zip;

/// Writes one array as npy, in C order. A path without the extension gets it.
///
/// # Errors
/// [`Error::Array`] when the array cannot be computed; [`Error::Io`].
pub fn save(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    let path = with_extension(path.as_ref(), Format::Npy);
    let elements = Elements::of(array, &path)?;
    npy::save(&path, array.dtype(), array.shape(), elements.bytes())
}

/// Writes named arrays as npz, stored: what is loaded from it stays in the file. A path without the
/// extension gets it.
///
/// # Errors
/// [`Error::Member`] when a name is given twice; [`Error::Array`] when an array cannot be computed;
/// [`Error::Io`].
pub fn savez<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
) -> Result<()> {
    write_npz(path.as_ref(), arrays, false)
}

/// As [`savez`], deflated.
///
/// # Errors
/// As [`savez`].
pub fn savez_compressed<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
) -> Result<()> {
    write_npz(path.as_ref(), arrays, true)
}

/// Writes named arrays and notes as safetensors. A path without the extension gets it.
///
/// # Errors
/// [`Error::Tensor`] when a name is given twice or is the format's own; [`Error::Array`] when an array
/// cannot be computed; [`Error::Io`].
pub fn save_safetensors<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let path = with_extension(path.as_ref(), Format::Safetensors);
    write_safetensors(&path, arrays, metadata)
}

/// As [`save_safetensors`], to exactly this path.
pub(crate) fn write_safetensors<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let arrays = computed(arrays, path)?;
    let spec = |&(name, array): &(&str, &Array)| {
        TensorSpec::new(name, array.dtype(), array.shape().to_vec())
    };
    let specs: Vec<TensorSpec> = arrays.iter().map(spec).collect();
    let options = Options {
        metadata: metadata.clone(),
        ..Options::default()
    };
    let mut writer = Writer::file(path, &specs, &options)?;
    for (name, array) in arrays {
        writer.write(name, Elements::of(array, path)?.bytes())?;
    }
    writer.finish()
}

/// Writes named arrays and notes as GGUF, each in its own dtype. A path without the extension gets it.
///
/// # Errors
/// [`Error::Tensor`] when a dtype, shape or name is none of the format's or a name is given twice;
/// [`Error::Array`] when an array cannot be computed; [`Error::Io`].
pub fn save_gguf<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &Metadata,
) -> Result<()> {
    save_gguf_as(path, arrays, metadata, |_, array| Kind::of(array.dtype()))
}

/// As [`save_gguf`], each array as the type that `kind` says for it: its own dtype's, or
/// [`Kind::Q8_0`] and [`Kind::Q4_0`] for floats whose last axis is a multiple of 32. None: refused.
///
/// # Errors
/// As [`save_gguf`].
pub fn save_gguf_as<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &Metadata,
    kind: impl Fn(&str, &Array) -> Option<Kind>,
) -> Result<()> {
    let path = with_extension(path.as_ref(), Format::Gguf);
    let file = path.display().to_string();
    let arrays = computed(arrays, &path)?;
    let mut specs = Vec::with_capacity(arrays.len());
    for &(name, array) in &arrays {
        let kind = kind(name, array).ok_or_else(|| {
            let reason = format!("{} is no type of GGUF: convert it first", array.dtype());
            Error::tensor(&file, name, reason)
        })?;
        specs.push(gguf::Spec {
            name: name.to_owned(),
            kind,
            shape: array.shape().to_vec(),
        });
    }
    let front = gguf::front(&specs, metadata, &file)?;
    whole(&path, |out| {
        out.write_all(&front)
            .map_err(|e| Error::io("cannot write", &path, e))?;
        for (spec, (name, array)) in specs.iter().zip(&arrays) {
            let elements = match spec.kind.dtype() {
                Some(dtype) if dtype == array.dtype() => Elements::of(array, &path)?,
                Some(dtype) => {
                    let reason = format!("{} cannot be written as {dtype}", array.dtype());
                    return Err(Error::tensor(&file, name, reason));
                }
                None if !array.dtype().is_float() => {
                    let (dtype, kind) = (array.dtype(), spec.kind);
                    let reason = format!("{dtype} cannot be written as {kind}: it takes floats");
                    return Err(Error::tensor(&file, name, reason));
                }
                None => {
                    let floats = array.astype(Dtype::F32).map_err(Error::array(&file))?;
                    Elements::of(&floats, &path)?
                }
            };
            gguf::write_tensor(out, spec.kind, elements.bytes())
                .map_err(|e| Error::io("cannot write", &path, e))?;
        }
        Ok(())
    })
}

fn write_npz<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    compressed: bool,
) -> Result<()> {
    let path = with_extension(path, Format::Npz);
    let file = path.display().to_string();
    let arrays = computed(arrays, &path)?;
    let mut names = std::collections::BTreeSet::new();
    if let Some((name, _)) = arrays.iter().find(|(name, _)| !names.insert(*name)) {
        return Err(Error::member(&file, name, "the name is taken"));
    }
    let failed = |e| Error::io("cannot write", &path, e);
    whole(&path, |out| {
        let mut archive = zip::Writer::new(out, compressed);
        for (name, array) in &arrays {
            let elements = Elements::of(array, &path)?;
            let bytes = elements.bytes();
            let front = npy::front(array.dtype(), array.shape()).map_err(failed)?;
            let length = (front.len() + bytes.len()) as u64;
            archive
                .add(&format!("{name}.npy"), length, |member| {
                    member.write_all(&front)?;
                    member.write_all(bytes)
                })
                .map_err(failed)?;
        }
        archive.finish().map_err(failed)?;
        Ok(())
    })
}

/// Computes all arrays at once.
fn computed<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    path: &Path,
) -> Result<Vec<(&'a str, &'a Array)>> {
    let arrays: Vec<_> = arrays.into_iter().collect();
    let all: Vec<&Array> = arrays.iter().map(|&(_, array)| array).collect();
    match lazuli_core::eval(&all) {
        Ok(()) => Ok(arrays),
        Err(error) => {
            let file = path.display().to_string();
            let culprit = arrays.iter().find(|(_, array)| array.check().is_err());
            let place = match culprit {
                Some((name, _)) => format!("{file}: `{}`", one_line(name)),
                None => file,
            };
            Err(Error::array(&place)(error))
        }
    }
}

/// Runs `write` on a file that becomes `path` if it succeeds.
fn whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let staging = Staging::file(path)?;
    let failed = |e| Error::io("cannot write", path, e);
    let mut out = BufWriter::new(File::create(staging.path()).map_err(failed)?);
    write(&mut out)?;
    out.flush().map_err(failed)?;
    drop(out);
    staging.commit()
}

/// As `mlx.core` does: `weights` and `weights.v2` become `weights.npy` and `weights.v2.npy`.
fn with_extension(path: &Path, format: Format) -> PathBuf {
    let extension = format.extension();
    if path.extension().is_some_and(|e| e == extension) {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{extension}"));
    PathBuf::from(name)
}

/// An array's elements in row-major order.
struct Elements {
    host: HostView,
    start: usize,
    length: usize,
}

impl Elements {
    fn of(array: &Array, path: &Path) -> Result<Elements> {
        let file = path.display().to_string();
        let row_major = || {
            let shown = array.data()?;
            let shown = if shown.layout.is_contiguous() {
                shown
            } else {
                array.copy()?.data()?
            };
            Ok(Elements {
                start: shown.layout.offset * array.dtype().size(),
                length: array.bytes(),
                host: shown.buffer.host()?,
            })
        };
        row_major().map_err(Error::array(&file))
    }

    fn bytes(&self) -> &[u8] {
        // A buffer has the bytes of every array that shows it.
        self.host
            .get(self.start..self.start + self.length)
            .unwrap_or_default()
    }
}
