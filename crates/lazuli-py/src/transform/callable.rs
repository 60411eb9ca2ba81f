//! The functions that transforms return: callable, named as what they were made of, usable as methods.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::compiled::Compiled;
use super::gradient::Gradient;
use super::vectorize::Vectorized;
use super::{callable, checkpointed};
use crate::call::{Entry, row};

/// What is done to the function.
pub(super) enum How {
    Gradient(Gradient),
    Vectorized(Vectorized),
    Checkpoint,
    Compiled(Compiled),
}

/// A transformed function.
#[pyclass(frozen, dict, weakref, name = "_gc_func", module = "lazuli.core")]
pub(crate) struct Transformed {
    fun: Py<PyAny>,
    how: How,
}

/// `fun` transformed, with its name and documentation.
pub(super) fn transformed(op: &str, fun: Py<PyAny>, how: How) -> PyResult<Py<PyAny>> {
    Python::attach(|py| {
        callable(op, fun.bind(py))?;
        let made = Bound::new(
            py,
            Transformed {
                fun: fun.clone_ref(py),
                how,
            },
        )?
        .into_any();
        py.import("functools")?
            .call_method1("update_wrapper", (&made, fun))?;
        Ok(made.unbind())
    })
}

#[pymethods]
impl Transformed {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let fun = self.fun.bind(py);
        match &self.how {
            How::Gradient(gradient) => gradient.call(fun, args, kwargs),
            How::Vectorized(vectorized) => vectorized.call(fun, args, kwargs),
            How::Checkpoint => checkpointed(fun, args, kwargs),
            How::Compiled(compiled) => compiled.call(fun, args, kwargs),
        }
    }

    fn __get__(
        slf: &Bound<'_, Self>,
        object: Option<&Bound<'_, PyAny>>,
        _class: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        match object.filter(|o| !o.is_none()) {
            None => Ok(slf.clone().into_any().unbind()),
            Some(object) => {
                let method = slf.py().import("types")?.getattr("MethodType")?;
                Ok(method.call1((slf, object))?.unbind())
            }
        }
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        if let How::Compiled(compiled) = &self.how {
            compiled.visit(&visit)?;
        }
        visit.call(&self.fun)
    }
}

/// The rows.
pub(super) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "value_and_grad",
            "(fun: Callable[P, R], argnums: int | Sequence[int] | None = None, argnames: str | Sequence[str] = []) -> Callable[P, tuple[R, Any]]",
            "A function that gives the value of `fun`, which starts with a scalar, and its gradient.",
            |fun: Py<PyAny>, argnums, argnames| {
                let gradient = Gradient::new("value_and_grad", argnums, argnames, true)?;
                transformed("value_and_grad", fun, How::Gradient(gradient))
            }
        ),
        row!(
            "grad",
            "(fun: Callable[P, R], argnums: int | Sequence[int] | None = None, argnames: str | Sequence[str] = []) -> Callable[P, Any]",
            "A function that gives the gradient of `fun`, whose value is a scalar.",
            |fun: Py<PyAny>, argnums, argnames| {
                let gradient = Gradient::new("grad", argnums, argnames, false)?;
                transformed("grad", fun, How::Gradient(gradient))
            }
        ),
        row!(
            "vmap",
            "(fun: Callable[P, R], in_axes: Any = 0, out_axes: Any = 0) -> Callable[P, R]",
            "A function of a batch: `fun` of each example along the named axes.",
            |fun: Py<PyAny>, in_axes: Py<PyAny>, out_axes: Py<PyAny>| {
                transformed(
                    "vmap",
                    fun,
                    How::Vectorized(Vectorized::new(in_axes, out_axes)),
                )
            }
        ),
        row!(
            "checkpoint",
            "(fun: Callable[P, R]) -> Callable[P, R]",
            "A function whose gradient computes `fun` again instead of keeping what is inside it.",
            |fun: Py<PyAny>| transformed("checkpoint", fun, How::Checkpoint)
        ),
        row!(
            "compile",
            "(fun: Callable[P, R], inputs: object | None = None, outputs: object | None = None, shapeless: bool = False) -> Callable[P, R]",
            "A function with the values of `fun`, traced once for each shape and dtype and run as one plan; \
             `inputs` and `outputs` are the state that it reads and writes besides.",
            |fun: Py<PyAny>,
             inputs: Option<Py<PyAny>>,
             outputs: Option<Py<PyAny>>,
             shapeless: bool| {
                let compiled = Compiled::new(inputs, outputs, shapeless);
                transformed("compile", fun, How::Compiled(compiled))
            }
        ),
        row!(
            "enable_compile",
            "() -> None",
            "Lets compiled functions run as plans, as they do from the start.",
            lazuli_core::enable_compile
        ),
        row!(
            "disable_compile",
            "() -> None",
            "Makes compiled functions call what they were made of.",
            lazuli_core::disable_compile
        ),
    ]
}
