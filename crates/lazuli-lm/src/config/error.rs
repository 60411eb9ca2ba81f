//! Why a `config.json` was refused: one line each, with the key, its value, and what would be right.

use std::fmt;

use serde_json::Value;

use super::family::Family;

/// What is wrong with a model folder's `config.json`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The error behind, and the file that it is in.
    #[error("{path}: {error}")]
    File {
        /// The file, as the caller named it.
        path: String,
        /// What is wrong in it.
        error: Box<Error>,
    },
    /// The file cannot be read.
    #[error("cannot be read ({0}); a model folder holds a config.json")]
    Read(String),
    /// The bytes are not a JSON object.
    #[error("{0}; a config.json is one JSON object")]
    Json(String),
    /// `model_type` names no family of ours.
    #[error("unknown model family `{0}`; supported: {names}", names = Family::names())]
    UnknownFamily(String),
    /// The folder brings its own Python code, which is never run.
    #[error(
        "the model needs the Python code in `{file}` (auto_map), which is not run; \
         unknown model family `{model_type}`; supported: {names}",
        names = Family::names()
    )]
    CustomCode {
        /// The file that `auto_map` names.
        file: String,
        /// The unknown `model_type`.
        model_type: String,
    },
    /// A key is needed and absent or null.
    #[error("{key} is missing; it must be {expected}")]
    Missing {
        /// The key, with the objects around it.
        key: String,
        /// What would be right.
        expected: String,
    },
    /// A key has a value that cannot be right.
    #[error("{key} is {value}; it must be {expected}")]
    Value {
        /// The key, with the objects around it.
        key: String,
        /// Its value, shortened.
        value: String,
        /// What would be right.
        expected: String,
    },
}

/// Result of reading a config.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(super) fn missing(key: impl Into<String>, expected: impl fmt::Display) -> Self {
        Error::Missing {
            key: shorten(&key.into()),
            expected: expected.to_string(),
        }
    }

    pub(super) fn value(
        key: impl Into<String>,
        value: &Value,
        expected: impl fmt::Display,
    ) -> Self {
        Error::Value {
            key: shorten(&key.into()),
            value: shorten(&value.to_string()),
            expected: expected.to_string(),
        }
    }
}

/// At most 80 characters, none of which breaks the line or drives a terminal.
pub(crate) fn shorten(text: &str) -> String {
    const LEN: usize = 80;
    let mut out: String = text
        .chars()
        .take(LEN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(LEN).is_some() {
        out.push('…');
    }
    out
}
