//! Arrays with one row per slot.

use lazuli_core::ops::scatter::Mode;
use lazuli_core::{Array, Result};

/// `array` with `axis` extended to `len` by zeros, which take no memory until they are written.
pub(super) fn extend(array: &Array, axis: usize, len: usize) -> Result<Array> {
    if len <= array.dim(axis) {
        return Ok(array.clone());
    }
    let room = Array::zeroed(array.shape().with(axis, len), array.dtype())?;
    let (start, step) = (vec![0; array.rank()], vec![1; array.rank()]);
    room.slice_update(array, &start, &step, Mode::Set)
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
