//! What a file notes beside its tensors.
//!
//! safetensors notes texts, GGUF also numbers and lists. Numbers keep the width that the file gives
//! them: a reader that writes them again writes the same file.

use std::collections::BTreeMap;

use lazuli_core::Dtype;

/// Notes by key, in key order.
pub type Metadata = BTreeMap<String, Value>;

/// One note.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// A number or a truth value, or a list of them.
    Numbers(Numbers),
    /// Lists in a list.
    Lists(Vec<Value>),
}

/// Numbers of one type: a single one, or a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Element type.
    pub dtype: Dtype,
    /// How many; none: a single one that is not a list.
    pub len: Option<usize>,
    /// The elements, little-endian.
    pub bytes: Vec<u8>,
}

impl Numbers {
    /// The shape of an array of them.
    pub fn shape(&self) -> Vec<usize> {
        self.len.into_iter().collect()
    }
}

impl Value {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A single integer that is not negative, whatever its width.
    pub fn index(&self) -> Option<u64> {
        let Value::Numbers(Numbers {
            dtype,
            len: None,
            bytes,
        }) = self
        else {
            return None;
        };
        let negative = dtype.is_signed_integer() && bytes.last()? & 0x80 != 0;
        if !dtype.is_integer() || negative || bytes.len() > 8 {
            return None;
        }
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Some(u64::from_le_bytes(wide))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Numbers(Numbers {
            dtype: Dtype::U32,
            len: None,
            bytes: number.to_le_bytes().to_vec(),
        })
    }
}
