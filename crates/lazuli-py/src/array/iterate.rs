//! Iteration over the first axis, and the marker for objects that stand for an array.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lazuli_core::Array;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::PyArray;
use crate::error::OrRaise;

/// Goes over the first axis.
#[pyclass(frozen, name = "ArrayIterator", module = "lazuli.core")]
pub(crate) struct ArrayIterator {
    array: Array,
    next: AtomicUsize,
}

impl ArrayIterator {
    pub(super) fn new(array: Array) -> PyResult<ArrayIterator> {
        if array.rank() == 0 {
            return Err(PyTypeError::new_err("iter: the array has no axis"));
        }
        Ok(ArrayIterator {
            array,
            next: AtomicUsize::new(0),
        })
    }
}

#[pymethods]
impl ArrayIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self) -> PyResult<Option<PyArray>> {
        let at = self.next.fetch_add(1, Relaxed);
        if at >= self.array.dim(0) {
            // Further calls must not wrap around.
            self.next.store(self.array.dim(0), Relaxed);
            return Ok(None);
        }
        let row = self.array.narrow(0, at, at + 1).or_raise()?;
        let row = row.reshape(self.array.shape().without(0)).or_raise()?;
        Ok(Some(PyArray::new(row)))
    }
}

/// Any object with `__mlx_array__`, held so that it can be given where an array is.
#[pyclass(frozen, name = "ArrayLike", module = "lazuli.core")]
pub(crate) struct ArrayLike {
    object: Py<PyAny>,
}

#[pymethods]
impl ArrayLike {
    #[new]
    #[pyo3(signature = (arg, /))]
    fn new(arg: Py<PyAny>) -> ArrayLike {
        ArrayLike { object: arg }
    }

    fn __mlx_array__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.object.call_method0(py, "__mlx_array__")
    }
}
