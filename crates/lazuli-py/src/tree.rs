//! Trees: lists, tuples and dictionaries of arrays, nested, as functions take and return them.
//!
//! Dictionaries go in their own order, and a tree is rebuilt with the types that it had.

use lazuli_core::Array;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::array::PyArray;

/// Nesting beyond this is a tree that contains itself.
const DEEPEST: usize = 128;

/// Calls `leaf` for all that is no list, tuple or dictionary, and builds the same tree of what it
/// returns.
pub(crate) fn map<'py>(
    tree: &Bound<'py, PyAny>,
    leaf: &mut dyn FnMut(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    map_at(tree, leaf, 0)
}

fn map_at<'py>(
    tree: &Bound<'py, PyAny>,
    leaf: &mut dyn FnMut(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    depth: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let py = tree.py();
    if depth > DEEPEST {
        return Err(PyValueError::new_err(format!(
            "tree: nested more than {DEEPEST} deep"
        )));
    }
    if let Ok(list) = tree.cast::<PyList>() {
        let items = list.iter().map(|item| map_at(&item, leaf, depth + 1));
        let items = items.collect::<PyResult<Vec<_>>>()?;
        return Ok(PyList::new(py, items)?.into_any());
    }
    if let Ok(tuple) = tree.cast::<PyTuple>() {
        let items = tuple.iter().map(|item| map_at(&item, leaf, depth + 1));
        let items = items.collect::<PyResult<Vec<_>>>()?;
        // A named tuple stays one.
        if tree.hasattr("_fields")? {
            return tree.get_type().call1(PyTuple::new(py, items)?);
        }
        return Ok(PyTuple::new(py, items)?.into_any());
    }
    if let Ok(dict) = tree.cast::<PyDict>() {
        let out = PyDict::new(py);
        for (key, value) in dict.iter() {
            out.set_item(key, map_at(&value, leaf, depth + 1)?)?;
        }
        return Ok(out.into_any());
    }
    leaf(tree)
}

/// Calls `leaf` for all that is no list, tuple or dictionary.
pub(crate) fn visit<'py>(
    tree: &Bound<'py, PyAny>,
    leaf: &mut dyn FnMut(&Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    visit_at(tree, leaf, 0)
}

fn visit_at<'py>(
    tree: &Bound<'py, PyAny>,
    leaf: &mut dyn FnMut(&Bound<'py, PyAny>) -> PyResult<()>,
    depth: usize,
) -> PyResult<()> {
    if depth > DEEPEST {
        return Err(PyValueError::new_err(format!(
            "tree: nested more than {DEEPEST} deep"
        )));
    }
    if let Ok(dict) = tree.cast::<PyDict>() {
        for (_, value) in dict.iter() {
            visit_at(&value, leaf, depth + 1)?;
        }
        return Ok(());
    }
    if tree.is_instance_of::<PyList>() || tree.is_instance_of::<PyTuple>() {
        for item in tree.try_iter()? {
            visit_at(&item?, leaf, depth + 1)?;
        }
        return Ok(());
    }
    leaf(tree)
}

/// All arrays in `trees`, in order; other leaves are passed over.
pub(crate) fn arrays_in(trees: &[Bound<'_, PyAny>]) -> PyResult<Vec<Array>> {
    let mut arrays = Vec::new();
    for tree in trees {
        visit(tree, &mut |leaf| {
            if let Ok(array) = leaf.cast::<PyArray>() {
                arrays.push(array.get().value());
            }
            Ok(())
        })?;
    }
    Ok(arrays)
}
