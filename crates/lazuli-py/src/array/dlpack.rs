//! DLPack, both ways: the exchange format of array libraries.
//!
//! Export shares the memory, read-only, with those who understand version 1 (which can say so); older
//! consumers get a copy. Import copies: the other library may write what it lent.

use std::ffi::c_void;
use std::ptr::NonNull;

use lazuli_core::{Array, Dtype};
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

use super::buffer::Exported;
use crate::error::OrRaise;

/// The device type of host memory.
pub(super) const HOST: i32 = 1;
const READ_ONLY: u64 = 1;
const COPIED: u64 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
struct Tensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    rank: i32,
    code: u8,
    bits: u8,
    lanes: u16,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

/// `DLManagedTensor`.
#[repr(C)]
struct Managed {
    tensor: Tensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Managed)>,
}

/// `DLManagedTensorVersioned`.
#[repr(C)]
struct Versioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Versioned)>,
    flags: u64,
    tensor: Tensor,
}

/// What an exported tensor owns.
struct Held {
    _memory: Exported,
    shape: Vec<i64>,
    strides: Vec<i64>,
}

fn code(dtype: Dtype) -> (u8, u8) {
    let bits = dtype.size() as u8 * 8;
    let code = match dtype {
        Dtype::Bool => 6,
        Dtype::BF16 => 4,
        Dtype::C64 => 5,
        d if d.is_float() => 2,
        d if d.is_unsigned_integer() => 1,
        _ => 0,
    };
    (code, bits)
}

fn dtype(tensor: &Tensor) -> Option<Dtype> {
    let all = lazuli_core::dtype::ALL;
    let same = |d: &Dtype| code(*d) == (tensor.code, tensor.bits) && tensor.lanes == 1;
    all.into_iter().find(same)
}

/// A capsule of the array's memory.
pub(super) fn export(
    py: Python<'_>,
    array: &Array,
    max_version: Option<(u32, u32)>,
    copy: bool,
) -> PyResult<Py<PyAny>> {
    let versioned = max_version.is_some_and(|(major, _)| major >= 1);
    let copied = copy || !versioned;
    let array = if copied {
        array.copy().or_raise()?
    } else {
        array.clone()
    };
    let memory = Exported::of(py, &array)?;
    let (code, bits) = code(array.dtype());
    let mut held = Box::new(Held {
        shape: memory.shape.iter().map(|&d| d as i64).collect(),
        strides: memory.strides.iter().map(|&s| s as i64).collect(),
        _memory: memory,
    });
    let tensor = Tensor {
        data: held._memory.start(),
        device_type: HOST,
        device_id: 0,
        rank: held.shape.len() as i32,
        code,
        bits,
        lanes: 1,
        shape: held.shape.as_mut_ptr(),
        strides: held.strides.as_mut_ptr(),
        byte_offset: 0,
    };
    let context = Box::into_raw(held).cast();
    let (pointer, name) = if versioned {
        let flags = if copied { COPIED } else { READ_ONLY };
        let deleter = Some(free_versioned as unsafe extern "C" fn(*mut Versioned));
        let managed = Versioned {
            major: 1,
            minor: 0,
            context,
            deleter,
            flags,
            tensor,
        };
        (
            Box::into_raw(Box::new(managed)).cast::<c_void>(),
            c"dltensor_versioned",
        )
    } else {
        let deleter = Some(free_managed as unsafe extern "C" fn(*mut Managed));
        let managed = Managed {
            tensor,
            context,
            deleter,
        };
        (
            Box::into_raw(Box::new(managed)).cast::<c_void>(),
            c"dltensor",
        )
    };
    // SAFETY: the pointer is a tensor of the kind that the name says; a capsule that nobody renamed
    // frees it.
    unsafe {
        let capsule = ffi::PyCapsule_New(pointer, name.as_ptr(), Some(drop_capsule));
        Ok(Bound::from_owned_ptr_or_err(py, capsule)?.unbind())
    }
}

unsafe extern "C" fn free_managed(managed: *mut Managed) {
    // SAFETY: the consumer calls once with the tensor that `export` made.
    unsafe {
        let managed = Box::from_raw(managed);
        drop(Box::from_raw(managed.context.cast::<Held>()));
    }
}

