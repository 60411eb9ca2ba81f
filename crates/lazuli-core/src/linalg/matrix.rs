//! Triangles and diagonals of the matrices in the last two axes.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;

/// The diagonals of square matrices.
pub(crate) fn diagonal(a: &Array) -> Result<Array> {
    let n = a.dim(a.rank() - 1);
    let on = Array::identity(n, Dtype::Bool)?;
    Array::select(&on, a, &Array::scalar_of(0.0, a.dtype()))?.sum([-1], false)
}

/// Square matrices with these diagonals.
pub(crate) fn of_diagonal(d: &Array) -> Result<Array> {
    let n = d.dim(d.rank() - 1);
    let on = Array::identity(n, Dtype::Bool)?;
    let rows = d.expand_dims(d.rank())?;
    Array::select(&on, &rows, &Array::scalar_of(0.0, d.dtype()))
}

/// Each column times its number.
pub(crate) fn scale_columns(a: &Array, by: &Array) -> Result<Array> {
    a.multiply(&by.expand_dims(by.rank() - 1)?)
}

/// Each row times its number.
pub(crate) fn scale_rows(a: &Array, by: &Array) -> Result<Array> {
    a.multiply(&by.expand_dims(by.rank())?)
}

/// The triangle of a square matrix, mirrored: what a function of a symmetric matrix sees that reads
/// one triangle. Complex elements are conjugated in the mirror, and of the diagonal the real part is read.
pub(crate) fn mirrored(a: &Array, upper: bool) -> Result<Array> {
    if a.dtype() == Dtype::C64 {
        let strict = if upper { a.triu(1)? } else { a.tril(-1)? };
        let both = strict.add(&strict.matrix_transpose()?.conjugate()?)?;
        return both.add(&of_diagonal(&diagonal(a)?.real()?)?);
    }
    let (kept, strict) = match upper {
        true => (a.triu(0)?, a.triu(1)?),
        false => (a.tril(0)?, a.tril(-1)?),
    };
    kept.add(&strict.matrix_transpose()?)
}
