//! Why a model was not converted: one line each.

use crate::config;
use crate::weights::Mismatch;

/// Why a conversion was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The config is wrong, or of a family that is not known.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Config and tensors do not fit one another.
    #[error("{folder}: {mismatch}")]
    Mismatch {
        /// The model's folder.
        folder: String,
        /// Everything that does not fit.
        mismatch: Mismatch,
    },
    /// A file cannot be read or written, or the target exists.
    #[error(transparent)]
    File(#[from] lazuli_io::Error),
    /// A computation failed.
    #[error(transparent)]
    Compute(#[from] lazuli_core::Error),
    /// Quantized weights cannot be quantized again.
    #[error("the model is quantized already: convert it with --dequantize first")]
    Quantized,
    /// There is nothing to dequantize.
    #[error("the model is not quantized: leave out --dequantize")]
    NotQuantized,
    /// One tensor or module has no place, or a form that is not supported.
    #[error("{file}: tensor `{tensor}`: {reason}")]
    Tensor {
        /// The file or folder.
        file: String,
        /// Name in the checkpoint.
        tensor: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The caller ended the conversion.
    #[error("interrupted; nothing was written")]
    Interrupted,
}

/// Result of a conversion.
pub type Result<T> = std::result::Result<T, Error>;
