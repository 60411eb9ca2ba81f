//! Products of matrices.

use lazuli_core::Array;

use crate::call::{Entry, row};

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    vec![row!(
        "matmul",
        "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
        "The matrix product over the last two axes.",
        |a: Array, b: Array| a.matmul(&b)
    )]
}
