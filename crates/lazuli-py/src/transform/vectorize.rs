//! `vmap`: axes are given for all arrays, or as a tree that the arguments (the results) continue.

use std::cell::RefCell;

use lazuli_core::{Array, transforms};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::{Flat, calling};
use crate::array::PyArray;
use crate::error::OrRaise;
use crate::tree;

/// Where the examples lie in the arguments and the results.
pub(super) struct Vectorized {
    in_axes: Py<PyAny>,
    out_axes: Py<PyAny>,
}

impl Vectorized {
    pub(super) fn new(in_axes: Py<PyAny>, out_axes: Py<PyAny>) -> Vectorized {
        Vectorized { in_axes, out_axes }
    }

    pub(super) fn call(
        &self,
        fun: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let py = fun.py();
        if kwargs.is_some_and(|k| !k.is_empty()) {
            return Err(PyTypeError::new_err("vmap: takes no arguments by name"));
        }
        let inputs = Flat::strict("vmap", args.as_any())?;
        let axes = self.input_axes(py, args)?;
        let axes = inputs.arrays.iter().zip(axes).map(|(x, axis)| {
            let checked = axis.map(|a| usize_axis(a, x.rank(), x));
            checked.transpose()
        });
        let axes = axes.collect::<PyResult<Vec<_>>>()?;
        let made = RefCell::new(None);
        let call = calling(|py, x| {
            let args = inputs.with(py, x)?.cast_into::<PyTuple>()?;
            let out = Flat::strict("vmap", &fun.call1(args)?)?;
            let arrays = out.arrays.clone();
            made.replace(Some(out));
            Ok(arrays)
        });
        let outputs = transforms::vmap(call, &inputs.arrays, &axes).or_raise()?;
        let out = made.take();
        let out = out.ok_or_else(|| PyValueError::new_err("vmap: the function was not called"))?;
        let out_axes = spread(self.out_axes.bind(py), out.template.bind(py))?;
        let placed = outputs
            .iter()
            .zip(out_axes)
            .map(|(x, axis)| placed(x, axis));
        Ok(out
            .with(py, &placed.collect::<PyResult<Vec<_>>>()?)?
            .unbind())
    }

    /// An axis for each array of the arguments. A single argument is the tree itself.
    fn input_axes(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<Vec<Option<isize>>> {
        let axes = self.in_axes.bind(py);
        match args.len() {
            1 => {
                let only = args.get_item(0)?;
                match axes.cast::<PyTuple>() {
                    Ok(one) if one.len() == 1 && !only.is_instance_of::<PyTuple>() => {
                        spread(&one.get_item(0)?, &only)
                    }
                    _ => spread(axes, &only),
                }
            }
            _ => spread(axes, args.as_any()),
        }
    }
}

fn usize_axis(axis: isize, rank: usize, x: &Array) -> PyResult<usize> {
    let from_start = if axis < 0 { axis + rank as isize } else { axis };
    usize::try_from(from_start)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| {
            PyIndexError::new_err(format!("vmap: axis {axis} is out of range for {x:?}"))
        })
}

/// The result, its examples first, with the examples at `axis`.
fn placed(x: &Array, axis: Option<isize>) -> PyResult<Array> {
    match axis {
        Some(axis) => {
            let to = usize_axis(axis, x.rank(), x)?;
            x.moveaxis(0, to as isize).or_raise()
        }
        // The same for every example, says who calls: the first stands for all.
        None => {
            let first = x.narrow(0, 0, 1).or_raise()?;
            first.reshape(x.shape().without(0)).or_raise()
        }
    }
}

/// The axis of each array of `tree`, where `axes` says it for arrays or for whole branches.
pub(super) fn spread(
    axes: &Bound<'_, PyAny>,
    tree: &Bound<'_, PyAny>,
) -> PyResult<Vec<Option<isize>>> {
    if axes.is_none() || axes.extract::<isize>().is_ok() {
        let axis = axes.extract::<Option<isize>>()?;
        let mut out = Vec::new();
        tree::visit(tree, &mut |leaf| {
            if leaf.is_instance_of::<PyArray>() {
                out.push(axis);
            }
            Ok(())
        })?;
        return Ok(out);
    }
    let no_prefix =
        || PyValueError::new_err("vmap: the axes do not have the structure of the arrays");
    let mut out = Vec::new();
    if let (Ok(axes), Ok(dict)) = (axes.cast::<PyDict>(), tree.cast::<PyDict>()) {
        for (key, branch) in dict.iter() {
            let axis = axes.get_item(key)?.ok_or_else(no_prefix)?;
            out.extend(spread(&axis, &branch)?);
        }
        return Ok(out);
    }
    let is_list =
        |o: &Bound<'_, PyAny>| o.is_instance_of::<PyList>() || o.is_instance_of::<PyTuple>();
    if !is_list(axes) || !is_list(tree) || axes.len()? != tree.len()? {
        return Err(no_prefix());
    }
    for (axis, branch) in axes.try_iter()?.zip(tree.try_iter()?) {
        out.extend(spread(&axis?, &branch?)?);
    }
    Ok(out)
}
