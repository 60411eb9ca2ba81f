//! The same elements under other shapes, and joining.

use lazuli_core::Array;

use crate::argument::{Integers, dims};
use crate::call::{Entry, row};
use crate::error::{OrRaise, type_error};
use crate::operand::Operand;

/// `shape` with its one -1 replaced by what the elements leave.
fn inferred(array: &Array, shape: &[isize]) -> pyo3::PyResult<Vec<usize>> {
    let mut open = shape.iter().enumerate().filter(|(_, d)| **d == -1);
    let (first, second) = (open.next(), open.next());
    let Some((at, _)) = first.filter(|_| second.is_none()) else {
        return dims(shape);
    };
    let mut known = shape.to_vec();
    known[at] = 1;
    let mut known = dims(&known)?;
    let product: usize = known.iter().product();
    known[at] = array.elements().checked_div(product).unwrap_or(0);
    Ok(known)
}

fn reshape(array: &Array, shape: &[isize]) -> pyo3::PyResult<Array> {
    array.reshape(inferred(array, shape)?).or_raise()
}

fn transpose(array: &Array, axes: Option<Vec<isize>>) -> pyo3::PyResult<Array> {
    let rank = array.rank();
    let Some(axes) = axes else {
        return array
            .permute(&(0..rank).rev().collect::<Vec<_>>())
            .or_raise();
    };
    let axes = axes.iter().map(|&a| array.shape().axis("transpose", a));
    let axes = axes.collect::<lazuli_core::Result<Vec<_>>>().or_raise()?;
    array.permute(&axes).or_raise()
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "reshape",
            "(a: array, /, shape: Sequence[int], *, stream: StreamOrDevice = None) -> array",
            "The elements in row-major order under another shape; one length may be -1.",
            |a: Array, shape: Vec<isize>| reshape(&a, &shape)
        ),
        row!(
            "transpose",
            "(a: array, /, axes: Sequence[int] | None = None, *, stream: StreamOrDevice = None) -> array",
            "The axes in another order; none given: reversed.",
            |a: Array, axes: Option<Vec<isize>>| transpose(&a, axes)
        ),
        row!(
            "moveaxis",
            "(a: array, /, source: int, destination: int, *, stream: StreamOrDevice = None) -> array",
            "One axis moved to another place.",
            |a: Array, source: isize, destination: isize| a.moveaxis(source, destination)
        ),
        row!(
            "broadcast_to",
            "(a: scalar | array, /, shape: Sequence[int], *, stream: StreamOrDevice = None) -> array",
            "The array repeated along axes of length one and new leading axes.",
            |a: Operand, shape: Integers| a
                .to_array()?
                .broadcast_to(dims(&shape.to_vec())?)
                .or_raise()
        ),
        row!(
            "concatenate",
            "(arrays: list[array], axis: int | None = 0, *, stream: StreamOrDevice = None) -> array",
            "Arrays joined along an axis.",
            |arrays: Vec<Array>, axis: Option<isize>| Array::concatenate(
                &arrays,
                axis.unwrap_or(0)
            )
        ),
    ]
}

/// Methods that take several integers in place of a sequence.
pub(crate) fn methods() -> Vec<Entry> {
    vec![
        row!(
            "reshape",
            "(a: array, /, *shape: int | Sequence[int], stream: StreamOrDevice = None) -> array",
            "The elements in row-major order under another shape; one length may be -1.",
            |a: Array, shape: Vec<Integers>| reshape(&a, &spread(shape, "reshape")?)
        ),
        row!(
            "transpose",
            "(a: array, /, *axes: int | Sequence[int], stream: StreamOrDevice = None) -> array",
            "The axes in another order; none given: reversed.",
            |a: Array, axes: Vec<Integers>| {
                let axes = if axes.is_empty() {
                    None
                } else {
                    Some(spread(axes, "transpose")?)
                };
                transpose(&a, axes)
            }
        ),
    ]
}

/// Integers given one by one, or all as one sequence.
fn spread(given: Vec<Integers>, op: &str) -> pyo3::PyResult<Vec<isize>> {
    if let [Integers::Several(all)] = &given[..] {
        return Ok(all.clone());
    }
    let one = |i: &Integers| match i {
        Integers::One(i) => Ok(*i),
        Integers::Several(_) => Err(type_error(op, "takes integers or one sequence of them")),
    };
    given.iter().map(one).collect()
}
