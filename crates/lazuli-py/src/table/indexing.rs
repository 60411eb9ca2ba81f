//! Elements picked and put by index.

use lazuli_core::Array;
use pyo3::prelude::*;

use crate::argument::dims;
use crate::call::{Entry, row};
use crate::error::OrRaise;
use crate::operand::Operand;

fn take(a: Array, indices: Operand, axis: Option<isize>) -> PyResult<Array> {
    let indices = indices.to_array()?;
    match axis {
        Some(axis) => a.take(&indices, axis).or_raise(),
        None => a
            .flatten(0, -1)
            .and_then(|flat| flat.take(&indices, 0))
            .or_raise(),
    }
}

fn take_along_axis(a: Array, indices: Array, axis: Option<isize>) -> lazuli_core::Result<Array> {
    match axis {
        Some(axis) => a.take_along_axis(&indices, axis),
        None => a
            .flatten(0, -1)?
            .take_along_axis(&indices.flatten(0, -1)?, 0),
    }
}

fn put_along_axis(
    a: Array,
    indices: Array,
    values: Operand,
    axis: Option<isize>,
) -> PyResult<Array> {
    let values = values.beside(a.dtype())?;
    match axis {
        Some(axis) => a.put_along_axis(&indices, &values, axis).or_raise(),
        None => {
            let put = || {
                let values = values.broadcast_to(indices.shape())?.flatten(0, -1)?;
                let flat = a.flatten(0, -1)?;
                flat.put_along_axis(&indices.flatten(0, -1)?, &values, 0)?
                    .reshape(a.shape())
            };
            put().or_raise()
        }
    }
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "take",
            "(a: array, /, indices: int | array, axis: int | None = None, *, stream: StreamOrDevice = None) -> array",
            "Slices picked along an axis; None: of all elements in a row.",
            take
        ),
        row!(
            "take_along_axis",
            "(a: array, /, indices: array, axis: int | None = -1, *, stream: StreamOrDevice = None) -> array",
            "Elements picked along an axis, one position for each result.",
            take_along_axis
        ),
        row!(
            "put_along_axis",
            "(a: array, /, indices: array, values: array, axis: int | None = None, *, stream: StreamOrDevice = None) -> array",
            "The array with values put along an axis, one position for each value.",
            put_along_axis
        ),
        row!(
            "slice",
            "(a: array, start_indices: array, axes: Sequence[int], slice_size: Sequence[int], *, stream: StreamOrDevice = None) -> array",
            "A part of a given size that starts where an array says.",
            |a: Array, start: Array, axes: Vec<isize>, size: Vec<isize>| {
                a.dynamic_slice(&start, &axes, dims(&size)?).or_raise()
            }
        ),
        row!(
            "slice_update",
            "(a: array, update: array, start_indices: array, axes: Sequence[int], *, stream: StreamOrDevice = None) -> array",
            "The array with a part replaced that starts where an array says.",
            |a: Array, update: Array, start: Array, axes: Vec<isize>| {
                a.dynamic_slice_update(&update, &start, &axes)
            }
        ),
    ]
}
