//! Evaluation of trees of arrays.

use pyo3::prelude::*;

use crate::call::{Entry, row};
use crate::{array, tree};

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "eval",
            "(*args: Any) -> None",
            "Computes all arrays in the arguments, which may be nested; other values are passed over.",
            |args: Vec<Py<PyAny>>| Python::attach(|py| {
                let args: Vec<_> = args.iter().map(|a| a.bind(py).clone()).collect();
                array::evaluate(&tree::arrays_in(&args)?)
            })
        ),
        row!(
            "async_eval",
            "(*args: Any) -> None",
            "Starts to compute all arrays in the arguments and returns at once.",
            |args: Vec<Py<PyAny>>| Python::attach(|py| {
                let args: Vec<_> = args.iter().map(|a| a.bind(py).clone()).collect();
                array::start(tree::arrays_in(&args)?);
                Ok::<_, PyErr>(())
            })
        ),
    ]
}
