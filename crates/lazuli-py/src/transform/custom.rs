//! `custom_function`: a function with its own rules for `vjp`, `jvp` and `vmap`.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use lazuli_core::Array;
use lazuli_core::transforms::of_trees;
use lazuli_core::tree::Prefix;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Flat, callable};
use crate::array::PyArray;
use crate::error::{OrRaise, carried};
use crate::tree;

#[derive(Default)]
struct Rules {
    vjp: Option<Py<PyAny>>,
    jvp: Option<Py<PyAny>>,
    vmap: Option<Py<PyAny>>,
}

/// A function that may be given rules of its own, each by a decorator.
#[pyclass(frozen, weakref, name = "custom_function", module = "lazuli.core")]
pub(crate) struct CustomFunction {
    fun: Py<PyAny>,
    rules: Mutex<Rules>,
}

impl CustomFunction {
    fn give(&self, set: impl FnOnce(&mut Rules)) {
        set(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The trees of one call, which rules run later are given again.
struct Trees {
    operands: Flat,
    outputs: Mutex<Option<Flat>>,
}

impl Trees {
    fn outputs<'py>(&self, py: Python<'py>, arrays: &[Array]) -> PyResult<Bound<'py, PyAny>> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        match &*outputs {
            Some(outputs) => outputs.with(py, arrays),
            None => Err(PyValueError::new_err(
                "custom_function: the function was not called",
            )),
        }
    }

    /// The operands as rules take them: one argument as it is, several as a tuple.
    fn operands<'py>(&self, py: Python<'py>, arrays: &[Array]) -> PyResult<Bound<'py, PyAny>> {
        let args = self.operands.with(py, arrays)?.cast_into::<PyTuple>()?;
        match args.len() {
            1 => args.get_item(0),
            _ => Ok(args.into_any()),
        }
    }
}

type Arrays = Vec<Array>;

#[pymethods]
impl CustomFunction {
    #[new]
    fn new(f: &Bound<'_, PyAny>) -> PyResult<CustomFunction> {
        callable("custom_function", f)?;
        Ok(CustomFunction {
            fun: f.clone().unbind(),
            rules: Mutex::default(),
        })
    }

    /// Sets the rule (primals, cotangents, outputs) -> cotangents of the primals.
    fn vjp(&self, py: Python<'_>, f: Py<PyAny>) -> Py<PyAny> {
        self.give(|rules| rules.vjp = Some(f.clone_ref(py)));
        f
    }

    /// Sets the rule (primals, tangents) -> tangents of the outputs.
    fn jvp(&self, py: Python<'_>, f: Py<PyAny>) -> Py<PyAny> {
        self.give(|rules| rules.jvp = Some(f.clone_ref(py)));
        f
    }

    /// Sets the rule (inputs, axes) -> (outputs, their axes).
    fn vmap(&self, py: Python<'_>, f: Py<PyAny>) -> Py<PyAny> {
        self.give(|rules| rules.vmap = Some(f.clone_ref(py)));
        f
    }

    #[pyo3(signature = (*args))]
    fn __call__(&self, py: Python<'_>, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        let trees = Arc::new(Trees {
            operands: Flat::strict("custom_function", args.as_any())?,
            outputs: Mutex::new(None),
        });
        let rules = {
            let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            let clone = |rule: &Option<Py<PyAny>>| rule.as_ref().map(|r| r.clone_ref(py));
            Rules {
                vjp: clone(&rules.vjp),
                jvp: clone(&rules.jvp),
                vmap: clone(&rules.vmap),
            }
        };
        let body = |x: &Arrays| {
            Python::attach(|py| -> PyResult<Arrays> {
                let args = trees.operands.with(py, x)?.cast_into::<PyTuple>()?;
                let out = Flat::strict("custom_function", &self.fun.bind(py).call1(args)?)?;
                let arrays = out.arrays.clone();
                *trees.outputs.lock().unwrap_or_else(PoisonError::into_inner) = Some(out);
                Ok(arrays)
            })
            .map_err(carried)
        };
        let mut function = of_trees::custom_function(body);
        if let Some(rule) = rules.vjp {
            let trees = trees.clone();
            function = function.with_vjp(
                move |primals: &Arrays, cotangents: &Arrays, outputs: &Arrays| {
                    let run = |py: Python<'_>| {
                        let given = (
                            trees.operands(py, primals)?,
                            trees.outputs(py, cotangents)?,
                            trees.outputs(py, outputs)?,
                        );
                        arrays_of(&rule.bind(py).call1(given)?)
                    };
                    Python::attach(run).map_err(carried)
                },
            );
        }
        if let Some(rule) = rules.jvp {
            let trees = trees.clone();
            function = function.with_jvp(move |primals: &Arrays, tangents: &Arrays| {
                let run = |py: Python<'_>| {
                    let given = (trees.operands(py, primals)?, trees.operands(py, tangents)?);
                    arrays_of(&rule.bind(py).call1(given)?)
                };
                Python::attach(run).map_err(carried)
            });
        }
        if let Some(rule) = rules.vmap {
            let trees = trees.clone();
            function = function.with_vmap(move |inputs: &Arrays, axes: &[Option<usize>]| {
                Python::attach(|py| batched(py, &rule, &trees, inputs, axes)).map_err(carried)
            });
        }
        let outputs = function.call(&trees.operands.arrays).or_raise()?;
        Ok(trees.outputs(py, &outputs)?.unbind())
    }
}

fn arrays_of(result: &Bound<'_, PyAny>) -> PyResult<Arrays> {
    Ok(Flat::strict("custom_function", result)?.arrays)
}

fn batched(
    py: Python<'_>,
    rule: &Py<PyAny>,
    trees: &Trees,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> PyResult<(Arrays, Prefix<Option<isize>>)> {
    let operands = trees.operands(py, inputs)?;
    let mut next = axes.iter();
    let axes = tree::map(&operands, &mut |leaf| match next.next() {
        Some(axis) if leaf.is_instance_of::<PyArray>() => Ok(axis.into_pyobject(py)?.into_any()),
        _ => Ok(leaf.clone()),
    })?;
    let result = rule.bind(py).call1((operands, axes))?;
    let (outputs, out_axes): (Bound<'_, PyAny>, Bound<'_, PyAny>) = result.extract()?;
    let axes = super::vectorize::spread(&out_axes, &outputs)?;
    Ok((
        arrays_of(&outputs)?,
        Prefix::Each(axes.into_iter().map(Prefix::All).collect()),
    ))
}
