//! Arrays with one row per slot.

use lazuli_core::{Array, Result};

/// `array` with `axis` extended to `len` by zeros.
pub(super) fn extend(array: &Array, axis: usize, len: usize) -> Result<Array> {
    let more = len.saturating_sub(array.dim(axis));
    if more == 0 {
        return Ok(array.clone());
    }
    let zeros = Array::full(array.shape().with(axis, more), 0.0, array.dtype())?;
    Array::concatenate(&[array.clone(), zeros], axis as isize)
}

/// The row of `slot`, as an array of one row.
pub(super) fn row(array: &Array, slot: usize) -> Result<Array> {
    array.narrow(0, slot, slot + 1)
}

/// `array` with the row of `slot` replaced by `row`; none if that is not like its rows.
pub(super) fn replace(array: &Array, slot: usize, row: &Array) -> Result<Option<Array>> {
    let alike = row.dtype() == array.dtype()
        && row.rank() == array.rank()
        && *row.shape() == array.shape().with(0, 1);
    if !alike || slot >= array.dim(0) {
        return Ok(None);
    }
    let mut parts = Vec::with_capacity(3);
    if slot > 0 {
        parts.push(array.narrow(0, 0, slot)?);
    }
    parts.push(row.clone());
    if slot + 1 < array.dim(0) {
        parts.push(array.narrow(0, slot + 1, array.dim(0))?);
    }
    Array::concatenate(&parts, 0).map(Some)
}