unsafe extern "C" fn free_versioned(managed: *mut Versioned) {
    // SAFETY: the consumer calls once with the tensor that `export` made.
    unsafe {
        let managed = Box::from_raw(managed);
        drop(Box::from_raw(managed.context.cast::<Held>()));
    }
}

/// A consumer renames the capsule it takes; one with its first name still owns its tensor.
unsafe extern "C" fn drop_capsule(capsule: *mut ffi::PyObject) {
    // SAFETY: called by CPython with a capsule that `export` made.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, c"dltensor".as_ptr()) == 1 {
            free_managed(ffi::PyCapsule_GetPointer(capsule, c"dltensor".as_ptr()).cast());
        } else if ffi::PyCapsule_IsValid(capsule, c"dltensor_versioned".as_ptr()) == 1 {
            free_versioned(
                ffi::PyCapsule_GetPointer(capsule, c"dltensor_versioned".as_ptr()).cast(),
            );
        }
    }
}

/// A copy of what an object with `__dlpack__` shows.
pub(super) fn import(object: &Bound<'_, PyAny>) -> PyResult<Array> {
    let py = object.py();
    let kwargs = PyDict::new(py);
    kwargs.set_item("max_version", (1, 0))?;
    let capsule = match object.call_method("__dlpack__", (), Some(&kwargs)) {
        Err(e) if e.is_instance_of::<pyo3::exceptions::PyTypeError>(py) => {
            object.call_method0("__dlpack__")?
        }
        other => other?,
    };
    let capsule = capsule.cast_into::<PyCapsule>()?;
    // The capsule keeps its name, so it frees the tensor when it goes: all is copied before.
    let pointer = |name| {
        capsule
            .pointer_checked(Some(name))
            .ok()
            .map(NonNull::as_ptr)
    };
    let tensor = if let Some(managed) = pointer(c"dltensor_versioned") {
        // SAFETY: the capsule's name says what it points to.
        unsafe { (*managed.cast::<Versioned>()).tensor }
    } else if let Some(managed) = pointer(c"dltensor") {
        // SAFETY: the capsule's name says what it points to.
        unsafe { (*managed.cast::<Managed>()).tensor }
    } else {
        return Err(PyValueError::new_err(
            "from_dlpack: the capsule is used or is no tensor",
        ));
    };
    copied(&tensor)
}

fn copied(tensor: &Tensor) -> PyResult<Array> {
    if tensor.device_type != HOST {
        return Err(PyBufferError::new_err(format!(
            "from_dlpack: the memory is on device type {}, not on the host",
            tensor.device_type
        )));
    }
    let dtype = dtype(tensor).ok_or_else(|| {
        PyBufferError::new_err(format!(
            "from_dlpack: type code {} of {} bits has no dtype here",
            tensor.code, tensor.bits
        ))
    })?;
    let rank = usize::try_from(tensor.rank).unwrap_or(0);
    // SAFETY: a tensor has `rank` lengths, and strides (in elements) unless it is row-major.
    let (shape, strides) = unsafe {
        let list = |start: *mut i64| match start.is_null() || rank == 0 {
            true => None,
            false => Some(std::slice::from_raw_parts(start, rank)),
        };
        (list(tensor.shape).unwrap_or_default(), list(tensor.strides))
    };
    let shape: Vec<usize> = shape
        .iter()
        .map(|&d| usize::try_from(d).unwrap_or(0))
        .collect();
    let size = dtype.size();
    let strides: Vec<isize> = match strides {
        Some(strides) => strides
            .iter()
            .map(|&s| s as isize * size as isize)
            .collect(),
        None => {
            let rows = lazuli_core::Shape::from(&shape[..]).contiguous_strides();
            rows.iter().map(|&s| s * size as isize).collect()
        }
    };
    // SAFETY: the tensor's memory has the elements of its shape from `byte_offset`, and the capsule
    // that owns it is alive.
    let bytes = unsafe {
        let start = tensor
            .data
            .cast::<u8>()
            .wrapping_add(tensor.byte_offset as usize);
        super::foreign::gather(start, &shape, &strides, size)
    };
    Array::from_bytes(&bytes, dtype, &shape[..]).or_raise()
}
