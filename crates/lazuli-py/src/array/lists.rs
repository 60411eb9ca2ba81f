//! Values as Python numbers and nested lists of them.

use half::{bf16, f16};
use lazuli_core::{Array, Dtype};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyList};

use crate::error::OrRaise;

/// The value of an array of one element.
pub(super) fn item(py: Python<'_>, array: &Array) -> PyResult<Py<PyAny>> {
    if array.elements() != 1 {
        return Err(PyValueError::new_err(format!(
            "item: needs one element, the shape is {}",
            array.shape()
        )));
    }
    let bytes = py.detach(|| array.to_bytes()).or_raise()?;
    number(py, &bytes, array.dtype(), 0)
}

/// All values, one list for each axis.
pub(super) fn nested(py: Python<'_>, array: &Array) -> PyResult<Py<PyAny>> {
    let bytes = py.detach(|| array.to_bytes()).or_raise()?;
    list(py, &bytes, array.dtype(), array.shape(), 0)
}

fn list(
    py: Python<'_>,
    bytes: &[u8],
    dtype: Dtype,
    shape: &[usize],
    at: usize,
) -> PyResult<Py<PyAny>> {
    let Some((&length, inner)) = shape.split_first() else {
        return number(py, bytes, dtype, at);
    };
    let step: usize = inner.iter().product();
    let list_of = PyList::empty(py);
    for i in 0..length {
        list_of.append(list(py, bytes, dtype, inner, at + i * step)?)?;
    }
    Ok(list_of.into_any().unbind())
}

fn number(py: Python<'_>, bytes: &[u8], dtype: Dtype, at: usize) -> PyResult<Py<PyAny>> {
    macro_rules! read {
        ($ty:ty) => {{
            const SIZE: usize = size_of::<$ty>();
            bytemuck::pod_read_unaligned::<$ty>(&bytes[at * SIZE..(at + 1) * SIZE])
        }};
    }
    macro_rules! object {
        ($value:expr) => {
            Ok($value.into_pyobject(py)?.into_any().unbind())
        };
    }
    match dtype {
        Dtype::Bool => Ok((bytes[at] != 0)
            .into_pyobject(py)?
            .to_owned()
            .into_any()
            .unbind()),
        Dtype::U8 => object!(read!(u8)),
        Dtype::U16 => object!(read!(u16)),
        Dtype::U32 => object!(read!(u32)),
        Dtype::U64 => object!(read!(u64)),
        Dtype::I8 => object!(read!(i8)),
        Dtype::I16 => object!(read!(i16)),
        Dtype::I32 => object!(read!(i32)),
        Dtype::I64 => object!(read!(i64)),
        Dtype::F16 => object!(f64::from(read!(f16))),
        Dtype::BF16 => object!(f64::from(read!(bf16))),
        Dtype::F32 => object!(f64::from(read!(f32))),
        Dtype::F64 => object!(read!(f64)),
        Dtype::C64 => {
            let [re, im] = read!([f32; 2]);
            let value = PyComplex::from_doubles(py, f64::from(re), f64::from(im));
            Ok(value.into_any().unbind())
        }
    }
}
