//! npy: one array in one file, as NumPy and MLX write it.
//!
//! Reads versions 1 to 3 with any header that Python could mean; writes version 1 in C order, and
//! version 2 when the header is too long for 1. Elements come out little-endian: a little-endian file
//! is a view of itself, a big-endian one is swapped into memory. bfloat16, which NumPy does not have,
//! is written as the two-byte void `<V2`, as MLX does, and such a void is read as bfloat16.

mod header;

use std::io::Write;
use std::path::Path;

use lazuli_core::Dtype;

use crate::error::{Error, Result, sizes};
use crate::mmap::Bytes;
use crate::size::byte_size;
use crate::staging::Staging;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// What the first byte of the elements is a multiple of, by NumPy's own rule.
const ALIGNMENT: usize = 64;

/// An array as it lies in a file.
#[derive(Debug, Clone)]
pub struct Npy {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// Whether the first dimension varies fastest (Fortran order) instead of the last.
    pub fortran_order: bool,
    /// The elements, little-endian: exactly as many bytes as `dtype` and `shape` need.
    pub bytes: Bytes,
}

/// Opens a npy file; its elements stay in the file until they are read.
///
/// # Errors
/// [`Error::Malformed`] when the file is not npy, is short, or holds what no dtype is; [`Error::Io`].
pub fn open(path: impl AsRef<Path>) -> Result<Npy> {
    let path = path.as_ref();
    read(Bytes::map(path)?, &path.display().to_string())
}

/// Reads a npy file that is in memory, such as a member of an npz; errors call it `file`.
///
/// # Errors
/// As [`open`].
pub fn read(content: impl Into<Bytes>, file: &str) -> Result<Npy> {
    let content = content.into();
    let (text, start) = split(&content, file)?;
    let header = header::parse(text)
        .map_err(|e| Error::malformed(file, format!("the header is not valid: {e}")))?;
    let header::Header {
        element,
        shape,
        fortran_order,
    } = header;
    let too_large = || {
        let reason = format!(
            "shape {shape:?} of {} is larger than memory can be",
            element.dtype
        );
        Error::malformed(file, reason)
    };
    let size = byte_size(element.dtype, &shape).ok_or_else(too_large)?;
    let end = start.checked_add(size).ok_or_else(too_large)?;
    let Some(bytes) = content.slice(start..end) else {
        let (wanted, has) = sizes(size as u64, (content.len() - start) as u64);
        let reason =
            format!("header says {wanted} of elements, the file has {has}: the file is cut short");
        return Err(Error::malformed(file, reason));
    };
    let bytes = match element.swap {
        Some(width) => Bytes::from(swapped(&bytes, width)),
        None => bytes,
    };
    Ok(Npy {
        dtype: element.dtype,
        shape,
        fortran_order,
        bytes,
    })
}

/// The header's text, and where the elements begin.
fn split<'a>(content: &'a [u8], file: &str) -> Result<(&'a str, usize)> {
    let Some(rest) = content.strip_prefix(MAGIC) else {
        return Err(Error::malformed(file, "this is not a npy file"));
    };
    let short = || {
        Error::malformed(
            file,
            "the file ends within its header: the file is cut short",
        )
    };
    let (&[major, minor], rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
    let (length, rest) = match (major, minor) {
        (1, 0) => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            (u16::from_le_bytes(*length) as usize, rest)
        }
        (2 | 3, 0) => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => {
            let reason = format!("npy version {major}.{minor}; supported: 1.0, 2.0, 3.0");
            return Err(Error::malformed(file, reason));
        }
    };
    let (text, elements) = rest.split_at_checked(length).ok_or_else(short)?;
    // Versions 1 and 2 are Latin-1 by definition; beyond ASCII there is only what we refuse anyway.
    let text = std::str::from_utf8(text)
        .map_err(|_| Error::malformed(file, "the header is not valid: it is not text"))?;
    Ok((text, content.len() - elements.len()))
}

fn swapped(bytes: &[u8], width: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for number in bytes.chunks_exact_mut(width) {
        number.reverse();
    }
    bytes
}

/// Writes an array in C order to `out`; the caller names the target in its own errors.
///
/// # Errors
/// `InvalidInput` when `bytes` are not as many as `dtype` and `shape` need; what `out` reports.
pub fn write(
    out: &mut impl Write,
    dtype: Dtype,
    shape: &[usize],
    bytes: &[u8],
) -> std::io::Result<()> {
    if byte_size(dtype, shape) != Some(bytes.len()) {
        let reason = format!("{} bytes given for {shape:?} of {dtype}", bytes.len());
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            reason,
        ));
    }
    out.write_all(&front(dtype, shape)?)?;
    out.write_all(bytes)
}

/// Writes an array in C order to a file, which appears whole, replacing what was there.
///
/// # Errors
/// [`Error::Io`], also when `bytes` are not as many as `dtype` and `shape` need.
pub fn save(path: impl AsRef<Path>, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let staging = Staging::file(path)?;
    std::fs::File::create(staging.path())
        .and_then(|mut file| write(&mut file, dtype, shape, bytes))
        .map_err(|e| Error::io("cannot write", path, e))?;
    staging.commit()
}

/// Everything before the elements.
pub(crate) fn front(dtype: Dtype, shape: &[usize]) -> std::io::Result<Vec<u8>> {
    let text = header::text(dtype, shape);
    let padded = |fixed: usize| (fixed + text.len() + 1).next_multiple_of(ALIGNMENT);
    let mut front = Vec::with_capacity(padded(12));
    front.extend_from_slice(MAGIC);
    let end = match u16::try_from(padded(10) - 10) {
        Ok(length) => {
            front.extend_from_slice(&[1, 0]);
            front.extend_from_slice(&length.to_le_bytes());
            padded(10)
        }
        Err(_) => {
            let length = u32::try_from(padded(12) - 12).map_err(std::io::Error::other)?;
            front.extend_from_slice(&[2, 0]);
            front.extend_from_slice(&length.to_le_bytes());
            padded(12)
        }
    };
    front.extend_from_slice(text.as_bytes());
    front.resize(end - 1, b' ');
    front.push(b'\n');
    Ok(front)
}
