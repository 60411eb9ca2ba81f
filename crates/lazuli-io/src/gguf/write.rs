//! Writing version 3: the front, then each tensor's elements in order, each padded to the alignment.

use std::io::Write;

use half::f16;

use super::header::{ARRAY, MOST_DIMENSIONS, NUMBERS, STRING};
use super::kind::Kind;
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC};
use crate::error::{Error, Result};
use crate::metadata::{Metadata, Numbers, Value};

/// Longer names than this are refused by the format's other readers.
const LONGEST_NAME: usize = 63;

/// A tensor that is going to be written.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name, unique in the file.
    pub name: String,
    /// How its elements are stored.
    pub kind: Kind,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
}

/// Everything before the tensors.
///
/// # Errors
/// [`Error::Tensor`] when a name, shape or kind is none that can be written; [`Error::Malformed`] when a
/// note is none, or asks for another alignment than 32.
pub fn front(specs: &[Spec], metadata: &Metadata, file: &str) -> Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((specs.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        if key == ALIGNMENT_KEY && value.index() != Some(DEFAULT_ALIGNMENT) {
            let reason = format!("metadata `{key}`: files are written with {DEFAULT_ALIGNMENT}");
            return Err(Error::malformed(file, reason));
        }
        text(&mut out, key);
        value_with_type(&mut out, value)
            .map_err(|e| Error::malformed(file, format!("metadata `{key}`: {e}")))?;
    }
    let mut names = std::collections::BTreeSet::new();
    let mut offset = 0u64;
    for Spec { name, kind, shape } in specs {
        let wrong = |reason: String| Error::tensor(file, name, reason);
        let length = kind.bytes(shape).map_err(wrong)? as u64;
        if shape.len() > MOST_DIMENSIONS {
            let reason = format!("{} dimensions, at most {MOST_DIMENSIONS}", shape.len());
            return Err(wrong(reason));
        }
        if name.len() > LONGEST_NAME {
            let reason = format!("its name has {} bytes, at most {LONGEST_NAME}", name.len());
            return Err(wrong(reason));
        }
        if !names.insert(name) {
            return Err(wrong("the name is taken".to_owned()));
        }
        if kind.dtype().is_none() && !matches!(kind, Kind::Q8_0 | Kind::Q4_0) {
            return Err(wrong(format!("{kind} is read, not written")));
        }
        text(&mut out, name);
        out.extend((shape.len() as u32).to_le_bytes());
        for &n in shape.iter().rev() {
            out.extend((n as u64).to_le_bytes());
        }
        out.extend(kind.number().to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset = offset
            .checked_add(length.next_multiple_of(DEFAULT_ALIGNMENT))
            .ok_or_else(|| wrong("the file would be larger than files can be".to_owned()))?;
    }
    let padded = out.len().next_multiple_of(DEFAULT_ALIGNMENT as usize);
    out.resize(padded, 0);
    Ok(out)
}

/// A whole file in memory, from what [`read`](super::read) gave or another made.
///
/// # Errors
/// As [`front`].
pub fn write(tensors: &[(Spec, &[u8])], metadata: &Metadata, file: &str) -> Result<Vec<u8>> {
    let specs: Vec<Spec> = tensors.iter().map(|(spec, _)| spec.clone()).collect();
    let mut out = front(&specs, metadata, file)?;
    for (spec, elements) in tensors {
        let wrong = |e: std::io::Error| Error::tensor(file, &spec.name, e.to_string());
        write_tensor(&mut out, spec.kind, elements).map_err(wrong)?;
    }
    Ok(out)
}

/// Writes a tensor's elements and their padding: plain ones as they are, floats of 32 bits as blocks.
///
/// # Errors
/// What `out` reports.
pub fn write_tensor(out: &mut impl Write, kind: Kind, elements: &[u8]) -> std::io::Result<()> {
    let mut length = elements.len() as u64;
    let pack = match kind {
        Kind::Q8_0 => q8_0,
        Kind::Q4_0 => q4_0,
        _ => {
            out.write_all(elements)?;
            return pad(out, length);
        }
    };
    length = 0;
    let mut block = Vec::with_capacity(kind.block_bytes());
    for group in elements.chunks_exact(4 * kind.block()) {
        let mut values = [0f32; 32];
        for (value, bytes) in values.iter_mut().zip(group.chunks_exact(4)) {
            *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        block.clear();
        pack(&values, &mut block);
        out.write_all(&block)?;
        length += block.len() as u64;
    }
    pad(out, length)
}

fn pad(out: &mut impl Write, length: u64) -> std::io::Result<()> {
    let padding = length.next_multiple_of(DEFAULT_ALIGNMENT) - length;
    out.write_all(&[0; DEFAULT_ALIGNMENT as usize][..padding as usize])
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// The largest magnitude becomes 127.
fn q8_0(values: &[f32; 32], out: &mut Vec<u8>) {
    let largest = values.iter().fold(0f32, |most, v| most.max(v.abs()));
    let scale = largest / 127.0;
    out.extend(f16::from_f32(scale).to_le_bytes());
    let inverse = inverse(scale);
    out.extend(values.iter().map(|v| (v * inverse).round() as i8 as u8));
}

/// The value of the largest magnitude, with its sign, becomes -8.
fn q4_0(values: &[f32; 32], out: &mut Vec<u8>) {
    let largest = values
        .iter()
        .fold(0f32, |most, &v| if v.abs() > most.abs() { v } else { most });
    let scale = largest / -8.0;
    out.extend(f16::from_f32(scale).to_le_bytes());
    let inverse = f64::from(inverse(scale));
    let number = |v: f32| ((f64::from(v) * inverse + 8.5) as u8).min(15);
    out.extend((0..16).map(|i| number(values[i]) | number(values[i + 16]) << 4));
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The format's number for notes of this type.
fn numbered(numbers: &Numbers) -> std::result::Result<u32, String> {
    let row = NUMBERS.iter().find(|row| row.1 == numbers.dtype);
    let known = || NUMBERS.map(|row| row.1.name()).join(" ");
    let Some(row) = row else {
        let dtype = numbers.dtype;
        return Err(format!(
            "{dtype} is no type of notes; those are {}",
            known()
        ));
    };
    if numbers.len.unwrap_or(1).checked_mul(numbers.dtype.size()) != Some(numbers.bytes.len()) {
        let (bytes, dtype) = (numbers.bytes.len(), numbers.dtype);
        return Err(format!(
            "{bytes} bytes for {:?} of {dtype}",
            numbers.shape()
        ));
    }
    Ok(row.0)
}

fn value_with_type(out: &mut Vec<u8>, value: &Value) -> std::result::Result<(), String> {
    match value {
        Value::Text(content) => {
            out.extend(STRING.to_le_bytes());
            text(out, content);
            Ok(())
        }
        Value::Numbers(numbers) if numbers.len.is_none() => {
            out.extend(numbered(numbers)?.to_le_bytes());
            out.extend(&numbers.bytes);
            Ok(())
        }
        list => {
            out.extend(ARRAY.to_le_bytes());
            list_with_type(out, list)
        }
    }
}

fn list_with_type(out: &mut Vec<u8>, list: &Value) -> std::result::Result<(), String> {
    match list {
        Value::Texts(texts) => {
            out.extend(STRING.to_le_bytes());
            out.extend((texts.len() as u64).to_le_bytes());
            texts.iter().for_each(|content| text(out, content));
        }
        Value::Numbers(numbers) if numbers.len.is_some() => {
            out.extend(numbered(numbers)?.to_le_bytes());
            out.extend((numbers.len.unwrap_or(0) as u64).to_le_bytes());
            out.extend(&numbers.bytes);
        }
        Value::Lists(lists) => {
            out.extend(ARRAY.to_le_bytes());
            out.extend((lists.len() as u64).to_le_bytes());
            for list in lists {
                list_with_type(out, list)?;
            }
        }
        Value::Text(_) | Value::Numbers(_) => {
            return Err("a list of lists holds something that is no list".to_owned());
        }
    }
    Ok(())
}
