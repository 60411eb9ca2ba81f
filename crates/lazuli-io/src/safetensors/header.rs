//! The header of one safetensors file: parsed, then checked against the bytes that follow it.
//!
//! Parsing keeps entries in a list, duplicates included, because a map would silently keep the last
//! of two tensors with one name. Everything that the rest of the crate believes about a file is
//! established in [`Header::read`]; after it, a byte range can be sliced without another check.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::{ELEMENTS, LONGEST_HEADER, METADATA, MOST_DIMENSIONS};
use crate::error::{Error, Result, one_line, sizes};
use crate::size::byte_size;
use lazuli_core::Dtype;

/// A checked header: every range lies inside the file, and no two overlap.
pub(super) struct Header {
    pub(super) tensors: Vec<Entry>,
    pub(super) metadata: BTreeMap<String, String>,
}

pub(super) struct Entry {
    pub(super) name: String,
    pub(super) stored_as: &'static str,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Position in the file.
    pub(super) range: Range<usize>,
}

impl Header {
    /// Reads the header at the front of `content`, the whole of a file that errors call `file`.
    pub(super) fn read(content: &[u8], file: &str) -> Result<Header> {
        let (json, tensor_bytes) = split(content, file)?;
        let raw: RawHeader = serde_json::from_slice(json)
            .map_err(|e| Error::malformed(file, format!("the header is not valid: {e}")))?;
        let base = content.len() - tensor_bytes;
        let mut tensors = Vec::with_capacity(raw.tensors.len());
        let mut wanted = 0u64;
        for (name, tensor) in raw.tensors {
            let entry = check(name, tensor, file)?;
            wanted = wanted.saturating_add(entry.range.len() as u64);
            tensors.push(entry);
        }
        check_names(&tensors, file)?;
        check_places(&mut tensors, tensor_bytes, wanted, file)?;
        for entry in &mut tensors {
            entry.range = entry.range.start + base..entry.range.end + base;
        }
        Ok(Header {
            tensors,
            metadata: raw.metadata,
        })
    }
}

/// The JSON, and how many bytes of tensors follow it.
fn split<'a>(content: &'a [u8], file: &str) -> Result<(&'a [u8], usize)> {
    if content.starts_with(b"version https://git-lfs") {
        return Err(Error::malformed(
            file,
            "this is a Git LFS pointer, not the tensors: fetch them with `git lfs pull`",
        ));
    }
    let Some((length, rest)) = content.split_first_chunk::<8>() else {
        let has = content.len();
        let reason = format!("the file has {has} bytes, the length of a header alone has 8");
        return Err(Error::incomplete(file, reason));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        let reason = format!(
            "header of {length} bytes, the limit is {LONGEST_HEADER}: this is not a safetensors file"
        );
        return Err(Error::malformed(file, reason));
    }
    match rest.split_at_checked(length as usize) {
        Some((json, tensors)) => Ok((json, tensors.len())),
        None => {
            let has = rest.len();
            let reason = format!("header of {length} bytes, the file has {has} after its length");
            Err(Error::incomplete(file, reason))
        }
    }
}

/// One entry on its own: a dtype that we know, and a shape that fills its offsets exactly.
///
/// The range that comes back counts from the end of the header and is not yet known to be in the file.
fn check(name: String, raw: RawTensor, file: &str) -> Result<Entry> {
    let wrong = |reason: String| Err(Error::tensor(file, &name, reason));
    let Some(&(stored_as, dtype)) = ELEMENTS.iter().find(|(known, _)| *known == raw.dtype) else {
        let known: Vec<_> = ELEMENTS.iter().map(|(known, _)| *known).collect();
        let (got, known) = (one_line(&raw.dtype), known.join(" "));
        return wrong(format!("unknown dtype `{got}`; supported: {known}"));
    };
    if raw.shape.len() > MOST_DIMENSIONS {
        let got = raw.shape.len();
        return wrong(format!(
            "{got} dimensions, at most {MOST_DIMENSIONS} are supported"
        ));
    }
    let dimensions: Option<Vec<usize>> =
        raw.shape.iter().map(|&n| usize::try_from(n).ok()).collect();
    let sized = dimensions.and_then(|shape| Some((byte_size(dtype, &shape)?, shape)));
    let Some((bytes, shape)) = sized else {
        let shape = &raw.shape;
        return wrong(format!(
            "shape {shape:?} of {stored_as} is larger than memory can be"
        ));
    };
    let (begin, end) = raw.data_offsets;
    if begin > end {
        return wrong(format!("data_offsets [{begin}, {end}] run backwards"));
    }
    if end - begin != bytes as u64 {
        let span = end - begin;
        return wrong(format!(
            "data_offsets [{begin}, {end}] span {span} bytes, {shape:?} of {stored_as} needs {bytes}"
        ));
    }
    let (Ok(start), Ok(end)) = (usize::try_from(begin), usize::try_from(end)) else {
        return wrong(format!(
            "data_offsets [{begin}, {end}] are beyond what memory can be"
        ));
    };
    Ok(Entry {
        name,
        stored_as,
        dtype,
        shape,
        range: start..end,
    })
}

fn check_names(tensors: &[Entry], file: &str) -> Result<()> {
    let mut names: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::tensor(file, pair[0], "is in the header twice")),
        None => Ok(()),
    }
}

/// All entries together: inside the file, and apart from each other. Sorts them by position.
fn check_places(tensors: &mut [Entry], has: usize, wanted: u64, file: &str) -> Result<()> {
    tensors.sort_by_key(|t| (t.range.start, t.range.end));
    let mut previous: Option<&Entry> = None;
    for entry in tensors.iter().filter(|t| !t.range.is_empty()) {
        if let Some(previous) = previous
            && entry.range.start < previous.range.end
        {
            let (theirs, ours) = (&previous.range, &entry.range);
            let reason = format!(
                "bytes {}..{} overlap tensor `{}` at {}..{}",
                ours.start,
                ours.end,
                one_line(&previous.name),
                theirs.start,
                theirs.end
            );
            return Err(Error::tensor(file, &entry.name, reason));
        }
        previous = Some(entry);
    }
    let Some(outside) = tensors.iter().find(|t| t.range.end > has) else {
        return Ok(());
    };
    // Without gaps the header is plausible and the file is short; with gaps it is the header that lies.
    let end = tensors.iter().map(|t| t.range.end as u64).max();
    if end == Some(wanted) {
        let (wanted, has) = sizes(wanted, has as u64);
        let reason = format!("header says {wanted} of tensors, the file has {has}");
        return Err(Error::incomplete(file, reason));
    }
    let Range { start, end } = outside.range;
    let reason = format!("bytes {start}..{end} lie outside the file's {has} bytes of tensors");
    Err(Error::tensor(file, &outside.name, reason))
}

#[derive(Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

struct RawHeader {
    tensors: Vec<(String, RawTensor)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<RawHeader, M::Error> {
        let mut header = RawHeader {
            tensors: Vec::new(),
            metadata: BTreeMap::new(),
        };
        while let Some(name) = map.next_key::<String>()? {
            let named = |e: M::Error| M::Error::custom(format!("`{}`: {e}", one_line(&name)));
            if name == METADATA {
                // MLX writes null when there is none.
                let metadata = map.next_value::<Option<_>>().map_err(named)?;
                header.metadata = metadata.unwrap_or_default();
            } else {
                let tensor = map.next_value().map_err(named)?;
                header.tensors.push((name, tensor));
            }
        }
        Ok(header)
    }
}
