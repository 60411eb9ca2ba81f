//! Python's operators: in place, reflected, and comparisons.
//!
//! An operator in place makes the object stand for the result; its other names see it.
// What PyO3 makes of number methods that a macro wrote calls unsafe functions without a block.
#![allow(unsafe_op_in_unsafe_fn)]

use lazuli_core::{Array, Result};
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::PyArray;
use crate::error::OrRaise;
use crate::operand::{Operand, pair};

type Binary = fn(&Array, &Array) -> Result<Array>;

fn apply(
    op: &str,
    run: Binary,
    a: &Array,
    other: &Bound<'_, PyAny>,
    swapped: bool,
) -> PyResult<Array> {
    let other = Operand::of(other).map_err(|e| refused(op, other, e))?;
    let (a, b) = pair(&Operand::Array(a.clone()), &other)?;
    let (a, b) = if swapped { (b, a) } else { (a, b) };
    run(&a, &b).or_raise()
}

fn refused(op: &str, other: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let Ok(given) = other.get_type().name() else {
        return error;
    };
    let message = format!("{op}: takes arrays and numbers, not {given}");
    if error.is_instance_of::<PyTypeError>(other.py()) {
        PyTypeError::new_err(message)
    } else {
        PyValueError::new_err(message)
    }
}

macro_rules! operators {
    ($($name:ident $method:ident $in_place:ident $reflected:ident;)*) => {
        #[pymethods]
        impl PyArray {
            $(
                fn $method(&self, other: &Bound<'_, PyAny>) -> PyResult<PyArray> {
                    let out = apply(stringify!($name), Array::$name, &self.value(), other, false)?;
                    Ok(PyArray::new(out))
                }
                fn $reflected(&self, other: &Bound<'_, PyAny>) -> PyResult<PyArray> {
                    let out = apply(stringify!($name), Array::$name, &self.value(), other, true)?;
                    Ok(PyArray::new(out))
                }
                fn $in_place(&self, other: &Bound<'_, PyAny>) -> PyResult<()> {
                    self.set(apply(stringify!($name), Array::$name, &self.value(), other, false)?)
                }
            )*

            fn __truediv__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyArray> {
                Ok(PyArray::new(apply("divide", Array::divide, &self.value(), other, false)?))
            }

            fn __rtruediv__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyArray> {
                Ok(PyArray::new(apply("divide", Array::divide, &self.value(), other, true)?))
            }

            fn __itruediv__(&self, other: &Bound<'_, PyAny>) -> PyResult<()> {
                let array = self.value();
                if !array.dtype().is_inexact() {
                    return Err(PyValueError::new_err(format!(
                        "divide: {array:?} cannot hold quotients: divide into a new array"
                    )));
                }
                self.set(apply("divide", Array::divide, &array, other, false)?)
            }

            fn __pow__(&self, other: &Bound<'_, PyAny>, modulo: Option<&Bound<'_, PyAny>>) -> PyResult<PyArray> {
                no_modulo(modulo)?;
                Ok(PyArray::new(apply("power", Array::power, &self.value(), other, false)?))
            }

            fn __rpow__(&self, other: &Bound<'_, PyAny>, modulo: Option<&Bound<'_, PyAny>>) -> PyResult<PyArray> {
                no_modulo(modulo)?;
                Ok(PyArray::new(apply("power", Array::power, &self.value(), other, true)?))
            }

            fn __ipow__(&self, other: &Bound<'_, PyAny>, modulo: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
                no_modulo(modulo)?;
                self.set(apply("power", Array::power, &self.value(), other, false)?)
            }

            fn __matmul__(&self, other: &Bound<'_, PyAny>) -> PyResult<PyArray> {
                let other = matrix(other)?;
                Ok(PyArray::new(self.value().matmul(&other).or_raise()?))
            }

            fn __imatmul__(&self, other: &Bound<'_, PyAny>) -> PyResult<()> {
                let other = matrix(other)?;
                self.set(self.value().matmul(&other).or_raise()?)
            }

            fn __neg__(&self) -> PyResult<PyArray> {
                Ok(PyArray::new(self.value().negative().or_raise()?))
            }

            fn __pos__(&self) -> PyArray {
                PyArray::new(self.value())
            }

            fn __invert__(&self) -> PyResult<PyArray> {
                Ok(PyArray::new(self.value().bitwise_invert().or_raise()?))
            }

            fn __abs__(&self) -> PyResult<PyArray> {
                Ok(PyArray::new(self.value().abs().or_raise()?))
            }

            fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
                compare(&self.value(), other, op)
            }
        }
    };
}

operators! {
    add __add__ __iadd__ __radd__;
    subtract __sub__ __isub__ __rsub__;
    multiply __mul__ __imul__ __rmul__;
    floor_divide __floordiv__ __ifloordiv__ __rfloordiv__;
    remainder __mod__ __imod__ __rmod__;
    bitwise_and __and__ __iand__ __rand__;
    bitwise_or __or__ __ior__ __ror__;
    bitwise_xor __xor__ __ixor__ __rxor__;
    left_shift __lshift__ __ilshift__ __rlshift__;
    right_shift __rshift__ __irshift__ __rrshift__;
}

fn no_modulo(modulo: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match modulo {
        None => Ok(()),
        Some(_) => Err(PyTypeError::new_err("pow: takes no modulus")),
    }
}

fn matrix(other: &Bound<'_, PyAny>) -> PyResult<Array> {
    match other.cast::<PyArray>() {
        Ok(array) => Ok(array.get().value()),
        Err(_) => Err(PyTypeError::new_err(format!(
            "matmul: takes an array, not {}",
            other.get_type().name()?
        ))),
    }
}

/// Comparison with what is no operand: never equal, and no order.
fn compare(array: &Array, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
    let py = other.py();
    let (name, run): (&str, Binary) = match op {
        CompareOp::Lt => ("less", Array::less),
        CompareOp::Le => ("less_equal", Array::less_equal),
        CompareOp::Eq => ("equal", Array::equal),
        CompareOp::Ne => ("not_equal", Array::not_equal),
        CompareOp::Gt => ("greater", Array::greater),
        CompareOp::Ge => ("greater_equal", Array::greater_equal),
    };
    let is_equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
    if is_equality && Operand::of(other).is_err() {
        let unequal = matches!(op, CompareOp::Ne);
        return Ok(unequal.into_pyobject(py)?.to_owned().into_any().unbind());
    }
    let out = apply(name, run, array, other, false)?;
    Ok(Py::new(py, PyArray::new(out))?.into_any())
}
