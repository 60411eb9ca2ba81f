//! The class `array`: a handle to an array of the core.
//!
//! The handle can be changed (`a += 1`, `a[0] = 2` are seen through every name of the object), the
//! array it holds cannot. Methods that are also functions come from the table of functions.

mod at;
mod buffer;
mod construct;
mod dlpack;
pub(crate) mod foreign;
mod index;
mod iterate;
mod lists;
mod operators;
mod pickle;

use std::sync::{Mutex, PoisonError, RwLock};

use lazuli_core::Array;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

pub(crate) use at::ArrayAt;
pub(crate) use construct::array_of;
pub(crate) use iterate::{ArrayIterator, ArrayLike};
pub(crate) use pickle::restore;

use crate::error::OrRaise;
use crate::reply::Reply;

/// An n-dimensional array: lazy, shared, of any thread.
#[pyclass(frozen, weakref, name = "array", module = "lazuli.core")]
pub(crate) struct PyArray {
    value: RwLock<Array>,
}

impl PyArray {
    pub(crate) fn new(value: Array) -> PyArray {
        PyArray {
            value: RwLock::new(value),
        }
    }

    /// The array that the object stands for now.
    pub(crate) fn value(&self) -> Array {
        self.value
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes the object stand for another array.
    pub(crate) fn set(&self, array: Array) -> PyResult<()> {
        array.check().or_raise()?;
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = array;
        Ok(())
    }
}

/// Arrays that `async_eval` was asked for and that may not be done.
static STARTED: Mutex<Vec<Array>> = Mutex::new(Vec::new());

/// Starts to compute `arrays` and remembers them for [`synchronize`].
pub(crate) fn start(arrays: Vec<Array>) {
    let refs: Vec<&Array> = arrays.iter().collect();
    lazuli_core::async_eval(&refs);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    started.retain(|a| !a.is_evaluated() && a.check().is_ok());
    started.extend(arrays);
}

/// Waits for everything that was started.
pub(crate) fn synchronize() -> PyResult<()> {
    let started = std::mem::take(&mut *STARTED.lock().unwrap_or_else(PoisonError::into_inner));
    evaluate(&started)
}

/// Computes `arrays` while other Python threads run.
pub(crate) fn evaluate(arrays: &[Array]) -> PyResult<()> {
    let refs: Vec<&Array> = arrays.iter().collect();
    let done = Python::attach(|py| py.detach(|| lazuli_core::eval(&refs)));
    done.or_raise()
}

#[pymethods]
impl PyArray {
    #[new]
    #[pyo3(signature = (val, dtype = None))]
    fn __new__(
        val: &Bound<'_, PyAny>,
        dtype: Option<&Bound<'_, crate::dtype::PyDtype>>,
    ) -> PyResult<PyArray> {
        let array = array_of(val, dtype.map(|d| d.get().0))?;
        array.check().or_raise()?;
        Ok(PyArray::new(array))
    }

    /// Number of elements.
    #[getter]
    fn size(&self) -> usize {
        self.value().elements()
    }

    /// Number of axes.
    #[getter]
    fn ndim(&self) -> usize {
        self.value().rank()
    }

    /// Bytes of one element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.value().dtype().size()
    }

    /// Bytes of all elements.
    #[getter]
    fn nbytes(&self) -> usize {
        self.value().bytes()
    }

