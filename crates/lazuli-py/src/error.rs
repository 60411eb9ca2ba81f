//! Errors of the core as the exceptions that `mlx.core` raises.

use lazuli_core::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyIndexError, PyMemoryError, PyRuntimeError, PyTypeError, PyValueError};

/// The exception for an error: what was asked for is a `ValueError`, a place that does not exist an
/// `IndexError`, and what a device could not do a `RuntimeError`.
pub(crate) fn exception(error: Error) -> PyErr {
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
