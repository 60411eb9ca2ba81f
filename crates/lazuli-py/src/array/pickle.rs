//! Pickling: NumPy's array of the values and the number of the dtype, as the reference pickles.

use lazuli_core::{Array, Dtype};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::PyArray;
use crate::error::OrRaise;
use crate::reply::Reply;

/// Numbers of dtypes in pickles, which are the reference's.
const NUMBERS: [(Dtype, u8); 14] = [
    (Dtype::Bool, 0),
    (Dtype::U8, 1),
    (Dtype::U16, 2),
    (Dtype::U32, 3),
    (Dtype::U64, 4),
    (Dtype::I8, 5),
    (Dtype::I16, 6),
    (Dtype::I32, 7),
    (Dtype::I64, 8),
    (Dtype::F16, 9),
    (Dtype::F32, 10),
    (Dtype::F64, 11),
    (Dtype::BF16, 12),
    (Dtype::C64, 13),
];

/// How to make the object again: the bytes, so that NumPy need not be there.
pub(super) fn reduce(object: &Bound<'_, PyArray>) -> PyResult<Py<PyAny>> {
    let py = object.py();
    let array = object.get().value();
    let bytes = py.detach(|| array.to_bytes()).or_raise()?;
    let restore = py.import("lazuli.core")?.getattr("_restore")?;
    let shape = array.shape().clone().reply(py)?;
    let parts = (PyBytes::new(py, &bytes), array.dtype().reply(py)?, shape);
    Ok((restore, parts).into_pyobject(py)?.into_any().unbind())
}

/// The inverse of [`reduce`].
#[pyfunction]
#[pyo3(name = "_restore")]
pub(crate) fn restore(
    bytes: &Bound<'_, PyBytes>,
    dtype: &Bound<'_, crate::dtype::PyDtype>,
    shape: Vec<usize>,
) -> PyResult<PyArray> {
    let array = Array::from_bytes(bytes.as_bytes(), dtype.get().0, &shape[..]).or_raise()?;
    Ok(PyArray::new(array))
}

/// What `__getstate__` gives: (NumPy array, number); bfloat16 as 16-bit words.
pub(super) fn state(py: Python<'_>, array: &Array) -> PyResult<Py<PyAny>> {
    let number = NUMBERS
        .iter()
        .find(|(d, _)| *d == array.dtype())
        .map_or(0, |(_, n)| *n);
    let shown = if array.dtype() == Dtype::BF16 {
        let bytes = py.detach(|| array.to_bytes()).or_raise()?;
        Array::from_bytes(&bytes, Dtype::U16, array.shape()).or_raise()?
    } else {
        array.clone()
    };
    let values = super::buffer::numpy(&Bound::new(py, PyArray::new(shown))?, None, Some(true))?;
    Ok((values, number).into_pyobject(py)?.into_any().unbind())
}

/// The array of a state.
pub(super) fn from_state(state: &Bound<'_, PyTuple>) -> PyResult<Array> {
    let wrong = || PyValueError::new_err("__setstate__: needs (NumPy array, number of the dtype)");
    let (values, number): (Bound<'_, PyAny>, u8) = state.extract().map_err(|_| wrong())?;
    let dtype = NUMBERS
        .iter()
        .find(|(_, n)| *n == number)
        .map(|(d, _)| *d)
        .ok_or_else(wrong)?;
    let array = super::foreign::import_as(&values, Some(dtype))?.ok_or_else(wrong)?;
    if dtype == Dtype::BF16 {
        let bytes = array.to_bytes().or_raise()?;
        return Array::from_bytes(&bytes, dtype, array.shape()).or_raise();
    }
    array.astype(dtype).or_raise()
}
