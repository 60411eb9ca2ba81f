//! Products of matrices and of other arrays along axes.

use lazuli_core::Array;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::argument::{FromArgument, wrong};
use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};

/// The axes that a product sums over: how many, or which of each operand.
enum Contracted {
    Count(isize),
    Axes(Vec<isize>, Vec<isize>),
}

impl FromArgument for Contracted {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(count) = value.extract::<isize>() {
            return Ok(Contracted::Count(count));
        }
        match <[Vec<isize>; 2]>::try_from(Vec::<Vec<isize>>::from_argument(value)?) {
            Ok([a, b]) => Ok(Contracted::Axes(a, b)),
            Err(_) => Err(value_error(
                "tensordot",
                "`axes` has a list for each of the two arrays",
            )),
        }
    }
}

fn tensordot(a: Array, b: Array, axes: Contracted) -> PyResult<Array> {
    match axes {
        Contracted::Count(count) => {
            let count = usize::try_from(count).map_err(|_| {
                value_error("tensordot", format!("{count} axes cannot be summed over"))
            })?;
            a.tensordot(&b, count).or_raise()
        }
        Contracted::Axes(first, second) => a.tensordot_axes(&b, &first, &second).or_raise(),
    }
}

fn einsum_path(subscripts: String, operands: Vec<Array>) -> PyResult<Py<PyAny>> {
    let (path, table) = Array::einsum_path(&subscripts, &operands).or_raise()?;
    Python::attach(|py| {
        let steps = path.into_iter().map(|step| PyTuple::new(py, step));
        let steps = steps.collect::<PyResult<Vec<_>>>()?;
        Ok((steps, table).into_pyobject(py)?.into_any().unbind())
    })
}

#[allow(clippy::too_many_arguments)]
fn block_masked_mm(
    a: Array,
    b: Array,
    block: isize,
    out: Option<Array>,
    lhs: Option<Array>,
    rhs: Option<Array>,
) -> PyResult<Array> {
    let block = usize::try_from(block).map_err(|_| wrong())?;
    a.block_masked_mm(&b, block, out.as_ref(), lhs.as_ref(), rhs.as_ref())
        .or_raise()
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "matmul",
            "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
            "The matrix product over the last two axes.",
            |a: Array, b: Array| a.matmul(&b)
        ),
        row!(
            "addmm",
            "(c: array, a: array, b: array, /, alpha: float = 1.0, beta: float = 1.0, *, stream: StreamOrDevice = None) -> array",
            "`alpha` times the matrix product of `a` and `b`, plus `beta` times `c`.",
            |c: Array, a: Array, b: Array, alpha: f64, beta: f64| c.addmm(&a, &b, alpha, beta)
        ),
        row!(
            "inner",
            "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
            "The sum of products over the last axis of both arrays.",
            |a: Array, b: Array| a.inner(&b)
        ),
        row!(
            "outer",
            "(a: array, b: array, /, *, stream: StreamOrDevice = None) -> array",
            "The products of all pairs of elements.",
            |a: Array, b: Array| a.outer(&b)
        ),
        row!(
            "vecdot",
            "(a: array, b: array, /, *, axis: int = -1, stream: StreamOrDevice = None) -> array",
            "The sum of products along an axis.",
            |a: Array, b: Array, axis: isize| a.vecdot(&b, axis)
        ),
        row!(
            "kron",
            "(a: array, b: array, *, stream: StreamOrDevice = None) -> array",
            "The Kronecker product.",
            |a: Array, b: Array| a.kron(&b)
        ),
        row!(
            "tensordot",
            "(a: array, b: array, /, axes: int | list[Sequence[int]] = 2, *, stream: StreamOrDevice = None) -> array",
            "The sum of products over several axes.",
            tensordot
        ),
        row!(
            "einsum",
            "(subscripts: str, *operands: array, stream: StreamOrDevice = None) -> array",
            "The sum of products that subscripts name.",
            |subscripts: String, operands: Vec<Array>| Array::einsum(&subscripts, &operands)
        ),
        row!(
            "einsum_path",
            "(subscripts: str, *operands: array) -> tuple[list[tuple[int, ...]], str]",
            "The order in which `einsum` takes its operands, and what it costs.",
            einsum_path
        ),
        row!(
            "block_masked_mm",
            "(a: array, b: array, /, block_size: int = 64, mask_out: array | None = None, mask_lhs: array | None = None, mask_rhs: array | None = None, *, stream: StreamOrDevice = None) -> array",
            "The matrix product in which blocks are masked out.",
            block_masked_mm
        ),
        row!(
            "gather_mm",
            "(a: array, b: array, /, lhs_indices: array | None = None, rhs_indices: array | None = None, *, sorted_indices: bool = False, stream: StreamOrDevice = None) -> array",
            "Products of the matrices that indices pick.",
            |a: Array, b: Array, lhs: Option<Array>, rhs: Option<Array>, _sorted: bool| {
                a.gather_mm(&b, lhs.as_ref(), rhs.as_ref())
            }
        ),
        row!(
            "segmented_mm",
            "(a: array, b: array, /, segments: array, *, stream: StreamOrDevice = None) -> array",
            "Products of parts of the inner axis, one for each segment.",
            |a: Array, b: Array, segments: Array| a.segmented_mm(&b, &segments)
        ),
        row!(
            "hadamard_transform",
            "(a: array, scale: float | None = None, stream: StreamOrDevice = None) -> array",
            "The Walsh-Hadamard transform along the last axis.",
            |a: Array, scale: Option<f64>| a.hadamard_transform(scale)
        ),
    ]
}
