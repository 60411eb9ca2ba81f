//! Why a model could not be loaded.

use crate::config;
use crate::weights::Mismatch;

/// What is wrong with a model folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its config.json.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Its files.
    #[error(transparent)]
    Files(#[from] lazuli_io::Error),
    /// Config and tensors do not fit one another.
    #[error("{}{mismatch}", prefix(.folder))]
    Weights {
        /// What does not fit.
        mismatch: Mismatch,
        /// The folder, if it is known.
        folder: Option<String>,
    },
    /// Building or computing the parameters.
    #[error(transparent)]
    Array(#[from] lazuli_core::Error),
}

fn prefix(folder: &Option<String>) -> String {
    folder.as_ref().map_or(String::new(), |f| format!("{f}: "))
}

impl From<Mismatch> for Error {
    fn from(mismatch: Mismatch) -> Error {
        Error::Weights {
            mismatch,
            folder: None,
        }
    }
}

impl Error {
    /// The same error, saying which folder it is about.
    pub(super) fn of_folder(self, folder: &std::path::Path) -> Error {
        match self {
            Error::Weights { mismatch, .. } => Error::Weights {
                mismatch,
                folder: Some(folder.display().to_string()),
            },
            other => other,
        }
    }
}
