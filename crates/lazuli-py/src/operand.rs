//! Operands of arithmetic: arrays, and Python numbers that take the type of what they meet.
//!
//! A number is weak: beside an array it takes the array's dtype if its kind fits there (`x16 + 1.5`
//! stays half precision). NumPy arrays are weak in the same way, so that a table of `float64` does not
//! widen a model; unlike numbers they keep their kind (a float table and integers give `float32`).

use lazuli_core::{Array, Dtype};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt};

use crate::argument::wrong;
use crate::array::{PyArray, foreign};
use crate::error::OrRaise;

/// An array or something that becomes one beside it.
#[derive(Clone)]
pub(crate) enum Operand {
    Array(Array),
    /// An array of another library: weak, but of its own kind.
    Foreign(Array),
    Bool(bool),
    Int(i64),
    Float(f64),
    Complex(f64, f64),
}

impl Operand {
    /// What `value` is; `ValueError` for things that are no operands, as lists and texts.
    pub(crate) fn of(value: &Bound<'_, PyAny>) -> PyResult<Operand> {
        if let Ok(array) = value.cast::<PyArray>() {
            return Ok(Operand::Array(array.get().value()));
        }
        if let Some(number) = Operand::number(value)? {
            return Ok(number);
        }
        if value.is_none() {
            return Err(wrong());
        }
        if let Some(array) = foreign::like(value)? {
            return Ok(Operand::Array(array));
        }
        if let Some(array) = foreign::import(value)? {
            return Ok(Operand::Foreign(array));
        }
        let given = value.get_type().name()?;
        Err(PyValueError::new_err(format!(
            "array: a {given} is neither an array nor a number; lazuli.core.array() makes arrays of lists"
        )))
    }

    /// A Python number or a NumPy scalar.
    pub(crate) fn number(value: &Bound<'_, PyAny>) -> PyResult<Option<Operand>> {
        if let Ok(b) = value.cast::<PyBool>() {
            return Ok(Some(Operand::Bool(b.is_true())));
        }
        if value.is_instance_of::<PyInt>() {
            return integer(value).map(|i| Some(Operand::Int(i)));
        }
        if let Ok(f) = value.cast::<PyFloat>() {
            return Ok(Some(Operand::Float(f.value())));
        }
        if let Ok(c) = value.cast::<PyComplex>() {
            return Ok(Some(complex(c)?));
        }
        foreign::scalar(value)
    }

    /// The dtype that the operand has alone.
    pub(crate) fn dtype(&self) -> Dtype {
        match self {
            Operand::Array(a) | Operand::Foreign(a) => a.dtype(),
            Operand::Bool(_) => Dtype::Bool,
            Operand::Int(i) if i32::try_from(*i).is_ok() => Dtype::I32,
            Operand::Int(_) => Dtype::I64,
            Operand::Float(_) => Dtype::F32,
            Operand::Complex(..) => Dtype::C64,
        }
    }

    /// The operand alone.
    pub(crate) fn to_array(&self) -> PyResult<Array> {
        match self {
            Operand::Array(a) | Operand::Foreign(a) => Ok(a.clone()),
            _ => self.to_dtype(self.dtype()),
        }
    }

    /// The operand beside an array of dtype `beside`.
    pub(crate) fn beside(&self, beside: Dtype) -> PyResult<Array> {
        match self {
            Operand::Array(a) => Ok(a.clone()),
            Operand::Foreign(a) => {
                let dtype = a.dtype();
                let fits = !dtype.is_inexact()
                    || beside == Dtype::C64
                    || dtype.is_float() && beside.is_float();
                if fits && beside != Dtype::Bool {
                    a.astype(beside).or_raise()
                } else {
                    Ok(a.clone())
                }
            }
            Operand::Bool(b) => Ok(scalar(*b as i64, beside)),
            Operand::Int(i) => {
                let dtype = if beside == Dtype::Bool {
                    Dtype::I32
                } else {
                    beside
                };
                check_range(*i, dtype)?;
                Ok(scalar(*i, dtype))
            }
            Operand::Float(f) => {
                let dtype = if beside.is_float() {
                    beside
                } else {
                    Dtype::F32
                };
                Ok(Array::scalar_of(*f, dtype))
            }
            Operand::Complex(re, im) => Ok(Array::scalar([*re as f32, *im as f32])),
        }
    }

