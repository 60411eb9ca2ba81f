//! `Dtype`, its categories, and what limits a dtype has.

use std::fmt::Write;

use lazuli_core::Dtype;
use lazuli_core::dtype::ALL;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::array::PyArray;
use crate::call::{Entry, row};
use crate::print::general;

/// A type of elements.
#[pyclass(frozen, eq, hash, name = "Dtype", module = "lazuli.core")]
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct PyDtype(pub(crate) Dtype);

#[pymethods]
impl PyDtype {
    /// Bytes of one element.
    #[getter]
    fn size(&self) -> usize {
        self.0.size()
    }

    /// As `mlx.core` prints it, so that what a program prints stays the same.
    fn __repr__(&self) -> String {
        format!("mlx.core.{}", self.0)
    }

    /// Pickles as the name in the module.
    fn __reduce__(&self) -> &'static str {
        name_of(self.0)
    }
}

/// The name in the module: `bool` is taken.
pub(crate) fn name_of(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Bool => "bool_",
        other => other.name(),
    }
}

/// The dtype of that name in the module.
pub(crate) fn by_name(name: &str) -> Option<Dtype> {
    ALL.into_iter().find(|&d| name_of(d) == name)
}

/// The one object of a dtype.
pub(crate) fn object(py: Python<'_>, dtype: Dtype) -> PyResult<Py<PyDtype>> {
    static OBJECTS: PyOnceLock<Vec<Py<PyDtype>>> = PyOnceLock::new();
    let objects = OBJECTS.get_or_try_init(py, || {
        ALL.into_iter()
            .map(|d| Py::new(py, PyDtype(d)))
            .collect::<PyResult<_>>()
    })?;
    Ok(objects[dtype as usize].clone_ref(py))
}

/// A set of dtypes that contain one another.
#[pyclass(
    frozen,
    eq,
    hash,
    name = "DtypeCategory",
    module = "lazuli.core",
    rename_all = "lowercase"
)]
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
#[allow(clippy::enum_variant_names)]
pub(crate) enum Category {
    ComplexFloating,
    Floating,
    Inexact,
    SignedInteger,
    UnsignedInteger,
    Integer,
    Number,
    Generic,
}

pub(crate) const CATEGORIES: [(&str, Category); 8] = [
    ("complexfloating", Category::ComplexFloating),
    ("floating", Category::Floating),
    ("inexact", Category::Inexact),
    ("signedinteger", Category::SignedInteger),
    ("unsignedinteger", Category::UnsignedInteger),
    ("integer", Category::Integer),
    ("number", Category::Number),
    ("generic", Category::Generic),
];

impl Category {
    fn contains(self, dtype: Dtype) -> bool {
        match self {
            Category::ComplexFloating => dtype == Dtype::C64,
            Category::Floating => dtype.is_float(),
            Category::Inexact => dtype.is_inexact(),
            Category::SignedInteger => dtype.is_signed_integer(),
            Category::UnsignedInteger => dtype.is_unsigned_integer(),
            Category::Integer => dtype.is_integer(),
            Category::Number => dtype != Dtype::Bool,
            Category::Generic => true,
        }
    }
}

/// A dtype or a category, as the arguments of `issubdtype`.
#[derive(Clone, Copy, PartialEq)]
enum Type {
    One(Dtype),
    Many(Category),
}

impl Type {
    fn of(value: &Bound<'_, PyAny>) -> PyResult<Type> {
        if let Ok(dtype) = value.cast::<PyDtype>() {
            return Ok(Type::One(dtype.get().0));
        }
        match value.cast::<Category>() {
            Ok(category) => Ok(Type::Many(*category.get())),
            Err(_) => Err(PyValueError::new_err(format!(
                "issubdtype: {} is neither a Dtype nor a DtypeCategory",
                value.repr()?
            ))),
        }
    }

    fn is_in(self, other: Type) -> bool {
        match (self, other) {
            (Type::One(a), Type::One(b)) => a == b,
            (Type::One(a), Type::Many(b)) => b.contains(a),
            (Type::Many(_), Type::One(_)) => false,
            (Type::Many(a), Type::Many(b)) => ALL.iter().all(|&d| !a.contains(d) || b.contains(d)),
        }
    }
}

/// Limits of a floating dtype.
#[pyclass(frozen, name = "finfo", module = "lazuli.core")]
pub(crate) struct FloatLimits {
    dtype: Dtype,
}

impl FloatLimits {
    /// (smallest, largest, distance from 1 to the next, smallest normal number)
    fn limits(&self) -> (f64, f64, f64, f64) {
        let power = |e: i32| 2f64.powi(e);
        let (max, eps, normal) = match self.dtype {
            Dtype::F16 => (65504.0, power(-10), power(-14)),
            Dtype::BF16 => (f64::from(half::bf16::MAX), power(-7), power(-126)),
            Dtype::F64 => (f64::MAX, f64::EPSILON, f64::MIN_POSITIVE),
            _ => (
                f64::from(f32::MAX),
                f64::from(f32::EPSILON),
                f64::from(f32::MIN_POSITIVE),
            ),
        };
        (-max, max, eps, normal)
    }
}

