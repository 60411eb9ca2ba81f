//! Python objects as the typed arguments of Rust functions.
//!
//! Own trait instead of PyO3's, because the arguments are types of other crates (`Array`, `Dtype`) and
//! because `*arguments` convert as one.

use lazuli_core::{Array, Axes, Dtype};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use crate::array::PyArray;
use crate::operand::Operand;

/// A type that an argument converts to. Anything but a `TypeError` or an `OverflowError` is raised as
/// it is; those two become a `TypeError` that names the argument.
pub(crate) trait FromArgument: Sized {
    /// The argument, converted.
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self>;

    /// All of `*arguments`, converted.
    fn from_rest(_: &[Borrowed<'_, '_, PyAny>]) -> PyResult<Self> {
        Err(wrong())
    }
}

/// Says that the type is wrong; who asked says the rest.
pub(crate) fn wrong() -> PyErr {
    PyTypeError::new_err("wrong type")
}

macro_rules! extracted {
    ($($ty:ty)*) => {$(
        impl FromArgument for $ty {
            fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                value.extract()
            }
        }
    )*};
}

extracted! { i64 isize f64 }

/// A bool, not anything with a truth value.
impl FromArgument for bool {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.cast::<PyBool>()?.is_true())
    }
}

impl FromArgument for String {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.cast::<PyString>()?.to_str()?.to_owned())
    }
}

impl FromArgument for Array {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.cast::<PyArray>()?.get().value())
    }
}

impl FromArgument for Dtype {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.cast::<crate::dtype::PyDtype>()?.get().0)
    }
}

impl FromArgument for Operand {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Operand::of(value)
    }
}

impl FromArgument for Py<PyAny> {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.clone().unbind())
    }
}

impl<T: FromArgument> FromArgument for Option<T> {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            Ok(None)
        } else {
            T::from_argument(value).map(Some)
        }
    }
}

/// A list or tuple, or the rest of the positional arguments.
impl<T: FromArgument> FromArgument for Vec<T> {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if !is_sequence(value) {
            return Err(wrong());
        }
        value
            .try_iter()?
            .map(|item| T::from_argument(&item?))
            .collect()
    }

    fn from_rest(values: &[Borrowed<'_, '_, PyAny>]) -> PyResult<Self> {
        values.iter().map(|value| T::from_argument(value)).collect()
    }
}

/// Something to iterate that is no text and no array.
fn is_sequence(value: &Bound<'_, PyAny>) -> bool {
    value.hasattr("__iter__").unwrap_or(false)
        && value.hasattr("__len__").unwrap_or(false)
        && !value.is_instance_of::<PyString>()
        && !value.is_instance_of::<PyArray>()
}

/// One integer or several.
#[derive(Clone, Debug)]
pub(crate) enum Integers {
    One(isize),
    Several(Vec<isize>),
}

impl Integers {
    pub(crate) fn to_vec(&self) -> Vec<isize> {
        match self {
            Integers::One(value) => vec![*value],
            Integers::Several(values) => values.clone(),
        }
    }
}

impl FromArgument for Integers {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        match value.extract::<isize>() {
            Ok(one) => Ok(Integers::One(one)),
            Err(_) => Vec::from_argument(value).map(Integers::Several),
        }
    }
}

/// None: all axes.
impl FromArgument for Axes {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(match Option::<Integers>::from_argument(value)? {
            None => Axes::All,
            Some(axes) => Axes::from(axes.to_vec()),
        })
    }
}

/// Lengths of axes; a negative one is refused by name.
pub(crate) struct Dims(pub(crate) Vec<usize>);

impl FromArgument for Dims {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        dims(&Integers::from_argument(value)?.to_vec()).map(Dims)
    }
}

/// `dims` as lengths.
pub(crate) fn dims(dims: &[isize]) -> PyResult<Vec<usize>> {
    let length = |&d: &isize| {
        // Lengths above 2³¹ come from a negative number that wrapped, or from a mistake.
        usize::try_from(d)
            .map_err(|_| crate::error::value_error("shape", format!("{d} is negative in {dims:?}")))
    };
    dims.iter().map(length).collect()
}
