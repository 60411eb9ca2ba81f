//! Typed, bounded access to the keys of a JSON object.
//!
//! Absent and null are the same (published configs use both); every number has a range, so that no
//! later product overflows and no file makes us allocate absurd amounts. A float may be tagged,
//! `{"__float__": "Infinity"}`, as transformers writes what JSON cannot hold.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::error::{Error, Result};

/// A JSON object and where it is in the file.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    within: String,
}

impl<'a> Fields<'a> {
    pub(super) fn root(object: &'a Map<String, Value>) -> Self {
        Fields {
            object,
            within: String::new(),
        }
    }

    /// The key with the objects around it, for errors.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.within)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|v| !v.is_null())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.object.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.object.is_empty()
    }

    /// An error about `key`, which has a value or not.
    pub(super) fn refuse(&self, key: &str, expected: impl Display) -> Error {
        match self.get(key) {
            Some(value) => Error::value(self.path(key), value, expected),
            None => Error::missing(self.path(key), expected),
        }
    }

    fn typed<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
        expected: impl Display,
    ) -> Result<Option<T>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => read(value)
                .map(Some)
                .ok_or_else(|| Error::value(self.path(key), value, expected)),
        }
    }

    pub(super) fn size(&self, key: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
        let read = |v: &Value| {
            usize::try_from(v.as_u64()?)
                .ok()
                .filter(|n| range.contains(n))
        };
        self.typed(key, read, whole(&range))
    }

    pub(super) fn required_size(&self, key: &str, range: RangeInclusive<usize>) -> Result<usize> {
        self.size(key, range.clone())?
            .ok_or_else(|| Error::missing(self.path(key), whole(&range)))
    }

    pub(super) fn sizes(
        &self,
        key: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<Vec<usize>>> {
        let one = |v: &Value| {
            usize::try_from(v.as_u64()?)
                .ok()
                .filter(|n| range.contains(n))
        };
        let read = |v: &Value| v.as_array()?.iter().map(one).collect();
        self.typed(key, read, format_args!("a list, each {}", whole(&range)))
    }

    pub(super) fn float(&self, key: &str, range: RangeInclusive<f64>) -> Result<Option<f64>> {
        let read = |v: &Value| float(v).filter(|x| range.contains(x));
        self.typed(key, read, number(&range))
    }

    pub(super) fn required_float(&self, key: &str, range: RangeInclusive<f64>) -> Result<f64> {
        self.float(key, range.clone())?
            .ok_or_else(|| Error::missing(self.path(key), number(&range)))
    }

    pub(super) fn required_floats(
        &self,
        key: &str,
        len: usize,
        range: RangeInclusive<f64>,
    ) -> Result<Vec<f64>> {
        let one = |v: &Value| float(v).filter(|x| range.contains(x));
        let read = |v: &Value| -> Option<Vec<f64>> {
            let list = v.as_array().filter(|list| list.len() == len)?;
            list.iter().map(one).collect()
        };
        let expected = format!("a list of {len}, each {}", number(&range));
        self.typed(key, read, &expected)?
            .ok_or_else(|| Error::missing(self.path(key), &expected))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, Value::as_bool, "true or false")
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.typed(key, Value::as_str, "a string")
    }

    pub(super) fn list(&self, key: &str) -> Result<Option<&'a [Value]>> {
        self.typed(key, |v| v.as_array().map(Vec::as_slice), "a list")
    }

    pub(super) fn object(&self, key: &str) -> Result<Option<Fields<'a>>> {
        let read = |v: &'a Value| {
            Some(Fields {
                object: v.as_object()?,
                within: format!("{}{key}.", self.within),
            })
        };
        self.typed(key, read, "an object")
    }
}

fn whole(range: &RangeInclusive<usize>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

fn number(range: &RangeInclusive<f64>) -> String {
    format!(
        "a number from {} to {}",
        short(*range.start()),
        short(*range.end())
    )
}

fn short(x: f64) -> String {
    if x != 0.0 && !(1e-3..1e6).contains(&x.abs()) {
        format!("{x:e}")
    } else {
        x.to_string()
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Object(tagged) if tagged.len() == 1 => match tagged.get("__float__")?.as_str()? {
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            "NaN" => Some(f64::NAN),
            _ => None,
        },
        _ => value.as_f64(),
    }
}
