//! Everything that can go wrong between a checkpoint and text, in one line each.

/// An error of the language-model engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array operation failed.
    #[error(transparent)]
    Array(#[from] lazuli_core::Error),
    /// The model cannot be loaded.
    #[error(transparent)]
    Model(#[from] crate::model::Error),
    /// The tokenizer or the chat template.
    #[error(transparent)]
    Text(#[from] crate::text::Error),
    /// The sampler refused parameters or logits.
    #[error(transparent)]
    Sample(#[from] crate::sample::Error),
    /// The request cannot be met.
    #[error("{0}")]
    Request(String),
}

impl From<crate::config::Error> for Error {
    fn from(error: crate::config::Error) -> Error {
        Error::Model(error.into())
    }
}

impl From<lazuli_io::Error> for Error {
    fn from(error: lazuli_io::Error) -> Error {
        Error::Model(error.into())
    }
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
