//! Results of Rust functions as Python objects.

use lazuli_core::{Array, Dtype, Shape};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::array::PyArray;
use crate::error::OrRaise;

/// A result that Python can be given.
pub(crate) trait Reply {
    /// The object, or the exception.
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

impl Reply for Array {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.check().or_raise()?;
        Ok(Py::new(py, PyArray::new(self))?.into_any())
    }
}

impl<T: Reply> Reply for lazuli_core::Result<T> {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.or_raise()?.reply(py)
    }
}

impl<T: Reply> Reply for PyResult<T> {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self?.reply(py)
    }
}

/// A list.
impl<T: Reply> Reply for Vec<T> {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let items = self.into_iter().map(|v| v.reply(py));
        let items = items.collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, items)?.into_any().unbind())
    }
}

/// A tuple of any length.
pub(crate) struct Tuple<T>(pub(crate) Vec<T>);

impl<T: Reply> Reply for Tuple<T> {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let items = self.0.into_iter().map(|v| v.reply(py));
        let items = items.collect::<PyResult<Vec<_>>>()?;
        Ok(PyTuple::new(py, items)?.into_any().unbind())
    }
}

macro_rules! tuples {
    ($(($($name:ident),*))*) => {$(
        impl<$($name: Reply),*> Reply for ($($name,)*) {
            #[allow(non_snake_case)]
            fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                let ($($name,)*) = self;
                let items = [$($name.reply(py)?),*];
                Ok(PyTuple::new(py, items)?.into_any().unbind())
            }
        }
    )*};
}

tuples! { (A, B) (A, B, C) }

/// One array, or a list of several.
pub(crate) struct OneOrList(pub(crate) Vec<Array>);

impl Reply for OneOrList {
    fn reply(mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.0.len() {
            1 => self.0.swap_remove(0).reply(py),
            _ => self.0.reply(py),
        }
    }
}

impl Reply for () {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.None())
    }
}

impl Reply for Dtype {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(crate::dtype::object(py, self)?.into_any())
    }
}

impl Reply for Shape {
    fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(PyTuple::new(py, self.iter())?.into_any().unbind())
    }
}

impl Reply for Py<PyAny> {
    fn reply(self, _: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self)
    }
}

macro_rules! plain {
    ($($ty:ty)*) => {$(
        impl Reply for $ty {
            fn reply(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                Ok(self.into_pyobject(py)?.to_owned().into_any().unbind())
            }
        }
    )*};
}

plain! { bool usize String }
