//! `compile`: a Python function traced once for each signature of its arguments, then run as a plan.
//!
//! The operands are the arrays of the arguments, then those of the state that `inputs` names. While the
//! function is traced, the lists and dictionaries of that state hold the arrays of the trace; after each
//! call those of `outputs` hold what the plan computed for them. Arguments that are no arrays are part
//! of the signature, as text.

use std::sync::Arc;

use lazuli_core::compile::Traces;
use lazuli_core::tree::{Arrays, Leaves, Tree};
use lazuli_core::{Array, random};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::Flat;
use crate::array::PyArray;
use crate::error::{OrRaise, carried, value_error};
use crate::modules::RandomState;
use crate::tree;

/// A compiled function without the function.
pub(super) struct Compiled {
    traces: Traces<Values>,
    inputs: Option<Py<PyAny>>,
    outputs: Option<Py<PyAny>>,
}

/// Arrays, and what surrounds them.
struct Operands {
    arrays: Vec<Array>,
    rest: String,
}

impl Tree for Operands {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.text(&self.rest);
        self.arrays.iter().for_each(|a| leaves.leaf(a));
    }

    fn unflatten(&self, arrays: &mut Arrays) -> lazuli_core::Result<Operands> {
        Ok(Operands {
            arrays: self.arrays.unflatten(arrays)?,
            rest: self.rest.clone(),
        })
    }
}

/// What the function returned, then the state that it left.
struct Values {
    arrays: Vec<Array>,
    /// How many of them are of the result.
    own: usize,
    /// The result, to put arrays into; shared by all calls.
    result: Arc<Py<PyAny>>,
}

impl Tree for Values {
    fn flatten(&self, leaves: &mut Leaves) {
        self.arrays.iter().for_each(|a| leaves.leaf(a));
    }

    fn unflatten(&self, arrays: &mut Arrays) -> lazuli_core::Result<Values> {
        Ok(Values {
            arrays: self.arrays.unflatten(arrays)?,
            own: self.own,
            result: self.result.clone(),
        })
    }
}

impl Compiled {
    pub(super) fn new(
        inputs: Option<Py<PyAny>>,
        outputs: Option<Py<PyAny>>,
        shapeless: bool,
    ) -> Compiled {
        Compiled {
            traces: Traces::new(shapeless),
            inputs,
            outputs,
        }
    }

    pub(super) fn visit(&self, visit: &pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.inputs
            .iter()
            .chain(&self.outputs)
            .try_for_each(|state| visit.call(state))
    }

    pub(super) fn call(
        &self,
        fun: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let py = fun.py();
        let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(py));
        let given = (args, kwargs).into_pyobject(py)?.into_any();
        let mut signature = Signature::default();
        signature.add(&given, true, 0)?;
        let own = signature.arrays.len();
        if let Some(inputs) = &self.inputs {
            signature.add(inputs.bind(py), false, 0)?;
        }
        let operands = Operands {
            arrays: signature.arrays,
            rest: signature.rest,
        };
        let trace = |operands: &Operands| {
            let (own, state) = operands.arrays.split_at(own);
            Python::attach(|py| self.trace(py, fun, &given, own, state)).map_err(carried)
        };
        let values = self.traces.call(&operands, trace).or_raise()?;
        let (own, state) = values.arrays.split_at(values.own);
        if let Some(outputs) = &self.outputs {
            put(outputs.bind(py), state)?;
        }
        let result = Flat {
            arrays: Vec::new(),
            template: values.result.clone_ref(py),
        };
        Ok(result.with(py, own)?.unbind())
    }

    /// Calls the function with `own` in the places of the arrays of `given`, and `state` in those of
    /// `inputs`, which then hold their own arrays again.
    fn trace(
        &self,
        py: Python<'_>,
        fun: &Bound<'_, PyAny>,
        given: &Bound<'_, PyAny>,
        own: &[Array],
        state: &[Array],
    ) -> PyResult<Values> {
        let Some(inputs) = &self.inputs else {
            return self.called(py, fun, given, own);
        };
        let inputs = inputs.bind(py);
        let before = arrays_of(inputs)?;
        let values = match show(inputs, state)? {
            Some(key) => random::with_state(&key, || self.called(py, fun, given, own)).0,
            None => self.called(py, fun, given, own),
        };
        let now = arrays_of(inputs)?;
        if values.is_err() && now.len() == before.len() {
            show(inputs, &before)?;
        } else {
            put_back(inputs, state, &before)?;
        }
        values
    }

    fn called(
        &self,
        py: Python<'_>,
        fun: &Bound<'_, PyAny>,
        given: &Bound<'_, PyAny>,
        own: &[Array],
    ) -> PyResult<Values> {
        let (args, kwargs): (Bound<'_, PyTuple>, Bound<'_, PyDict>) =
            Flat::of(given)?.with(py, own)?.extract()?;
        let result = Flat::of(&fun.call(args, Some(&kwargs))?)?;
        let mut arrays = result.arrays.clone();
        // Without the graph, which the plan takes the place of.
        let hollow = vec![Array::scalar(0.0f32); arrays.len()];
        let hollow = result.with(py, &hollow)?;
        let own = arrays.len();
        if let Some(outputs) = &self.outputs {
            arrays.extend(arrays_of(outputs.bind(py))?);
        }
        Ok(Values {
            arrays,
            own,
            result: Arc::new(hollow.unbind()),
        })
    }
}

