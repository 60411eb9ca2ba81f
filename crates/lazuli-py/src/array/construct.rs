//! Arrays from what Python has: numbers, nested lists, arrays of other libraries.

use lazuli_core::{Array, Dtype, Shape};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyFloat, PyInt, PyList, PyTuple};

use super::{PyArray, foreign};
use crate::error::OrRaise;
use crate::operand::Operand;

/// Nesting beyond this is a list that contains itself.
const DEEPEST: usize = 64;

/// An array of `value`, in `dtype` or in the type that the values suggest.
pub(crate) fn array_of(value: &Bound<'_, PyAny>, dtype: Option<Dtype>) -> PyResult<Array> {
    if let Ok(array) = value.cast::<PyArray>() {
        return converted(array.get().value(), dtype);
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return of_list(value, dtype);
    }
    // NumPy's numbers keep their type where they are an array's whole value, except its `float64`,
    // which is a Python float as well.
    let plain = value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyComplex>();
    if plain && let Some(number) = Operand::number(value)? {
        return match dtype {
            Some(dtype) => number.to_dtype(dtype),
            None => number.to_array(),
        };
    }
    if value.is_none() {
        return Err(PyTypeError::new_err("array: None is no value"));
    }
    if let Some(array) = foreign::like(value)? {
        return converted(array, dtype);
    }
    if let Some(array) = foreign::import_as(value, dtype)? {
        return converted(array, dtype);
    }
    Err(no_value(value)?)
}

fn converted(array: Array, dtype: Option<Dtype>) -> PyResult<Array> {
    match dtype {
        Some(dtype) => array.astype(dtype).or_raise(),
        None => Ok(array),
    }
}

fn no_value(value: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let given = value.get_type().name()?;
    Ok(PyValueError::new_err(format!(
        "array: a {given} is no value; numbers, lists, tuples and arrays are"
    )))
}

/// What a list holds, in the order of promotion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Bool,
    Int,
    Float,
    Complex,
}

#[derive(Default)]
struct Leaves {
    shape: Vec<usize>,
    values: Vec<Operand>,
}

fn of_list(value: &Bound<'_, PyAny>, dtype: Option<Dtype>) -> PyResult<Array> {
    if holds_array(value, 0)? {
        return converted(stacked(value)?, dtype);
    }
    let mut leaves = Leaves::default();
    measure(value, &mut leaves.shape)?;
    collect(value, 0, &mut leaves)?;
    leaves.into_array(dtype)
}

fn items<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return value.try_iter()?.collect::<PyResult<_>>().map(Some);
    }
    Ok(None)
}

fn holds_array(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    if depth > DEEPEST {
        return Err(PyValueError::new_err(format!(
            "array: lists are nested more than {DEEPEST} deep"
        )));
    }
    if value.is_instance_of::<PyArray>() {
        return Ok(true);
    }
    // Numbers are leaves: only lists are looked into.
    for item in items(value)?.unwrap_or_default() {
        let plain = item.is_instance_of::<PyFloat>() || item.is_instance_of::<PyInt>();
        if !plain && holds_array(&item, depth + 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stacked(value: &Bound<'_, PyAny>) -> PyResult<Array> {
    match items(value)? {
        Some(items) if !items.is_empty() => {
            let parts = items.iter().map(stacked);
            let parts = parts.collect::<PyResult<Vec<_>>>()?;
            Array::stack(&parts, 0).or_raise()
        }
        _ => array_of(value, None),
    }
}

/// The shape, as the first element of each list shows it.
fn measure(value: &Bound<'_, PyAny>, shape: &mut Vec<usize>) -> PyResult<()> {
    let mut first = Some(value.clone());
    while let Some(items) = first.as_ref().map(items).transpose()?.flatten() {
        shape.push(items.len());
        first = items.into_iter().next();
    }
    Ok(())
}

fn collect(value: &Bound<'_, PyAny>, depth: usize, leaves: &mut Leaves) -> PyResult<()> {
    let uneven = || {
        PyValueError::new_err(format!(
            "array: lists of different lengths at depth {depth}; the first says shape {:?}",
            leaves_shape(&leaves.shape)
        ))
    };
    match items(value)? {
        Some(items) => {
            if leaves.shape.get(depth) != Some(&items.len()) {
                return Err(uneven());
            }
            for item in &items {
                collect(item, depth + 1, leaves)?;
            }
            Ok(())
        }
        None if depth != leaves.shape.len() => Err(uneven()),
        None => match Operand::number(value)? {
            Some(number) => {
                leaves.values.push(number);
                Ok(())
            }
            None => Err(no_value(value)?),
        },
    }
}

fn leaves_shape(shape: &[usize]) -> Shape {
    Shape::from(shape)
}

impl Leaves {
    fn kind(&self) -> Kind {
        let kind = |value: &Operand| match value {
            Operand::Bool(_) => Kind::Bool,
            Operand::Int(_) => Kind::Int,
            Operand::Complex(..) => Kind::Complex,
            _ => Kind::Float,
        };
        // Nothing at all is float, as everywhere.
        self.values.iter().map(kind).max().unwrap_or(Kind::Float)
    }

    fn into_array(self, dtype: Option<Dtype>) -> PyResult<Array> {
        let shape = leaves_shape(&self.shape);
        let values = &self.values;
        let int = |v: &Operand| match v {
            Operand::Bool(b) => *b as i64,
            Operand::Int(i) => *i,
            _ => 0,
        };
        let float = |v: &Operand| match v {
            Operand::Float(f) => *f,
            other => int(other) as f64,
        };
        let array = match self.kind() {
            Kind::Bool => {
                let bytes: Vec<u8> = values.iter().map(|v| int(v) as u8).collect();
                Array::from_bytes(&bytes, Dtype::Bool, shape)
            }
            Kind::Int => {
                let wide: Vec<i64> = values.iter().map(int).collect();
                if wide.iter().all(|&i| i32::try_from(i).is_ok()) {
                    let narrow: Vec<i32> = wide.iter().map(|&i| i as i32).collect();
                    Array::from_slice(&narrow, shape)
                } else {
                    Array::from_slice(&wide, shape)
                }
            }
            Kind::Float if dtype == Some(Dtype::F64) => {
                let floats: Vec<f64> = values.iter().map(float).collect();
                Array::from_slice(&floats, shape)
            }
            Kind::Float => {
                let floats: Vec<f32> = values.iter().map(|v| float(v) as f32).collect();
                Array::from_slice(&floats, shape)
            }
            Kind::Complex => {
                let complex = |v: &Operand| match v {
                    Operand::Complex(re, im) => [*re as f32, *im as f32],
                    other => [float(other) as f32, 0.0],
                };
                let numbers: Vec<[f32; 2]> = values.iter().map(complex).collect();
                Array::from_slice(&numbers, shape)
            }
        };
        converted(array.or_raise()?, dtype)
    }
}
