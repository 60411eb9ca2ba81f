//! Arrays of other libraries, through the buffer protocol, DLPack, or an object's own conversion.
//!
//! Values are copied: an array here never changes, and the owner of the memory may write it.

use std::ffi::CStr;

use lazuli_core::{Array, Dtype};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyComplex;

use super::{PyArray, dlpack};
use crate::error::OrRaise;
use crate::operand::{Operand, complex, integer};

/// The array of an object that has `__mlx_array__`.
pub(crate) fn like(value: &Bound<'_, PyAny>) -> PyResult<Option<Array>> {
    let Some(method) = value.getattr_opt("__mlx_array__")? else {
        return Ok(None);
    };
    let made = method.call0()?;
    match made.cast::<PyArray>() {
        Ok(array) => Ok(Some(array.get().value())),
        Err(_) => Err(PyTypeError::new_err(format!(
            "__mlx_array__: gave a {}, not an array",
            made.get_type().name()?
        ))),
    }
}

/// A NumPy scalar, or an array without axes, as the number that it is.
pub(crate) fn scalar(value: &Bound<'_, PyAny>) -> PyResult<Option<Operand>> {
    let Some(dtype) = value.getattr_opt("dtype")? else {
        return Ok(None);
    };
    let rank = value
        .getattr_opt("ndim")?
        .and_then(|n| n.extract::<usize>().ok());
    let kind = dtype
        .getattr_opt("kind")?
        .and_then(|k| k.extract::<String>().ok());
    let (Some(0), Some(kind)) = (rank, kind) else {
        return Ok(None);
    };
    Ok(match kind.as_str() {
        "b" => Some(Operand::Bool(value.is_truthy()?)),
        "i" | "u" => Some(Operand::Int(integer(&value.call_method0("__int__")?)?)),
        "f" => Some(Operand::Float(value.call_method0("__float__")?.extract()?)),
        "c" => {
            let number = value.call_method0("__complex__")?;
            Some(complex(number.cast::<PyComplex>()?)?)
        }
        _ => None,
    })
}

/// The values of another library's array, in the type that they have here: `float64` becomes
/// `float32`, as every other float that is not asked for in full.
pub(crate) fn import(value: &Bound<'_, PyAny>) -> PyResult<Option<Array>> {
    import_as(value, None)
}

/// As [`import`], but `float64` stays if that is what will be made of it.
pub(crate) fn import_as(value: &Bound<'_, PyAny>, dtype: Option<Dtype>) -> PyResult<Option<Array>> {
    let Some(array) = exact(value)? else {
        return Ok(None);
    };
    if array.dtype() == Dtype::F64 && dtype != Some(Dtype::F64) {
        return array.astype(Dtype::F32).or_raise().map(Some);
    }
    Ok(Some(array))
}

fn exact(value: &Bound<'_, PyAny>) -> PyResult<Option<Array>> {
    // NumPy has no name for bfloat16 in a buffer: ml_dtypes' arrays are read as what they are in memory.
    if name_of_dtype(value).as_deref() == Some("bfloat16") && value.hasattr("view")? {
        let words = value.call_method1("view", ("uint16",));
        if let Ok(words) = words
            && let Some(array) = buffer(&words)?
        {
            let bytes = array.to_bytes().or_raise()?;
            return Array::from_bytes(&bytes, Dtype::BF16, array.shape())
                .or_raise()
                .map(Some);
        }
    }
    // SAFETY: only looks at the type of a valid object.
    if unsafe { ffi::PyObject_CheckBuffer(value.as_ptr()) } == 1 {
        return buffer(value);
    }
    if value.hasattr("__dlpack__")? {
        return dlpack::import(value).map(Some);
    }
    if value.hasattr("__array__")? {
        return buffer(&value.call_method0("__array__")?);
    }
    Ok(None)
}

fn name_of_dtype(value: &Bound<'_, PyAny>) -> Option<String> {
    let dtype = value.getattr_opt("dtype").ok()??;
    dtype.getattr_opt("name").ok()??.extract().ok()
}

/// A view of another object's memory, given back when dropped.
struct View(Box<ffi::Py_buffer>);

impl View {
    fn of(value: &Bound<'_, PyAny>) -> PyResult<View> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: the view is ours to fill and stays where it is until it is released.
        match unsafe { ffi::PyObject_GetBuffer(value.as_ptr(), &mut *view, ffi::PyBUF_FULL_RO) } {
            0 => Ok(View(view)),
            _ => Err(PyErr::fetch(value.py())),
        }
    }

