//! Indices as Python writes them.

use lazuli_core::Array;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PySlice, PyTuple};

use super::PyArray;
use crate::error::OrRaise;

/// What an update does with the values that are there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Update {
    Add,
    Subtract,
    Multiply,
    Divide,
    Maximum,
    Minimum,
}

/// `array[index]`.
pub(super) fn read(array: &Array, index: &Bound<'_, PyAny>) -> PyResult<Array> {
    let parts: Vec<Bound<'_, PyAny>> = match index.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().collect(),
        Err(_) => vec![index.clone()],
    };
    let rank = array.rank();
    let taken = parts
        .iter()
        .filter(|p| !p.is_none() && !p.is_instance_of::<PyEllipsis>())
        .count();
    if taken > rank {
        return Err(PyValueError::new_err(format!(
            "index: {taken} indices for shape {}",
            array.shape()
        )));
    }
    let (mut start, mut step, mut len) =
        (vec![0; rank], vec![1isize; rank], array.shape().to_vec());
    let mut shape = Vec::new();
    let mut axis = 0;
    for part in &parts {
        if part.is_none() {
            shape.push(1);
        } else if part.is_instance_of::<PyEllipsis>() {
            let skipped = rank - taken;
            shape.extend(&len[axis..axis + skipped]);
            axis += skipped;
        } else if let Ok(slice) = part.cast::<PySlice>() {
            let range = slice.indices(len[axis] as isize)?;
            start[axis] = if range.slicelength == 0 {
                0
            } else {
                range.start as usize
            };
            step[axis] = range.step;
            len[axis] = range.slicelength;
            shape.push(len[axis]);
            axis += 1;
        } else if let (false, Ok(at)) = (part.is_instance_of::<PyBool>(), part.extract::<isize>()) {
            let length = len[axis];
            let from_start = if at < 0 { at + length as isize } else { at };
            let out = || {
                let message = format!(
                    "index: {at} is outside axis {axis} of shape {}",
                    array.shape()
                );
                PyIndexError::new_err(message)
            };
            start[axis] = usize::try_from(from_start)
                .ok()
                .filter(|&i| i < length)
                .ok_or_else(out)?;
            len[axis] = 1;
            axis += 1;
        } else if let (Ok(indices), [_]) = (part.cast::<PyArray>(), &parts[..]) {
            return array.take(&indices.get().value(), 0).or_raise();
        } else {
            let given = part.get_type().name()?;
            return Err(PyValueError::new_err(format!(
                "index: a {given} is no index"
            )));
        }
    }
    shape.extend(&len[axis..]);
    array
        .slice(&start, &step, &len[..])
        .or_raise()?
        .reshape(&shape[..])
        .or_raise()
}

/// `array[index] = value`, as a new array.
pub(super) fn write(
    array: &Array,
    index: &Bound<'_, PyAny>,
    _: &Bound<'_, PyAny>,
) -> PyResult<Array> {
    Err(PyValueError::new_err(format!(
        "index: cannot write {array:?} at {}",
        index.repr()?
    )))
}

/// `array.at[index].add(value)` and the like.
pub(super) fn update(
    array: &Array,
    index: &Bound<'_, PyAny>,
    _: &Bound<'_, PyAny>,
    how: Update,
) -> PyResult<Array> {
    Err(PyValueError::new_err(format!(
        "at: cannot {how:?} {array:?} at {}",
        index.repr()?
    )))
}
