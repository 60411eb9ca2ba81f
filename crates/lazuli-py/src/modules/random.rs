//! `random`: words and uniforms are those of the reference, bit for bit.

use lazuli_core::{Array, Dtype, Shape, random};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;

use crate::argument::{Integers, dims, wrong};
use crate::array::PyArray;
use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};
use crate::operand::Operand;

/// `random.state`: the key of the process, as a list of one array.
#[pyclass(frozen, name = "_RandomState", module = "lazuli.core.random")]
pub(crate) struct RandomState;

#[pymethods]
impl RandomState {
    fn __len__(&self) -> usize {
        1
    }

    fn __getitem__(&self, index: isize) -> PyResult<PyArray> {
        match index {
            0 | -1 => Ok(PyArray::new(random::state())),
            other => Err(PyIndexError::new_err(format!(
                "random.state: has one key, not {other}"
            ))),
        }
    }

    fn __setitem__(&self, index: isize, key: &Bound<'_, PyArray>) -> PyResult<()> {
        match index {
            0 | -1 => random::set_state(&key.get().value()).or_raise(),
            other => Err(PyIndexError::new_err(format!(
                "random.state: has one key, not {other}"
            ))),
        }
    }
}

/// Adds `state`.
pub(super) fn state(module: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = module.py();
    module.setattr("_RandomState", py.get_type::<RandomState>())?;
    module.setattr("state", Py::new(py, RandomState)?)
}

type Key = Option<Array>;

fn shape(given: Vec<isize>) -> PyResult<Shape> {
    Ok(Shape::from(dims(&given)?))
}

fn shape_if(given: Option<Vec<isize>>) -> PyResult<Option<Shape>> {
    given.map(shape).transpose()
}

fn float(dtype: Option<Dtype>) -> Dtype {
    dtype.unwrap_or(Dtype::F32)
}

fn optional(operand: Option<Operand>) -> PyResult<Option<Array>> {
    operand.map(|o| o.to_array()).transpose()
}

fn seed(seed: i64) -> PyResult<u64> {
    u64::try_from(seed).map_err(|_| wrong())
}

fn categorical(
    logits: Array,
    axis: isize,
    shape: Option<Vec<isize>>,
    samples: Option<isize>,
    key: Key,
) -> PyResult<Array> {
    let shape = shape_if(shape)?;
    match samples {
        None => random::categorical(&logits, axis, shape.as_ref(), key.as_ref()).or_raise(),
        Some(_) if shape.is_some() => Err(value_error(
            "categorical",
            "takes `shape` or `num_samples`, not both",
        )),
        Some(samples) => {
            let samples = usize::try_from(samples)
                .map_err(|_| value_error("categorical", format!("{samples} samples")))?;
            random::categorical_samples(&logits, axis, samples, key.as_ref()).or_raise()
        }
    }
}

fn permutation(x: Py<PyAny>, axis: isize, key: Key) -> PyResult<Array> {
    Python::attach(|py| {
        let x = x.bind(py);
        if let Ok(array) = x.cast::<PyArray>() {
            return random::permuted(&array.get().value(), axis, key.as_ref()).or_raise();
        }
        let n: isize = x
            .extract()
            .map_err(|_| PyTypeError::new_err("permutation: `x` is an int or an array"))?;
        let n = usize::try_from(n)
            .map_err(|_| value_error("permutation", format!("{n} is negative")))?;
        random::permutation(n, key.as_ref()).or_raise()
    })
}

