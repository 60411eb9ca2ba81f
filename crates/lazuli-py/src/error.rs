//! Errors of the core as the exceptions that `mlx.core` raises.

use std::cell::RefCell;

use lazuli_core::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyIndexError, PyMemoryError, PyRuntimeError, PyTypeError, PyValueError};

thread_local! {
    /// The exception that a Python function raised inside a transform of the core.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Name of the operation in errors that stand for an exception.
const PYTHON: &str = "python";

/// An error that stands for an exception; [`exception`] gives the exception back.
pub(crate) fn carried(raised: PyErr) -> Error {
    let message = raised.to_string();
    RAISED.replace(Some(raised));
    Error::value(PYTHON, message)
}

/// The exception for an error: what was asked for is a `ValueError`, a place that does not exist an
/// `IndexError`, and what a device could not do a `RuntimeError`.
pub(crate) fn exception(error: Error) -> PyErr {
    if error.op() == PYTHON
        && let Some(raised) = RAISED.take()
    {
        return raised;
    }
    let message = error.to_string();
    match error {
        Error::Shape(_) | Error::Dtype(_) | Error::Value(_) | Error::Unsupported(_) => {
            PyValueError::new_err(message)
        }
        Error::Index(_) => PyIndexError::new_err(message),
        Error::Memory(_) => PyMemoryError::new_err(message),
        Error::Device(_) => PyRuntimeError::new_err(message),
    }
}

/// `?` from the core's results into Python's.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception for the error.
    fn or_raise(self) -> pyo3::PyResult<T>;
}

impl<T> OrRaise<T> for lazuli_core::Result<T> {
    fn or_raise(self) -> pyo3::PyResult<T> {
        self.map_err(exception)
    }
}

/// A `ValueError` of `op`.
pub(crate) fn value_error(op: &str, message: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("{op}: {message}"))
}

/// A `TypeError` of `op`.
pub(crate) fn type_error(op: &str, message: impl std::fmt::Display) -> PyErr {
    PyTypeError::new_err(format!("{op}: {message}"))
}