    /// One of the lists of the view, which has an entry for each axis.
    fn list(&self, start: *const ffi::Py_ssize_t) -> &[ffi::Py_ssize_t] {
        if start.is_null() || self.0.ndim <= 0 {
            return &[];
        }
        // SAFETY: the protocol gives `ndim` entries, alive as long as the view.
        unsafe { std::slice::from_raw_parts(start, self.0.ndim as usize) }
    }

    fn format(&self) -> &CStr {
        if self.0.format.is_null() {
            return c"B";
        }
        // SAFETY: the protocol gives a C string, alive as long as the view.
        unsafe { CStr::from_ptr(self.0.format) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: the view was filled in `of`, and views are made and dropped while attached.
        unsafe { ffi::PyBuffer_Release(&mut *self.0) }
    }
}

fn buffer(value: &Bound<'_, PyAny>) -> PyResult<Option<Array>> {
    let view = View::of(value)?;
    let size = usize::try_from(view.0.itemsize).unwrap_or(0);
    let dtype = dtype_of(view.format(), size).ok_or_else(|| {
        PyValueError::new_err(format!(
            "array: elements of format `{}` have no dtype here",
            view.format().to_string_lossy()
        ))
    })?;
    if !view.0.suboffsets.is_null() {
        return Err(PyValueError::new_err(
            "array: memory in separate pieces is not taken",
        ));
    }
    let shape: Vec<usize> = view
        .list(view.0.shape)
        .iter()
        .map(|&d| d as usize)
        .collect();
    // SAFETY: the buffer's elements lie at these strides from its start, and it is held until the copy
    // is done; nothing else runs while the interpreter is held.
    let bytes = unsafe { gather(view.0.buf.cast(), &shape, view.list(view.0.strides), size) };
    Array::from_bytes(&bytes, dtype, shape).or_raise().map(Some)
}

/// Elements of `size` bytes at `strides` (in bytes), in row-major order.
///
/// # Safety
/// `start` points to the element at index zero of memory that has all elements of the shape.
pub(super) unsafe fn gather(
    start: *const u8,
    shape: &[usize],
    strides: &[isize],
    size: usize,
) -> Vec<u8> {
    let count: usize = shape.iter().product();
    let mut out = Vec::with_capacity(count * size);
    if count == 0 {
        return out;
    }
    let mut expected = size as isize;
    let row_major = shape.iter().zip(strides).rev().all(|(&n, &stride)| {
        let fits = n == 1 || stride == expected;
        expected *= n as isize;
        fits
    });
    if row_major {
        // SAFETY: row-major elements are one run of `count * size` bytes.
        out.extend_from_slice(unsafe { std::slice::from_raw_parts(start, count * size) });
        return out;
    }
    let mut index = vec![0usize; shape.len()];
    let mut offset = 0isize;
    loop {
        // SAFETY: the offset is that of an element of the shape.
        out.extend_from_slice(unsafe { std::slice::from_raw_parts(start.offset(offset), size) });
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return out;
            }
            axis -= 1;
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            offset -= strides[axis] * shape[axis] as isize;
            index[axis] = 0;
        }
    }
}

/// The dtype of a format of the `struct` module in native byte order.
fn dtype_of(format: &CStr, size: usize) -> Option<Dtype> {
    let format = format.to_str().ok()?;
    let little = cfg!(target_endian = "little");
    let code = format.trim_start_matches(['@', '=']);
    let code = if little {
        code.trim_start_matches('<')
    } else {
        code.trim_start_matches(['>', '!'])
    };
    let dtype = match code {
        "?" => Dtype::Bool,
        "b" | "h" | "i" | "l" | "q" | "n" => match size {
            1 => Dtype::I8,
            2 => Dtype::I16,
            4 => Dtype::I32,
            _ => Dtype::I64,
        },
        "c" | "B" | "H" | "I" | "L" | "Q" | "N" | "" => match size {
            1 => Dtype::U8,
            2 => Dtype::U16,
            4 => Dtype::U32,
            _ => Dtype::U64,
        },
        "e" => Dtype::F16,
        "f" => Dtype::F32,
        "d" => Dtype::F64,
        "Zf" | "F" => Dtype::C64,
        _ => return None,
    };
    (dtype.size() == size).then_some(dtype)
}
