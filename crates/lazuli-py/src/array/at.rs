//! `a.at[index].add(value)`: updates that give a new array and count repeated indices each time.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::PyArray;
use super::index::{self, Update};
use crate::reply::Reply;

/// An array and where it is to be updated.
#[pyclass(frozen, name = "ArrayAt", module = "lazuli.core")]
pub(crate) struct ArrayAt {
    array: Py<PyArray>,
    index: Option<Py<PyAny>>,
}

impl ArrayAt {
    pub(super) fn new(array: Py<PyArray>) -> ArrayAt {
        ArrayAt { array, index: None }
    }

    fn update(&self, py: Python<'_>, value: &Bound<'_, PyAny>, how: Update) -> PyResult<Py<PyAny>> {
        let Some(index) = &self.index else {
            return Err(PyValueError::new_err(
                "at: needs an index: a.at[index].add(value)",
            ));
        };
        let array = self.array.get().value();
        index::update(&array, index.bind(py), value, how)?.reply(py)
    }
}

macro_rules! updates {
    ($($name:ident $how:ident $doc:literal;)*) => {
        #[pymethods]
        impl ArrayAt {
            fn __getitem__(&self, py: Python<'_>, indices: Py<PyAny>) -> ArrayAt {
                ArrayAt { array: self.array.clone_ref(py), index: Some(indices) }
            }

            $(
                #[doc = $doc]
                fn $name(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
                    self.update(py, value, Update::$how)
                }
            )*
        }
    };
}

updates! {
    add Add "The array with `value` added there.";
    subtract Subtract "The array with `value` subtracted there.";
    multiply Multiply "The array multiplied by `value` there.";
    divide Divide "The array divided by `value` there.";
    maximum Maximum "The larger of the array and `value` there.";
    minimum Minimum "The smaller of the array and `value` there.";
}