#[pymethods]
impl FloatLimits {
    #[new]
    #[pyo3(signature = (arg, /))]
    fn new(arg: &Bound<'_, PyDtype>) -> PyResult<FloatLimits> {
        let dtype = arg.get().0;
        if !dtype.is_inexact() {
            return Err(PyValueError::new_err(format!(
                "finfo: {dtype} is not a float"
            )));
        }
        Ok(FloatLimits { dtype })
    }
    #[getter]
    fn bits(&self) -> usize {
        let parts = if self.dtype == Dtype::C64 { 2 } else { 1 };
        self.dtype.size() * 8 / parts
    }
    #[getter]
    fn min(&self) -> f64 {
        self.limits().0
    }
    #[getter]
    fn max(&self) -> f64 {
        self.limits().1
    }
    #[getter]
    fn eps(&self) -> f64 {
        self.limits().2
    }
    #[getter]
    fn smallest_normal(&self) -> f64 {
        self.limits().3
    }
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyDtype>> {
        object(py, self.dtype)
    }
    fn __repr__(&self) -> String {
        let mut text = String::from("finfo(min=");
        let (min, max, ..) = self.limits();
        general(&mut text, min, 6);
        let _ = text.write_str(", max=");
        general(&mut text, max, 6);
        let _ = write!(text, ", dtype={})", self.dtype);
        text
    }
}

/// Limits of an integer dtype.
#[pyclass(frozen, name = "iinfo", module = "lazuli.core")]
pub(crate) struct IntegerLimits {
    dtype: Dtype,
}

#[pymethods]
impl IntegerLimits {
    #[new]
    #[pyo3(signature = (arg, /))]
    fn new(arg: &Bound<'_, PyDtype>) -> PyResult<IntegerLimits> {
        let dtype = arg.get().0;
        if !dtype.is_integer() {
            return Err(PyValueError::new_err(format!(
                "iinfo: {dtype} is not an integer"
            )));
        }
        Ok(IntegerLimits { dtype })
    }
    #[getter]
    fn min(&self) -> i128 {
        let bits = self.dtype.size() as u32 * 8;
        if self.dtype.is_signed_integer() {
            -(1 << (bits - 1))
        } else {
            0
        }
    }
    #[getter]
    fn max(&self) -> i128 {
        let bits = self.dtype.size() as u32 * 8;
        let bits = if self.dtype.is_signed_integer() {
            bits - 1
        } else {
            bits
        };
        (1 << bits) - 1
    }
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyDtype>> {
        object(py, self.dtype)
    }
    fn __repr__(&self) -> String {
        format!(
            "iinfo(min={}, max={}, dtype={})",
            self.min(),
            self.max(),
            self.dtype
        )
    }
}

fn dtype_of(value: &Bound<'_, PyAny>) -> PyResult<Dtype> {
    if let Ok(array) = value.cast::<PyArray>() {
        return Ok(array.get().value().dtype());
    }
    match value.cast::<PyDtype>() {
        Ok(dtype) => Ok(dtype.get().0),
        Err(_) => Err(PyValueError::new_err(format!(
            "result_type: {} is neither an array nor a Dtype",
            value.repr()?
        ))),
    }
}

/// Whether `dtype` is of `kind`: a dtype, a name of the array API standard, or several.
fn is_kind(dtype: Dtype, kind: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(other) = kind.cast::<PyDtype>() {
        return Ok(other.get().0 == dtype);
    }
    if let Ok(name) = kind.cast::<PyString>() {
        return Ok(match name.to_str()? {
            "bool" => dtype == Dtype::Bool,
            "signed integer" => dtype.is_signed_integer(),
            "unsigned integer" => dtype.is_unsigned_integer(),
            "integral" => dtype.is_integer(),
            "real floating" => dtype.is_float(),
            "complex floating" => dtype == Dtype::C64,
            "numeric" => dtype != Dtype::Bool,
            other => return Err(PyValueError::new_err(format!("isdtype: no kind `{other}`"))),
        });
    }
    let kinds = kind.cast::<pyo3::types::PyTuple>()?;
    for kind in kinds.iter() {
        if is_kind(dtype, &kind)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Functions over dtypes.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "issubdtype",
            "(arg1: Dtype | DtypeCategory, arg2: Dtype | DtypeCategory) -> bool",
            "Whether the first dtype or category lies within the second.",
            |a: Py<PyAny>, b: Py<PyAny>| Python::attach(|py| {
                Ok::<_, PyErr>(Type::of(a.bind(py))?.is_in(Type::of(b.bind(py))?))
            })
        ),
        row!(
            "isdtype",
            "(dtype: Dtype, kind: Dtype | str | tuple[Dtype | str, ...]) -> bool",
            "Whether a dtype is of a kind of the array API standard, or of one of several.",
            |dtype: Dtype, kind: Py<PyAny>| Python::attach(|py| is_kind(dtype, kind.bind(py)))
        ),
        row!(
            "result_type",
            "(*arrays_and_dtypes: array | Dtype) -> Dtype",
            "The dtype that arithmetic over all of these gives.",
            |all: Vec<Py<PyAny>>| Python::attach(|py| {
                let mut dtype = Dtype::Bool;
                for one in &all {
                    dtype = dtype.promote(dtype_of(one.bind(py))?);
                }
                Ok::<_, PyErr>(dtype)
            })
        ),
        row!(
            "can_cast",
            "(from_: array | Dtype, to: Dtype) -> bool",
            "Whether promotion alone takes the first dtype to the second.",
            |from: Py<PyAny>, to: Dtype| Python::attach(|py| {
                Ok::<_, PyErr>(dtype_of(from.bind(py))?.promote(to) == to)
            })
        ),
    ]
}