    /// The operand as an array of `dtype`, whatever it takes.
    pub(crate) fn to_dtype(&self, dtype: Dtype) -> PyResult<Array> {
        match self {
            Operand::Array(a) | Operand::Foreign(a) => a.astype(dtype).or_raise(),
            Operand::Bool(b) => Ok(scalar(*b as i64, dtype)),
            Operand::Int(i) => Ok(scalar(*i, dtype)),
            Operand::Float(f) if dtype.is_integer() => {
                Array::scalar_of(*f, Dtype::F32).astype(dtype).or_raise()
            }
            Operand::Float(f) => Ok(Array::scalar_of(*f, dtype)),
            Operand::Complex(re, im) => Array::scalar([*re as f32, *im as f32])
                .astype(dtype)
                .or_raise(),
        }
    }

    /// The operand, unless it is an integer that `dtype` does not hold.
    pub(crate) fn within(self, dtype: Dtype) -> PyResult<Operand> {
        if let Operand::Int(i) = self {
            check_range(i, dtype)?;
        }
        Ok(self)
    }

    fn is_array(&self) -> bool {
        matches!(self, Operand::Array(_))
    }
}

/// Two operands as arrays, the weak one in the type of the other.
pub(crate) fn pair(a: &Operand, b: &Operand) -> PyResult<(Array, Array)> {
    match (a.is_array(), b.is_array()) {
        (true, false) => Ok((a.to_array()?, b.beside(a.dtype())?)),
        (false, true) => Ok((a.beside(b.dtype())?, b.to_array()?)),
        _ => Ok((a.to_array()?, b.to_array()?)),
    }
}

/// An integer exactly, wrapping where the dtype is narrower, as conversions between integers do.
pub(crate) fn scalar(value: i64, dtype: Dtype) -> Array {
    match dtype {
        Dtype::U8 => Array::scalar(value as u8),
        Dtype::U16 => Array::scalar(value as u16),
        Dtype::U32 => Array::scalar(value as u32),
        Dtype::U64 => Array::scalar(value as u64),
        Dtype::I8 => Array::scalar(value as i8),
        Dtype::I16 => Array::scalar(value as i16),
        Dtype::I32 => Array::scalar(value as i32),
        Dtype::I64 => Array::scalar(value),
        other => Array::scalar_of(value as f64, other),
    }
}

fn check_range(value: i64, dtype: Dtype) -> PyResult<()> {
    let fits = match dtype {
        Dtype::U8 => u8::try_from(value).is_ok(),
        Dtype::U16 => u16::try_from(value).is_ok(),
        Dtype::U32 => u32::try_from(value).is_ok(),
        Dtype::I8 => i8::try_from(value).is_ok(),
        Dtype::I16 => i16::try_from(value).is_ok(),
        Dtype::I32 => i32::try_from(value).is_ok(),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "array: {value} does not fit {dtype}; give it as an array of the dtype meant"
    )))
}

/// An integer of at most 64 bits; unsigned ones above 2⁶³ wrap.
pub(crate) fn integer(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if let Ok(i) = value.extract::<i64>() {
        return Ok(i);
    }
    match value.extract::<u64>() {
        Ok(u) => Ok(u as i64),
        Err(e) if e.is_instance_of::<PyOverflowError>(value.py()) => Err(PyValueError::new_err(
            format!("array: the integer {value} does not fit 64 bits"),
        )),
        Err(e) => Err(e),
    }
}

pub(crate) fn complex(value: &Bound<'_, PyComplex>) -> PyResult<Operand> {
    let part = |name: &str| value.getattr(name)?.extract::<f64>();
    Ok(Operand::Complex(part("real")?, part("imag")?))
}
