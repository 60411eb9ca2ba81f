//! Arrays from shapes, numbers and ranges.

use lazuli_core::creation::Indexing;
use lazuli_core::{Array, Dtype};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::argument::{Dims, dims};
use crate::array::{array_of, foreign};
use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};
use crate::operand::Operand;
use crate::reply::Tuple;

fn length(op: &str, n: isize) -> PyResult<usize> {
    usize::try_from(n).map_err(|_| value_error(op, format!("{n} is negative")))
}

/// A range of the dtype that its numbers suggest.
fn arange(
    start: Option<Operand>,
    stop: Option<Operand>,
    step: Option<Operand>,
    dtype: Option<Dtype>,
) -> PyResult<Array> {
    // One number is where the range ends.
    let (start, stop) = match (start, stop) {
        (Some(stop), None) => (Operand::Int(0), stop),
        (None, Some(stop)) => (Operand::Int(0), stop),
        (Some(start), Some(stop)) => (start, stop),
        (None, None) => return Err(PyTypeError::new_err("arange: `stop` is missing")),
    };
    let step = step.unwrap_or(Operand::Int(1));
    let mut suggested = Dtype::I32;
    let mut number = |operand: &Operand| match operand {
        Operand::Bool(_) | Operand::Int(_) | Operand::Float(_) => {
            suggested = suggested.promote(operand.dtype());
            Ok(match operand {
                Operand::Float(f) => *f,
                Operand::Int(i) => *i as f64,
                Operand::Bool(b) => f64::from(u8::from(*b)),
                _ => 0.0,
            })
        }
        _ => Err(PyTypeError::new_err(
            "arange: start, stop and step are numbers",
        )),
    };
    let (start, stop, step) = (number(&start)?, number(&stop)?, number(&step)?);
    Array::arange(start, stop, step, dtype.unwrap_or(suggested)).or_raise()
}

fn linspace(
    start: f64,
    stop: f64,
    count: Option<isize>,
    endpoint: bool,
    dtype: Option<Dtype>,
) -> PyResult<Array> {
    let count = length("linspace", count.unwrap_or(50))?;
    let dtype = dtype.unwrap_or(Dtype::F32);
    if endpoint || count == 0 {
        return Array::linspace(start, stop, count, dtype).or_raise();
    }
    let through = Array::linspace(start, stop, count + 1, dtype).or_raise()?;
    through.narrow(0, 0, count).or_raise()
}

fn full(shape: Dims, value: Operand, dtype: Option<Dtype>) -> PyResult<Array> {
    let value = match dtype {
        Some(dtype) => value.within(dtype)?.to_dtype(dtype)?,
        None => value.to_array()?,
    };
    value.broadcast_to(shape.0).or_raise()
}

fn like(a: &Array, dtype: Option<Dtype>, value: f64) -> lazuli_core::Result<Array> {
    Array::full(a.shape(), value, dtype.unwrap_or(a.dtype()))
}

fn meshgrid(
    arrays: Vec<Array>,
    sparse: Option<bool>,
    indexing: Option<String>,
) -> PyResult<Tuple<Array>> {
    let indexing = match indexing.as_deref() {
        None | Some("xy") => Indexing::Xy,
        Some("ij") => Indexing::Ij,
        Some(other) => {
            let message = format!("no indexing `{other}`; there are `xy` and `ij`");
            return Err(value_error("meshgrid", message));
        }
    };
    Array::meshgrid(&arrays, sparse.unwrap_or(false), indexing)
        .or_raise()
        .map(Tuple)
}

/// The array of anything, without a copy where there is none to make.
fn asarray(value: &Bound<'_, PyAny>, dtype: Option<Dtype>, copy: Option<bool>) -> PyResult<Array> {
    let array = array_of(value, dtype)?;
    let shared = value.is_instance_of::<crate::array::PyArray>();
    match copy {
        Some(false) if !shared => Err(value_error(
            "asarray",
            "values of another library are copied",
        )),
        Some(true) if shared => array.copy().or_raise(),
        _ => Ok(array),
    }
}

fn from_dlpack(value: &Bound<'_, PyAny>, copy: Option<bool>) -> PyResult<Array> {
    if copy == Some(false) {
        return Err(value_error(
            "from_dlpack",
            "values of another library are copied",
        ));
    }
    if !value.hasattr("__dlpack__")? {
        return Err(PyTypeError::new_err(format!(
            "from_dlpack: a {} has no __dlpack__",
            value.get_type().name()?
        )));
    }
    match foreign::import(value)? {
        Some(array) => Ok(array),
        None => array_of(value, None),
    }
}

