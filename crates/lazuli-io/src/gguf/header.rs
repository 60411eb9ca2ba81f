//! Everything before the tensors, read from bytes that may say anything.
//!
//! Every count is held against the bytes that so many things need before one of them is read, so a
//! header allocates no more than a small multiple of its own length.

use std::collections::BTreeMap;

use lazuli_core::Dtype;

use super::kind::{Kind, unsupported};
use super::{ALIGNMENT_KEY, Content, DEFAULT_ALIGNMENT, MAGIC, Tensor};
use crate::error::{Error, Result, one_line, sizes};
use crate::metadata::{Metadata, Numbers, Value};
use crate::mmap::Bytes;

/// More dimensions than any writer gives a tensor.
pub(super) const MOST_DIMENSIONS: usize = 8;
/// Lists in lists in lists: no writer makes more than one level.
const DEEPEST: usize = 4;
/// The least bytes of a note: a key's length, a type, a value.
const SMALLEST_NOTE: u64 = 13;
/// The least bytes of a tensor's entry: a name's length, a number of dimensions, a type, an offset.
const SMALLEST_ENTRY: u64 = 24;

type Parsed<T> = std::result::Result<T, String>;

pub(super) fn read(content: &Bytes, file: &str) -> Result<Content> {
    let mut cursor = Cursor { content, at: 0 };
    let (entries, metadata) = cursor
        .header()
        .map_err(|reason| Error::malformed(file, reason))?;
    let alignment = alignment(&metadata).map_err(|reason| Error::malformed(file, reason))?;
    let base = (cursor.at as u64).next_multiple_of(alignment);
    let mut tensors = BTreeMap::new();
    for entry in entries {
        let tensor = entry
            .tensor(content, base, alignment)
            .map_err(|reason| Error::tensor(file, &entry.name, reason))?;
        if tensors.insert(entry.name.clone(), tensor).is_some() {
            return Err(Error::tensor(file, &entry.name, "is in the header twice"));
        }
    }
    Ok(Content { tensors, metadata })
}

fn alignment(metadata: &Metadata) -> Parsed<u64> {
    let Some(value) = metadata.get(ALIGNMENT_KEY) else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    match value.index() {
        Some(n) if n.is_power_of_two() && n <= 1 << 20 => Ok(n),
        _ => Err(format!(
            "`{ALIGNMENT_KEY}` must be a power of two, up to 1048576"
        )),
    }
}

/// A tensor as the header lists it.
struct Entry {
    name: String,
    dims: Vec<u64>,
    number: u32,
    offset: u64,
}

impl Entry {
    fn tensor(&self, content: &Bytes, base: u64, alignment: u64) -> Parsed<Tensor> {
        let kind = Kind::numbered(self.number).ok_or_else(|| unsupported(self.number))?;
        let shape = self.dims.iter().rev().map(|&n| usize::try_from(n).ok());
        let shape: Option<Vec<usize>> = shape.collect();
        let shape = shape.ok_or("its shape is larger than memory can be")?;
        let length = kind.bytes(&shape)?;
        let offset = self.offset;
        if !offset.is_multiple_of(alignment) {
            return Err(format!("offset {offset} is not a multiple of {alignment}"));
        }
        let place = base
            .checked_add(offset)
            .and_then(|start| Some((start, start.checked_add(length as u64)?)));
        let bytes = match place {
            // A tensor of nothing may stand at the very end, before padding that is not there.
            Some(_) if length == 0 => content.slice(0..0),
            Some((start, end)) if end <= content.len() as u64 => {
                content.slice(start as usize..end as usize)
            }
            _ => None,
        };
        let bytes = bytes.ok_or_else(|| {
            let (wanted, has) = sizes(length as u64, content.len() as u64);
            format!(
                "{wanted} at offset {offset} lie outside the file's {has}: the file is cut short"
            )
        })?;
        Ok(Tensor { kind, shape, bytes })
    }
}