    /// Length of each axis.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.value().shape().iter())
    }

    /// Type of the elements.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<crate::dtype::PyDtype>> {
        crate::dtype::object(py, self.value().dtype())
    }

    /// The axes in reverse order.
    #[getter(T)]
    fn transposed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let array = self.value();
        let reversed: Vec<usize> = (0..array.rank()).rev().collect();
        array.permute(&reversed).reply(py)
    }

    /// The last two axes exchanged.
    #[getter(mT)]
    fn matrix_transposed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.value().matrix_transpose().reply(py)
    }

    /// The real part of each element.
    #[getter]
    fn real(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.value().real().reply(py)
    }

    /// The imaginary part of each element.
    #[getter]
    fn imag(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.value().imag().reply(py)
    }

    /// Updates at an index that give a new array: `a.at[i].add(v)`.
    #[getter]
    fn at(slf: &Bound<'_, Self>) -> ArrayAt {
        ArrayAt::new(slf.clone().unbind())
    }

    /// The value of an array of one element, as a Python number.
    fn item(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        lists::item(py, &self.value())
    }

    /// The values as nested lists of Python numbers.
    fn tolist(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        lists::nested(py, &self.value())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        crate::print::repr(py, &self.value())
    }

    fn __format__<'py>(
        &self,
        py: Python<'py>,
        spec: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.value().rank() == 0 {
            let item = self.item(py)?;
            if !spec.is_empty()? {
                return item.bind(py).call_method1("__format__", (spec,));
            }
        }
        self.__repr__(py)?
            .into_pyobject(py)?
            .call_method1("__format__", (spec,))
    }

    fn __len__(&self) -> PyResult<usize> {
        match self.value().shape().first() {
            Some(&length) => Ok(length),
            None => Err(PyTypeError::new_err("len: the array has no axis")),
        }
    }

    fn __iter__(&self) -> PyResult<ArrayIterator> {
        ArrayIterator::new(self.value())
    }

    fn __getitem__(&self, py: Python<'_>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        index::read(&self.value(), index)?.reply(py)
    }

    fn __setitem__(&self, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(index::write(&self.value(), index, value)?)
    }

    /// Identity, since equality gives arrays.
    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        (slf.as_ptr() as usize >> 4) as isize
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        self.item(py)?.bind(py).is_truthy()
    }

    fn __int__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let item = self.item(py)?;
        Ok(py.get_type::<pyo3::types::PyInt>().call1((item,))?.unbind())
    }

    fn __float__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let item = self.item(py)?;
        Ok(py
            .get_type::<pyo3::types::PyFloat>()
            .call1((item,))?
            .unbind())
    }

    fn __complex__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let item = self.item(py)?;
        Ok(py
            .get_type::<pyo3::types::PyComplex>()
            .call1((item,))?
            .unbind())
    }

    fn __index__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let array = self.value();
        if array.rank() != 0 || !array.dtype().is_integer() {
            return Err(PyTypeError::new_err(format!(
                "index: needs an integer without axes, not {array:?}"
            )));
        }
        self.item(py)
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let array = self.value();
        let bytes = py.detach(|| array.to_bytes()).or_raise()?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn __copy__(&self) -> PyArray {
        PyArray::new(self.value())
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyDict>) -> PyArray {
        PyArray::new(self.value())
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        pickle::reduce(slf)
    }

    fn __getstate__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        pickle::state(py, &self.value())
    }

    fn __setstate__(&self, state: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.set(pickle::from_state(state)?)
    }

    #[pyo3(signature = (api_version = None))]
    fn __array_namespace__<'py>(
        &self,
        py: Python<'py>,
        api_version: Option<&str>,
    ) -> PyResult<Bound<'py, PyModule>> {
        match api_version {
            None | Some("2021.12" | "2022.12" | "2023.12" | "2024.12") => py.import("lazuli.core"),
            Some(other) => Err(PyValueError::new_err(format!(
                "__array_namespace__: no version `{other}`; 2024.12 is the newest"
            ))),
        }
    }

    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__(
        slf: &Bound<'_, Self>,
        dtype: Option<&Bound<'_, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Py<PyAny>> {
        buffer::numpy(slf, dtype, copy)
    }

    #[pyo3(signature = (*, stream = None, max_version = None, dl_device = None, copy = None))]
    fn __dlpack__(
        &self,
        py: Python<'_>,
        stream: Option<&Bound<'_, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Py<PyAny>> {
        if stream.is_some() {
            return Err(PyValueError::new_err(
                "__dlpack__: memory of the host has no stream",
            ));
        }
        if !matches!(dl_device, None | Some((dlpack::HOST, 0))) {
            return Err(pyo3::exceptions::PyBufferError::new_err(
                "__dlpack__: the array is in the memory of the host, device (1, 0)",
            ));
        }
        dlpack::export(py, &self.value(), max_version, copy.unwrap_or(false))
    }

    fn __dlpack_device__(&self) -> (i32, i32) {
        (dlpack::HOST, 0)
    }

    /// # Safety
    /// `view` is a `Py_buffer` that may be written: CPython's contract.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut pyo3::ffi::Py_buffer,
        flags: std::ffi::c_int,
    ) -> PyResult<()> {
        // SAFETY: CPython calls with a `Py_buffer` to fill.
        unsafe { buffer::fill(&slf, view, flags) }
    }

    /// # Safety
    /// `view` was filled by `__getbuffer__`: CPython's contract.
    unsafe fn __releasebuffer__(&self, view: *mut pyo3::ffi::Py_buffer) {
        // SAFETY: CPython gives back a view that `buffer::fill` filled.
        unsafe { buffer::release(view) }
    }
}
