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
    check_depth(depth)?;
    if let Ok(list) = tree.cast::<PyList>() {
        let items = list.iter().map(|item| map_at(&item, leaf, depth + 1));
        let items = items.collect::<PyResult<Vec<_>>>()?;
        return Ok(PyList::new(py, items)?.into_any());
    }
    if let Ok(tuple) = tree.cast::<PyTuple>() {
        let items = tuple.iter().map(|item| map_at(&item, leaf, depth + 1));
        let items = items.collect::<PyResult<Vec<_>>>()?;
        return like_tuple(tree, items);
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
    check_depth(depth)?;
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

/// Puts what `leaf` returns in the places of the leaves, in the lists and dictionaries themselves;
/// tuples, which cannot be changed, are made anew where they stand.
pub(crate) fn fill<'py>(
    tree: &Bound<'py, PyAny>,
    leaf: &mut dyn FnMut(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    fill_at(tree, leaf, 0)
}

fn fill_at<'py>(
    tree: &Bound<'py, PyAny>,
    leaf: &mut dyn FnMut(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    depth: usize,
) -> PyResult<Bound<'py, PyAny>> {
    check_depth(depth)?;
    if let Ok(list) = tree.cast::<PyList>() {
        for at in 0..list.len() {
            let item = list.get_item(at)?;
            list.set_item(at, fill_at(&item, leaf, depth + 1)?)?;
        }
        return Ok(tree.clone());
    }
    if let Ok(dict) = tree.cast::<PyDict>() {
        for pair in dict.items().iter() {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
            dict.set_item(key, fill_at(&value, leaf, depth + 1)?)?;
        }
        return Ok(tree.clone());
    }
    if tree.is_instance_of::<PyTuple>() {
        let filled = tree
            .try_iter()?
            .map(|item| fill_at(&item?, leaf, depth + 1));
        let filled = filled.collect::<PyResult<Vec<_>>>()?;
        return like_tuple(tree, filled);
    }
    leaf(tree)
}

/// A tuple of `items`; a named tuple stays one.
fn like_tuple<'py>(
    tuple: &Bound<'py, PyAny>,
    items: Vec<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let items = PyTuple::new(tuple.py(), items)?;
    match tuple.hasattr("_fields")? {
        true => tuple.get_type().call1(items),
        false => Ok(items.into_any()),
    }
}

/// Refuses a tree that contains itself.
pub(crate) fn check_depth(depth: usize) -> PyResult<()> {
    if depth > DEEPEST {
        return Err(PyValueError::new_err(format!(
            "tree: nested more than {DEEPEST} deep"
        )));
    }
    Ok(())
}