struct Cursor<'a> {
    content: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn left(&self) -> u64 {
        (self.content.len() - self.at) as u64
    }

    fn take(&mut self, length: u64) -> Parsed<&[u8]> {
        let at = self.at;
        let end = usize::try_from(length).ok().and_then(|n| at.checked_add(n));
        let bytes = end
            .and_then(|end| self.content.get(at..end))
            .ok_or_else(|| {
                let has = self.content.len();
                format!(
                    "{length} bytes at {at} lie outside the file's {has}: the file is cut short"
                )
            })?;
        self.at += bytes.len();
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64)?);
        Ok(out)
    }

    fn u32(&mut self) -> Parsed<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Parsed<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things that take at least `least` bytes each.
    fn count(&mut self, what: &str, least: u64) -> Parsed<u64> {
        let at = self.at;
        let count = self.u64()?;
        if count > self.left() / least {
            let left = self.left();
            return Err(format!(
                "{count} {what} at {at} do not fit the {left} bytes that follow: the file is cut short"
            ));
        }
        Ok(count)
    }

    fn text(&mut self) -> Parsed<String> {
        let at = self.at;
        let length = self.u64()?;
        let text = self.take(length)?.to_vec();
        String::from_utf8(text).map_err(|_| format!("the text at {at} is not UTF-8"))
    }

    fn header(&mut self) -> Parsed<(Vec<Entry>, Metadata)> {
        if self.content.first_chunk() != Some(MAGIC) {
            return Err("this is not a GGUF file".to_owned());
        }
        self.at = MAGIC.len();
        let version = self.u32()?;
        match version {
            2 | 3 => {}
            _ if matches!(version.swap_bytes(), 1..=0xff) && version > 0xff => {
                return Err("the file is big-endian, which is not supported".to_owned());
            }
            _ => return Err(format!("GGUF version {version}; supported: 2, 3")),
        }
        let tensors = self.count("tensors", SMALLEST_ENTRY)?;
        let notes = self.count("notes", SMALLEST_NOTE)?;
        let mut metadata = Metadata::new();
        for _ in 0..notes {
            let key = self.text()?;
            let named = |reason| format!("metadata `{}`: {reason}", one_line(&key));
            let kind = self.u32().map_err(named)?;
            let value = self.value(kind, DEEPEST).map_err(named)?;
            if metadata.contains_key(&key) {
                return Err(named("is there twice".to_owned()));
            }
            metadata.insert(key, value);
        }
        let entries = (0..tensors).map(|_| self.entry());
        Ok((entries.collect::<Parsed<_>>()?, metadata))
    }

    fn entry(&mut self) -> Parsed<Entry> {
        let name = self.text()?;
        let named = |reason| format!("tensor `{}`: {reason}", one_line(&name));
        let dimensions = self.u32().map_err(named)?;
        if dimensions as usize > MOST_DIMENSIONS {
            return Err(named(format!(
                "{dimensions} dimensions, at most {MOST_DIMENSIONS} are supported"
            )));
        }
        let dims = (0..dimensions).map(|_| self.u64());
        let dims = dims.collect::<Parsed<Vec<u64>>>().map_err(named)?;
        Ok(Entry {
            dims,
            number: self.u32().map_err(named)?,
            offset: self.u64().map_err(named)?,
            name,
        })
    }

    fn value(&mut self, kind: u32, depth: usize) -> Parsed<Value> {
        match kind {
            STRING => self.text().map(Value::Text),
            ARRAY => self.list(depth),
            _ => self.numbers(kind, None).map(Value::Numbers),
        }
    }

    fn list(&mut self, depth: usize) -> Parsed<Value> {
        let at = self.at;
        if depth == 0 {
            return Err(format!("lists are nested more than {DEEPEST} deep at {at}"));
        }
        let kind = self.u32()?;
        match kind {
            STRING => {
                let count = self.count("texts", 8)?;
                let texts = (0..count).map(|_| self.text());
                texts.collect::<Parsed<_>>().map(Value::Texts)
            }
            ARRAY => {
                let count = self.count("lists", 12)?;
                let lists = (0..count).map(|_| self.list(depth - 1));
                lists.collect::<Parsed<_>>().map(Value::Lists)
            }
            _ => {
                let least = number(kind)?.size() as u64;
                let count = self.count("numbers", least)?;
                // It is at most the file's length.
                self.numbers(kind, Some(count as usize)).map(Value::Numbers)
            }
        }
    }

    fn numbers(&mut self, kind: u32, len: Option<usize>) -> Parsed<Numbers> {
        let dtype = number(kind)?;
        let length = (len.unwrap_or(1) * dtype.size()) as u64;
        let at = self.at;
        let bytes = self.take(length)?.to_vec();
        if dtype == Dtype::Bool && bytes.iter().any(|&b| b > 1) {
            return Err(format!("a truth value at {at} is neither 0 nor 1"));
        }
        Ok(Numbers { dtype, len, bytes })
    }
}

pub(super) const STRING: u32 = 8;
pub(super) const ARRAY: u32 = 9;

/// The format's numbers for types of notes.
pub(super) const NUMBERS: [(u32, Dtype); 11] = [
    (0, Dtype::U8),
    (1, Dtype::I8),
    (2, Dtype::U16),
    (3, Dtype::I16),
    (4, Dtype::U32),
    (5, Dtype::I32),
    (6, Dtype::F32),
    (7, Dtype::Bool),
    (10, Dtype::U64),
    (11, Dtype::I64),
    (12, Dtype::F64),
];

fn number(kind: u32) -> Parsed<Dtype> {
    let row = NUMBERS.iter().find(|row| row.0 == kind);
    row.map(|row| row.1)
        .ok_or_else(|| format!("unknown type of value {kind}; known: 0 to 12"))
}