/// What plans are told apart by.
#[derive(Default)]
struct Signature {
    arrays: Vec<Array>,
    rest: String,
}

impl Signature {
    /// Adds a tree; if it is not `strict`, leaves that are neither arrays nor the state of `random` count
    /// for nothing.
    fn add(&mut self, tree: &Bound<'_, PyAny>, strict: bool, depth: usize) -> PyResult<()> {
        tree::check_depth(depth)?;
        if let Some(array) = array_of(tree) {
            self.arrays.push(array);
            self.rest.push('a');
            return Ok(());
        }
        if let Ok(dict) = tree.cast::<PyDict>() {
            self.open(tree, '{')?;
            for (key, value) in dict.iter() {
                self.rest.push_str(&key.repr()?.to_cow()?);
                self.rest.push(':');
                self.add(&value, strict, depth + 1)?;
            }
            self.rest.push('}');
            return Ok(());
        }
        let is_list = tree.is_instance_of::<PyList>();
        if is_list || tree.is_instance_of::<PyTuple>() {
            self.open(tree, if is_list { '[' } else { '(' })?;
            for item in tree.try_iter()? {
                self.add(&item?, strict, depth + 1)?;
                self.rest.push(',');
            }
            self.rest.push(']');
            return Ok(());
        }
        if !strict {
            self.rest.push('_');
            return Ok(());
        }
        let constant = tree.is_none()
            || tree.is_instance_of::<PyInt>()
            || tree.is_instance_of::<PyFloat>()
            || tree.is_instance_of::<PyString>();
        if !constant {
            return Err(value_error(
                "compile",
                format!(
                    "takes trees of arrays, numbers, texts and None, not {}",
                    tree.get_type().name()?
                ),
            ));
        }
        self.rest.push_str(&tree.repr()?.to_cow()?);
        Ok(())
    }

    /// Begins a list, tuple or dictionary, named if it is of a class of its own.
    fn open(&mut self, tree: &Bound<'_, PyAny>, bracket: char) -> PyResult<()> {
        let plain = tree.is_exact_instance_of::<PyList>()
            || tree.is_exact_instance_of::<PyTuple>()
            || tree.is_exact_instance_of::<PyDict>();
        if !plain {
            self.rest.push_str(&tree.get_type().qualname()?.to_cow()?);
        }
        self.rest.push(bracket);
        Ok(())
    }
}

/// The array that a leaf is or, of the state of `random`, holds.
fn array_of(leaf: &Bound<'_, PyAny>) -> Option<Array> {
    match leaf.cast::<PyArray>() {
        Ok(array) => Some(array.get().value()),
        Err(_) => leaf.is_instance_of::<RandomState>().then(random::state),
    }
}

/// The arrays of a state, in order.
fn arrays_of(state: &Bound<'_, PyAny>) -> PyResult<Vec<Array>> {
    let mut arrays = Vec::new();
    tree::visit(state, &mut |leaf| {
        arrays.extend(array_of(leaf));
        Ok(())
    })?;
    Ok(arrays)
}

/// Puts `arrays` in the places of those of a state, but for the key of the process, which other threads
/// draw from: that one is returned.
fn show(state: &Bound<'_, PyAny>, arrays: &[Array]) -> PyResult<Option<Array>> {
    let (mut next, mut key) = (arrays.iter(), None);
    tree::fill(state, &mut |leaf| {
        if leaf.is_instance_of::<RandomState>() {
            key = next.next().cloned();
        } else if leaf.is_instance_of::<PyArray>()
            && let Some(array) = next.next()
        {
            return Ok(Bound::new(leaf.py(), PyArray::new(array.clone()))?.into_any());
        }
        Ok(leaf.clone())
    })?;
    Ok(key)
}

/// Puts `arrays` in the places of those of a state.
fn put(state: &Bound<'_, PyAny>, arrays: &[Array]) -> PyResult<()> {
    let mut next = arrays.iter();
    replace(state, |_| {
        let array = next.next().cloned();
        array.map(Some).ok_or_else(|| {
            PyValueError::new_err("compile: the state has more arrays than when it was traced")
        })
    })
}

/// Puts the arrays `before` where those of the trace, `traced`, still are.
fn put_back(state: &Bound<'_, PyAny>, traced: &[Array], before: &[Array]) -> PyResult<()> {
    replace(state, |array| {
        let at = traced.iter().position(|t| t.is_same(array));
        Ok(at.map(|at| before[at].clone()))
    })
}

/// Puts what `with` gives for each array in its place; none: it stays.
fn replace(
    state: &Bound<'_, PyAny>,
    mut with: impl FnMut(&Array) -> PyResult<Option<Array>>,
) -> PyResult<()> {
    tree::fill(state, &mut |leaf| {
        let Some(array) = array_of(leaf) else {
            return Ok(leaf.clone());
        };
        let Some(array) = with(&array)? else {
            return Ok(leaf.clone());
        };
        if leaf.is_instance_of::<RandomState>() {
            random::set_state(&array).or_raise()?;
            return Ok(leaf.clone());
        }
        Ok(Bound::new(leaf.py(), PyArray::new(array))?.into_any())
    })?;
    Ok(())
}
