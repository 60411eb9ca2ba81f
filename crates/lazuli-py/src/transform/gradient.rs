//! `grad` and `value_and_grad`: with respect to arguments by number and by name.

use std::cell::RefCell;

use lazuli_core::transforms::of_trees;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::{Flat, calling};
use crate::argument::{FromArgument, Integers};
use crate::array::PyArray;
use crate::error::{OrRaise, value_error};

/// Names of arguments: one or several.
pub(super) struct Names(Vec<String>);

impl FromArgument for Names {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        match value.cast::<PyString>() {
            Ok(name) => Ok(Names(vec![name.to_str()?.to_owned()])),
            Err(_) => Vec::from_argument(value).map(Names),
        }
    }
}

/// With respect to what, and whether the value is wanted too.
pub(super) struct Gradient {
    op: &'static str,
    /// Numbers of arguments; none when only named ones are meant.
    numbers: Vec<usize>,
    names: Vec<String>,
    /// Whether the gradient of numbered arguments is a tuple.
    several: bool,
    value: bool,
}

/// Arguments of a function.
type Trees<'py> = Vec<Bound<'py, PyAny>>;

impl Gradient {
    pub(super) fn new(
        op: &'static str,
        numbers: Option<Integers>,
        names: Names,
        value: bool,
    ) -> PyResult<Gradient> {
        let Names(names) = names;
        let given = match &numbers {
            Some(numbers) => numbers.to_vec(),
            None if names.is_empty() => vec![0],
            None => Vec::new(),
        };
        let mut unique: Vec<usize> = Vec::new();
        for number in given {
            let at = usize::try_from(number)
                .map_err(|_| value_error(op, format!("argument {number} is negative")))?;
            if unique.contains(&at) {
                return Err(value_error(op, format!("argument {at} is named twice")));
            }
            unique.push(at);
        }
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(value_error(op, format!("argument `{name}` is named twice")));
            }
        }
        Ok(Gradient {
            op,
            several: unique.len() > 1,
            numbers: unique,
            names,
            value,
        })
    }

    /// The trees to differentiate with respect to: the numbered arguments, then the named ones.
    fn chosen<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<(Trees<'py>, Trees<'py>)> {
        let by_number = self.numbers.iter().map(|&at| {
            args.get_item(at).map_err(|_| {
                let message = format!("there is no argument {at}: {} were given", args.len());
                value_error(self.op, message)
            })
        });
        let by_name = self.names.iter().map(|name| {
            let missing = || value_error(self.op, format!("there is no argument `{name}`"));
            kwargs.get_item(name)?.ok_or_else(missing)
        });
        Ok((
            by_number.collect::<PyResult<_>>()?,
            by_name.collect::<PyResult<_>>()?,
        ))
    }

    pub(super) fn call(
        &self,
        fun: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let py = fun.py();
        let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(py));
        let (by_number, by_name) = self.chosen(args, &kwargs)?;
        let wanted = PyTuple::new(py, [by_number, by_name].concat())?;
        let wanted = Flat::strict(self.op, wanted.as_any())?;
        let made = RefCell::new(None);
        let call = calling(|py, x| {
            let trees = wanted.with(py, x)?.cast_into::<PyTuple>()?;
            let mut all: Vec<Bound<'_, PyAny>> = args.iter().collect();
            for (&at, tree) in self.numbers.iter().zip(trees.iter()) {
                all[at] = tree;
            }
            let named = kwargs.copy()?;
            for (name, tree) in self.names.iter().zip(trees.iter().skip(self.numbers.len())) {
                named.set_item(name, tree)?;
            }
            let result = fun.call(PyTuple::new(py, all)?, Some(&named))?;
            self.check(&result)?;
            let out = Flat::of(&result)?;
            let arrays = out.arrays.clone();
            made.replace(Some(out));
            Ok(arrays)
        });
        let with_gradient = of_trees::value_and_grad(|x: &Vec<_>| call(x));
        let (values, grads) = with_gradient(&wanted.arrays).or_raise()?;
        let grads = wanted.with(py, &grads)?.cast_into::<PyTuple>()?;
        let gradient = self.arranged(py, &grads)?;
        if !self.value {
            return Ok(gradient.unbind());
        }
        let out = made.take();
        let out = out.ok_or_else(|| PyValueError::new_err("grad: the function was not called"))?;
        Ok((out.with(py, &values)?, gradient)
            .into_pyobject(py)?
            .into_any()
            .unbind())
    }

    /// A scalar array, or where the value is returned too a tuple that starts with one.
    fn check(&self, result: &Bound<'_, PyAny>) -> PyResult<()> {
        let first = match result.cast::<PyTuple>() {
            Ok(tuple) if self.value && !tuple.is_empty() => tuple.get_item(0)?,
            _ => result.clone(),
        };
        if first.is_instance_of::<PyArray>() {
            return Ok(());
        }
        let tuples = if self.value {
            " or a tuple that starts with one"
        } else {
            ""
        };
        let given = first.get_type().name()?;
        let message = format!("the function must return a scalar array{tuples}, not {given}");
        Err(value_error(self.op, message))
    }

    /// Gradients as the caller asked: of one argument, a tuple, and with names a dictionary beside.
    fn arranged<'py>(
        &self,
        py: Python<'py>,
        grads: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let count = self.numbers.len();
        let by_number = match count {
            0 => py.None().into_bound(py),
            1 if !self.several => grads.get_item(0)?,
            _ => grads.get_slice(0, count).into_any(),
        };
        if self.names.is_empty() {
            return Ok(by_number);
        }
        let by_name = PyDict::new(py);
        for (name, grad) in self.names.iter().zip(grads.iter().skip(count)) {
            by_name.set_item(name, grad)?;
        }
        Ok((by_number, by_name).into_pyobject(py)?.into_any())
    }
}
