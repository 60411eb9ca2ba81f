//! Memory of an array for other libraries, through the buffer protocol, without a copy.
//!
//! Views are read-only: arrays are values, and other arrays may share the memory.

use std::ffi::{CStr, c_int, c_void};

use lazuli_core::buffer::HostView;
use lazuli_core::{Array, Dtype};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::PyArray;
use crate::error::OrRaise;

/// The memory of an evaluated array on the host and where its elements are.
pub(super) struct Exported {
    host: HostView,
    offset: usize,
    pub(super) shape: Vec<isize>,
    /// In elements.
    pub(super) strides: Vec<isize>,
}

impl Exported {
    /// Computes `array` while other Python threads run.
    pub(super) fn of(py: Python<'_>, array: &Array) -> PyResult<Exported> {
        let export = || {
            let data = array.data()?;
            let strides = data.layout.strides_of(array.shape());
            Ok(Exported {
                host: data.buffer.host()?,
                offset: data.layout.offset * array.dtype().size(),
                shape: array.shape().iter().map(|&d| d as isize).collect(),
                strides: strides.to_vec(),
            })
        };
        py.detach(export).or_raise()
    }

    /// The element at index zero.
    pub(super) fn start(&self) -> *mut c_void {
        // An array without elements may have no memory at its offset.
        let start = self.host.get(self.offset..).unwrap_or_default();
        start.as_ptr() as *mut c_void
    }

    fn is_row_major(&self) -> bool {
        let mut step = 1;
        self.shape
            .iter()
            .zip(&self.strides)
            .rev()
            .all(|(&n, &stride)| {
                let fits = n <= 1 || stride == step;
                step *= n;
                fits
            })
    }

    fn is_column_major(&self) -> bool {
        let mut step = 1;
        self.shape.iter().zip(&self.strides).all(|(&n, &stride)| {
            let fits = n <= 1 || stride == step;
            step *= n;
            fits
        })
    }
}

fn format(dtype: Dtype) -> Option<&'static CStr> {
    Some(match dtype {
        Dtype::Bool => c"?",
        Dtype::U8 => c"B",
        Dtype::U16 => c"H",
        Dtype::U32 => c"I",
        Dtype::U64 => c"Q",
        Dtype::I8 => c"b",
        Dtype::I16 => c"h",
        Dtype::I32 => c"i",
        Dtype::I64 => c"q",
        Dtype::F16 => c"e",
        Dtype::F32 => c"f",
        Dtype::F64 => c"d",
        Dtype::C64 => c"Zf",
        Dtype::BF16 => return None,
    })
}

/// Fills a view of the array's memory.
///
/// # Safety
/// `view` points to a `Py_buffer` to fill.
pub(super) unsafe fn fill(
    object: &Bound<'_, PyArray>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> PyResult<()> {
    let array = object.get().value();
    // SAFETY: the caller's contract; a failed request leaves no owner.
    unsafe { (*view).obj = std::ptr::null_mut() };
    let Some(format) = format(array.dtype()) else {
        return Err(PyBufferError::new_err(
            "buffer: bfloat16 has no format; convert with astype(lazuli.core.float32) first",
        ));
    };
    if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
        return Err(PyBufferError::new_err(
            "buffer: arrays are read-only; write to a copy",
        ));
    }
    let size = array.dtype().size() as isize;
    let mut exported = Exported::of(object.py(), &array)?;
    let asks = |bits: c_int| flags & bits == bits;
    let takes_strides = asks(ffi::PyBUF_STRIDES);
    let wrong_order = asks(ffi::PyBUF_C_CONTIGUOUS) && !exported.is_row_major()
        || asks(ffi::PyBUF_F_CONTIGUOUS) && !exported.is_column_major()
        || asks(ffi::PyBUF_ANY_CONTIGUOUS)
            && !exported.is_row_major()
            && !exported.is_column_major();
    if (wrong_order || !takes_strides) && !exported.is_row_major() {
        exported = Exported::of(object.py(), &array.copy().or_raise()?)?;
    }
    if asks(ffi::PyBUF_F_CONTIGUOUS) && !exported.is_column_major() {
        return Err(PyBufferError::new_err(
            "buffer: the array is not in column-major order",
        ));
    }
    exported.strides.iter_mut().for_each(|s| *s *= size);
    let rank = exported.shape.len();
    let exported = Box::new(exported);
    // SAFETY: the view is filled as the protocol says; shape and strides live in the box that
    // `release` drops, and the memory of the elements does with it.
    unsafe {
        (*view).buf = exported.start();
        (*view).len = array.bytes() as isize;
        (*view).readonly = 1;
        (*view).itemsize = size;
        (*view).format = if asks(ffi::PyBUF_FORMAT) {
            format.as_ptr().cast_mut()
        } else {
            std::ptr::null_mut()
        };
        (*view).ndim = rank as c_int;
        let mut raw = exported;
        (*view).shape = if asks(ffi::PyBUF_ND) {
            raw.shape.as_mut_ptr()
        } else {
            std::ptr::null_mut()
        };
        (*view).strides = if takes_strides {
            raw.strides.as_mut_ptr()
        } else {
            std::ptr::null_mut()
        };
        (*view).suboffsets = std::ptr::null_mut();
        (*view).internal = Box::into_raw(raw).cast();
        (*view).obj = object.clone().into_any().into_ptr();
    }
    Ok(())
}

/// Gives a view back.
///
/// # Safety
/// `view` was filled by [`fill`] and is given back once.
pub(super) unsafe fn release(view: *mut ffi::Py_buffer) {
    // SAFETY: `internal` is the box that `fill` put there.
    unsafe { drop(Box::from_raw((*view).internal.cast::<Exported>())) }
}

/// The array as NumPy's, sharing memory where `copy` is not true.
pub(super) fn numpy(
    object: &Bound<'_, PyArray>,
    dtype: Option<&Bound<'_, PyAny>>,
    copy: Option<bool>,
) -> PyResult<Py<PyAny>> {
    let py = object.py();
    let view = py
        .import("builtins")?
        .getattr("memoryview")?
        .call1((object,))?;
    let numpy = py.import("numpy")?;
    let kwargs = PyDict::new(py);
    if let Some(dtype) = dtype {
        kwargs.set_item("dtype", dtype)?;
    }
    kwargs.set_item("copy", copy)?;
    Ok(numpy
        .getattr("array")?
        .call((view,), Some(&kwargs))?
        .unbind())
}
