//! Between text and tokens: tokenizer, chat templates, streaming output, ends and stops.
//!
//! What a model folder says about text is read here and nowhere else. Everything can also be built
//! from bytes, for a model that is embedded in the program. Text that is handed out is final: nothing
//! is ever taken back, so it can go to a terminal or a socket at once.

mod config;
mod decode;
mod detokenize;
mod encoder;
mod eos;
mod jinja;
mod json;
mod stop;
mod strftime;
mod template;
#[cfg(test)]
mod template_tests;
#[cfg(test)]
mod tests;
mod tokenizer;
mod vocabulary;

use std::path::Path;

pub use config::TokenizerConfig;
pub use detokenize::Detokenizer;
pub use eos::EosSet;
pub use stop::{StopMatcher, StopStep};
pub use template::{ChatOptions, ChatTemplate, Ending};
pub use tokenizer::Tokenizer;

/// What can be wrong with a model's text files, or with what is asked of them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A file is missing or unreadable, or does not say what it should.
    #[error("{file}: {reason}")]
    File {
        /// The path, or the file's usual name if it came as bytes.
        file: String,
        /// What is wrong, where, and what would be right.
        reason: String,
    },
    /// The tokenizer refused a text or a token.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A chat template does not compile, or failed on these messages.
    #[error("chat template `{name}`{}: {reason}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Template {
        /// The template's name; `default` if it has none of its own.
        name: String,
        /// The line of the template, from 1.
        line: Option<usize>,
        /// The engine's words, or the template's own (`raise_exception`).
        reason: String,
    },
    /// The model has no chat template.
    #[error(
        "this model has no chat template (no chat_template.jinja, none in tokenizer_config.json): \
         it completes text; use --raw to give it the prompt as it is"
    )]
    NoTemplate,
    /// A stop string is empty.
    #[error("stop: the string at index {0} is empty; a stop string needs at least one character")]
    EmptyStop(usize),
}

/// The result of this module's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error about `file`, in one line.
fn file_error(file: &str, reason: impl std::fmt::Display) -> Error {
    Error::File {
        file: file.to_owned(),
        reason: one_line(&reason.to_string()),
    }
}

/// Runs code of another crate that panics on some inputs instead of returning an error: none if it did.
/// What `run` borrows is only read, or dropped with the error.
fn unless_panicking<T>(run: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

/// `text` without line breaks and runs of spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The bytes of `folder/name`, or none if there is no such file.
fn read_optional(folder: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(&path.display().to_string(), error)),
    }
}

/// `bytes` as a JSON object.
fn json_object(file: &str, bytes: &[u8]) -> Result<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_slice(bytes).map_err(|error| file_error(file, error))
}
