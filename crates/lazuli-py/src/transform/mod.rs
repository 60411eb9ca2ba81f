//! Function transforms over Python functions.
//!
//! The core's transforms call a Rust function of arrays; here it calls the Python function with the
//! tree that the arrays came from. What Python raises inside goes through the core as an error and comes
//! out as the same exception.

mod callable;
mod compiled;
mod custom;
mod export;
mod gradient;
mod vectorize;

use lazuli_core::Array;
use lazuli_core::transforms;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

pub(crate) use callable::Transformed;
pub(crate) use custom::CustomFunction;
pub(crate) use export::{FunctionExporter, ImportedFunction};

use crate::array::PyArray;
use crate::call::{Entry, row};
use crate::error::{OrRaise, carried};
use crate::tree;

/// Arrays of a tree, and the tree to put others back into.
pub(super) struct Flat {
    pub(super) arrays: Vec<Array>,
    template: Py<PyAny>,
}

impl Flat {
    /// The arrays of `tree`; other leaves stay in the template.
    pub(super) fn of(tree: &Bound<'_, PyAny>) -> PyResult<Flat> {
        let arrays = tree::arrays_in(std::slice::from_ref(tree))?;
        Ok(Flat {
            arrays,
            template: tree.clone().unbind(),
        })
    }

    /// As [`Flat::of`], but a leaf that is no array is an error.
    pub(super) fn strict(op: &str, tree: &Bound<'_, PyAny>) -> PyResult<Flat> {
        tree::visit(tree, &mut |leaf| match leaf.is_instance_of::<PyArray>() {
            true => Ok(()),
            false => Err(PyValueError::new_err(format!(
                "{op}: takes arrays and trees of them, not {}",
                leaf.get_type().name()?
            ))),
        })?;
        Flat::of(tree)
    }

    /// The tree with `arrays` in the places of its own.
    pub(super) fn with<'py>(
        &self,
        py: Python<'py>,
        arrays: &[Array],
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut next = arrays.iter();
        tree::map(self.template.bind(py), &mut |leaf| {
            if !leaf.is_instance_of::<PyArray>() {
                return Ok(leaf.clone());
            }
            match next.next() {
                Some(array) => {
                    array.check().or_raise()?;
                    Ok(Bound::new(py, PyArray::new(array.clone()))?.into_any())
                }
                None => Err(PyValueError::new_err(
                    "tree: there are fewer arrays than leaves",
                )),
            }
        })
    }
}

/// A function of arrays that calls `body` with the interpreter; its exception becomes an error that
/// turns into the exception again.
pub(super) fn calling<'f, R>(
    body: impl Fn(Python<'_>, &[Array]) -> PyResult<R> + 'f,
) -> impl Fn(&[Array]) -> lazuli_core::Result<R> + 'f {
    move |arrays| Python::attach(|py| body(py, arrays)).map_err(carried)
}

/// The result of a function that gives an array or a list or tuple of arrays.
fn listed(op: &str, result: &Bound<'_, PyAny>) -> PyResult<Vec<Array>> {
    Ok(Flat::strict(op, result)?.arrays)
}

/// The arrays of a list, as arguments of a function.
fn arguments<'py>(py: Python<'py>, arrays: &[Array]) -> PyResult<Bound<'py, PyTuple>> {
    let objects = arrays
        .iter()
        .map(|a| Bound::new(py, PyArray::new(a.clone())));
    PyTuple::new(py, objects.collect::<PyResult<Vec<_>>>()?)
}

pub(super) fn callable(op: &str, fun: &Bound<'_, PyAny>) -> PyResult<()> {
    match fun.is_callable() {
        true => Ok(()),
        false => Err(PyTypeError::new_err(format!(
            "{op}: `fun` is a function, not {}",
            fun.get_type().name()?
        ))),
    }
}

fn vjp(
    fun: Py<PyAny>,
    primals: Vec<Array>,
    cotangents: Vec<Array>,
) -> PyResult<(Vec<Array>, Vec<Array>)> {
    let call = calling(|py, x| listed("vjp", &fun.bind(py).call1(arguments(py, x)?)?));
    transforms::vjp(call, &primals, &cotangents).or_raise()
}

fn jvp(
    fun: Py<PyAny>,
    primals: Vec<Array>,
    tangents: Vec<Array>,
) -> PyResult<(Vec<Array>, Vec<Array>)> {
    let call = calling(|py, x| listed("jvp", &fun.bind(py).call1(arguments(py, x)?)?));
    transforms::jvp(call, &primals, &tangents).or_raise()
}

/// `fun` at (args, kwargs), recomputed for its gradient.
pub(super) fn checkpointed(
    fun: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = fun.py();
    let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(py));
    let inputs = Flat::of((args, kwargs).into_pyobject(py)?.as_any())?;
    let made = std::cell::RefCell::new(None);
    let call = calling(|py, x| {
        let (args, kwargs): (Bound<'_, PyTuple>, Bound<'_, PyDict>) =
            inputs.with(py, x)?.extract()?;
        let out = Flat::of(&fun.call(args, Some(&kwargs))?)?;
        let arrays = out.arrays.clone();
        made.replace(Some(out));
        Ok(arrays)
    });
    let outputs = transforms::checkpoint(call, &inputs.arrays).or_raise()?;
    match made.take() {
        Some(out) => Ok(out.with(py, &outputs)?.unbind()),
        None => Err(PyValueError::new_err(
            "checkpoint: the function was not called",
        )),
    }
}

fn depends(inputs: Py<PyAny>, dependencies: Py<PyAny>) -> PyResult<Py<PyAny>> {
    Python::attach(|py| {
        let inputs = Flat::strict("depends", inputs.bind(py))?;
        let on = Flat::strict("depends", dependencies.bind(py))?;
        let out =
            lazuli_core::transforms::of_trees::depends(&inputs.arrays, &on.arrays).or_raise()?;
        Ok(inputs.with(py, &out)?.unbind())
    })
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let mut rows = vec![
        row!(
            "vjp",
            "(fun: Callable[..., Any], primals: list[array], cotangents: list[array]) -> tuple[list[array], list[array]]",
            "The outputs of a function, and the product of cotangents with its Jacobian.",
            vjp
        ),
        row!(
            "jvp",
            "(fun: Callable[..., Any], primals: list[array], tangents: list[array]) -> tuple[list[array], list[array]]",
            "The outputs of a function, and the product of its Jacobian with tangents.",
            jvp
        ),
        row!(
            "depends",
            "(inputs: array | Sequence[array], dependencies: array | Sequence[array]) -> Any",
            "The inputs, whose evaluation waits for that of the dependencies.",
            depends
        ),
    ];
    rows.extend(callable::functions());
    rows.extend(export::functions());
    rows
}