/// The rows.
pub(super) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "seed",
            "(seed: int) -> None",
            "Starts the process's sequence of keys.",
            |n: i64| {
                random::seed(seed(n)?);
                Ok::<_, PyErr>(())
            }
        ),
        row!(
            "key",
            "(seed: int) -> array",
            "The key of a seed.",
            |n: i64| { Ok::<_, PyErr>(random::key(seed(n)?)) }
        ),
        row!(
            "split",
            "(key: array, num: int = 2, stream: StreamOrDevice = None) -> array",
            "Keys made of one key.",
            |key: Array, count: isize| {
                let count = usize::try_from(count)
                    .map_err(|_| value_error("split", format!("{count} keys")))?;
                random::split(&key, count).or_raise()
            }
        ),
        row!(
            "uniform",
            "(low: scalar | array = 0, high: scalar | array = 1, shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Numbers from `low` to before `high`, all equally likely.",
            |low: Operand, high: Operand, s: Vec<isize>, dtype: Option<Dtype>, key: Key| {
                random::uniform(
                    &low.to_array()?,
                    &high.to_array()?,
                    shape(s)?,
                    float(dtype),
                    key.as_ref(),
                )
                .or_raise()
            }
        ),
        row!(
            "normal",
            "(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: scalar | array | None = None, scale: scalar | array | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Normally distributed numbers.",
            |s: Vec<isize>,
             dtype: Option<Dtype>,
             loc: Option<Operand>,
             scale: Option<Operand>,
             key: Key| {
                let (loc, scale) = (optional(loc)?, optional(scale)?);
                random::normal(
                    shape(s)?,
                    float(dtype),
                    loc.as_ref(),
                    scale.as_ref(),
                    key.as_ref(),
                )
                .or_raise()
            }
        ),
        row!(
            "multivariate_normal",
            "(mean: array, cov: array, shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Jointly normal vectors with a mean and a covariance.",
            |mean: Array, cov: Array, s: Vec<isize>, dtype: Option<Dtype>, key: Key| {
                let shape = shape(s)?;
                random::multivariate_normal(&mean, &cov, Some(&shape), float(dtype), key.as_ref())
                    .or_raise()
            }
        ),
        row!(
            "randint",
            "(low: scalar | array, high: scalar | array, shape: Sequence[int] = [], dtype: Dtype | None = int32, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Integers from `low` to before `high`, all equally likely.",
            |low: Operand, high: Operand, s: Vec<isize>, dtype: Option<Dtype>, key: Key| {
                let dtype = dtype.unwrap_or(Dtype::I32);
                random::randint(
                    &low.to_array()?,
                    &high.to_array()?,
                    shape(s)?,
                    dtype,
                    key.as_ref(),
                )
                .or_raise()
            }
        ),
        row!(
            "bernoulli",
            "(p: scalar | array = 0.5, shape: Sequence[int] | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Truth values that are true with probability `p`.",
            |p: Operand, s: Option<Vec<isize>>, key: Key| {
                random::bernoulli(&p.to_array()?, shape_if(s)?.as_ref(), key.as_ref()).or_raise()
            }
        ),
        row!(
            "truncated_normal",
            "(lower: scalar | array, upper: scalar | array, shape: Sequence[int] | None = None, dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Normally distributed numbers within bounds.",
            |low: Operand, high: Operand, s: Option<Vec<isize>>, dtype: Option<Dtype>, key: Key| {
                let (low, high) = (low.to_array()?, high.to_array()?);
                random::truncated_normal(
                    &low,
                    &high,
                    shape_if(s)?.as_ref(),
                    float(dtype),
                    key.as_ref(),
                )
                .or_raise()
            }
        ),
        row!(
            "gumbel",
            "(shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Numbers of the standard Gumbel distribution.",
            |s: Vec<isize>, dtype: Option<Dtype>, key: Key| {
                random::gumbel(shape(s)?, float(dtype), key.as_ref()).or_raise()
            }
        ),
        row!(
            "laplace",
            "(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: float = 0.0, scale: float = 1.0, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Numbers of the Laplace distribution.",
            |s: Vec<isize>, dtype: Option<Dtype>, loc: f64, scale: f64, key: Key| {
                random::laplace(shape(s)?, float(dtype), loc, scale, key.as_ref()).or_raise()
            }
        ),
        row!(
            "categorical",
            "(logits: array, axis: int = -1, shape: Sequence[int] | None = None, num_samples: int | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Positions along an axis, drawn by unnormalized log-probabilities.",
            categorical
        ),
        row!(
            "permutation",
            "(x: int | array, axis: int = 0, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "The integers below `x`, or the slices of an array, in random order.",
            permutation
        ),
        row!(
            "bits",
            "(shape: Sequence[int] = [], width: int = 4, key: array | None = None, stream: StreamOrDevice = None) -> array",
            "Random bits, as unsigned integers of `width` bytes.",
            |s: Integers, width: isize, key: Key| {
                let width = u8::try_from(width)
                    .map_err(|_| value_error("bits", format!("{width} bytes")))?;
                random::bits(dims(&s.to_vec())?, width, key.as_ref()).or_raise()
            }
        ),
    ]
}
