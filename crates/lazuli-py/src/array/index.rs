//! Indices as Python writes them, as the core's.

use lazuli_core::Array;
use lazuli_core::index::{Index, Item};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyList, PySlice, PyTuple};

use super::{PyArray, array_of, foreign};
use crate::error::OrRaise;
use crate::operand::Operand;

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

fn item(part: &Bound<'_, PyAny>) -> PyResult<Item> {
    if part.is_none() {
        return Ok(Item::NewAxis);
    }
    if part.is_instance_of::<PyEllipsis>() {
        return Ok(Item::Ellipsis);
    }
    if let Ok(slice) = part.cast::<PySlice>() {
        let step = bound(slice, "step")?.unwrap_or(1);
        if step == 0 {
            return Err(PyValueError::new_err("index: the step of a slice is zero"));
        }
        return Ok(Item::Range {
            start: bound(slice, "start")?,
            stop: bound(slice, "stop")?,
            step,
        });
    }
    if let Ok(array) = part.cast::<PyArray>() {
        return Ok(Item::Array(array.get().value()));
    }
    if part.is_instance_of::<PyBool>() {
        return Ok(Item::Array(Operand::of(part)?.to_array()?));
    }
    if part.is_instance_of::<PyList>() {
        return Ok(Item::Array(array_of(part, None)?));
    }
    if let Ok(at) = part.extract::<isize>() {
        return Ok(Item::At(at));
    }
    match foreign::like(part)? {
        Some(array) => Ok(Item::Array(array)),
        None => match foreign::import(part) {
            Ok(Some(array)) if !array.dtype().is_inexact() => Ok(Item::Array(array)),
            _ => Err(PyValueError::new_err(format!(
                "index: a {} is no index; integers, slices, None, ... and arrays of integers or bools are",
                part.get_type().name()?
            ))),
        },
    }
}

fn bound(slice: &Bound<'_, PySlice>, name: &str) -> PyResult<Option<isize>> {
    let value = slice.getattr(name)?;
    if value.is_none() {
        return Ok(None);
    }
    value.extract().map(Some).map_err(|_| {
        PyValueError::new_err(format!("index: `{name}` of a slice is an integer or None"))
    })
}

fn index_of(index: &Bound<'_, PyAny>) -> PyResult<Index> {
    match index.cast::<PyTuple>() {
        Ok(parts) => Ok(Index(
            parts.iter().map(|p| item(&p)).collect::<PyResult<_>>()?,
        )),
        Err(_) => Ok(Index([item(index)?].into_iter().collect())),
    }
}

/// `array[index]`.
pub(super) fn read(array: &Array, index: &Bound<'_, PyAny>) -> PyResult<Array> {
    array.get(index_of(index)?).or_raise()
}

/// The value of a write, in the dtype of the array.
fn value_for(array: &Array, value: &Bound<'_, PyAny>) -> PyResult<Array> {
    let value = match Operand::number(value)? {
        Some(number) => number.to_dtype(array.dtype())?,
        None => array_of(value, None)?,
    };
    value.astype(array.dtype()).or_raise()
}

/// `array[index] = value`, as a new array.
pub(super) fn write(
    array: &Array,
    index: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<Array> {
    array
        .set(index_of(index)?, value_for(array, value)?)
        .or_raise()
}

/// `array.at[index].add(value)` and the like.
pub(super) fn update(
    array: &Array,
    index: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    how: Update,
) -> PyResult<Array> {
    let (at, value) = (
        array.at(index_of(index)?),
        Operand::of(value)?.beside(array.dtype())?,
    );
    match how {
        Update::Add => at.add(value),
        Update::Subtract => at.subtract(value),
        Update::Multiply => at.multiply(value),
        Update::Divide => at.divide(value),
        Update::Maximum => at.maximum(value),
        Update::Minimum => at.minimum(value),
    }
    .or_raise()
}