macro_rules! windows {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(M: int, *, stream: StreamOrDevice = None) -> array",
            $doc,
            // A window of no points or fewer is empty.
            |points: isize| Array::$method(usize::try_from(points).unwrap_or(0))
        )),*]
    };
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let mut rows = windows! {
        "bartlett" bartlett "The triangular window.";
        "blackman" blackman "The Blackman window, a sum of three cosines.";
        "hamming" hamming "The Hamming window, a raised cosine.";
        "hanning" hanning "The Hann window, a raised cosine that ends at zero.";
    };
    rows.extend([
        row!(
            "arange",
            "(start: int | float | None = None, stop: int | float | None = None, step: int | float | None = None, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "Numbers from `start` (zero if one number is given) to before `stop`, `step` apart.",
            arange
        ),
        row!(
            "linspace",
            "(start: scalar, stop: scalar, num: int | None = 50, endpoint: bool = True, dtype: Dtype | None = float32, stream: StreamOrDevice = None) -> array",
            "Evenly spaced numbers from `start` through `stop`.",
            linspace
        ),
        row!(
            "zeros",
            "(shape: int | Sequence[int], dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array",
            "Zeros.",
            |shape: Dims, dtype: Option<Dtype>| Array::full(shape.0, 0.0, dtype.unwrap_or(Dtype::F32))
        ),
        row!(
            "ones",
            "(shape: int | Sequence[int], dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array",
            "Ones.",
            |shape: Dims, dtype: Option<Dtype>| Array::full(shape.0, 1.0, dtype.unwrap_or(Dtype::F32))
        ),
        row!(
            "full",
            "(shape: int | Sequence[int], vals: scalar | array, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "A value, broadcast to a shape.",
            full
        ),
        row!(
            "zeros_like",
            "(a: array, /, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "Zeros of the shape of an array.",
            |a: Array, dtype: Option<Dtype>| like(&a, dtype, 0.0)
        ),
        row!(
            "ones_like",
            "(a: array, /, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "Ones of the shape of an array.",
            |a: Array, dtype: Option<Dtype>| like(&a, dtype, 1.0)
        ),
        row!(
            "full_like",
            "(a: array, vals: scalar | array, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "A value, broadcast to the shape of an array.",
            |a: Array, value: Operand, dtype: Option<Dtype>| {
                full(Dims(a.shape().to_vec()), value, Some(dtype.unwrap_or(a.dtype())))
            }
        ),
        row!(
            "eye",
            "(n: int, m: int | None = None, k: int = 0, dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array",
            "Ones on the diagonal `k` of a matrix of zeros.",
            |n: isize, m: Option<isize>, k: isize, dtype: Option<Dtype>| {
                let (n, m) = (length("eye", n)?, length("eye", m.unwrap_or(n))?);
                Array::eye(n, m, k, dtype.unwrap_or(Dtype::F32)).or_raise()
            }
        ),
        row!(
            "identity",
            "(n: int, dtype: Dtype | None = float32, *, stream: StreamOrDevice = None) -> array",
            "The identity matrix.",
            |n: isize, dtype: Option<Dtype>| {
                Array::identity(length("identity", n)?, dtype.unwrap_or(Dtype::F32)).or_raise()
            }
        ),
        row!(
            "tri",
            "(n: int, m: int | None = None, k: int = 0, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "Ones on and below the diagonal `k`.",
            |n: isize, m: Option<isize>, k: isize, dtype: Option<Dtype>| {
                let (n, m) = (length("tri", n)?, length("tri", m.unwrap_or(n))?);
                Array::tri(n, m, k, dtype.unwrap_or(Dtype::F32)).or_raise()
            }
        ),
        row!(
            "tril",
            "(x: array, k: int = 0, *, stream: StreamOrDevice = None) -> array",
            "The matrices of the last two axes with zeros above the diagonal `k`.",
            |x: Array, k: isize| x.tril(k)
        ),
        row!(
            "triu",
            "(x: array, k: int = 0, *, stream: StreamOrDevice = None) -> array",
            "The matrices of the last two axes with zeros below the diagonal `k`.",
            |x: Array, k: isize| x.triu(k)
        ),
        row!(
            "meshgrid",
            "(*arrays: array, sparse: bool | None = False, indexing: str | None = 'xy', stream: StreamOrDevice = None) -> tuple[array, ...]",
            "The coordinates of the points of a grid, one array for each axis.",
            meshgrid
        ),
        row!(
            "asarray",
            "(a: scalar | array | Sequence[Any] | DLPackCompatible, dtype: Dtype | None = None, *, copy: bool | None = None) -> array",
            "An array of anything that is one or can become one.",
            |a: Py<PyAny>, dtype: Option<Dtype>, copy: Option<bool>| Python::attach(|py| asarray(a.bind(py), dtype, copy))
        ),
        row!(
            "from_dlpack",
            "(x: DLPackCompatible, /, *, copy: bool | None = None) -> array",
            "A copy of what an object with `__dlpack__` shows.",
            |x: Py<PyAny>, copy: Option<bool>| Python::attach(|py| from_dlpack(x.bind(py), copy))
        ),
        row!(
            "broadcast_shapes",
            "(*shapes: Sequence[int]) -> tuple[int, ...]",
            "The shape that all shapes broadcast to.",
            |shapes: Vec<Vec<isize>>| {
                let mut out = lazuli_core::Shape::default();
                for shape in &shapes {
                    let shape = lazuli_core::Shape::from(dims(shape)?);
                    out = out.broadcast("broadcast_shapes", &shape).or_raise()?;
                }
                Ok::<_, PyErr>(out)
            }
        ),
    ]);
    rows
}
