//! The same elements under other shapes; joining, cutting, repeating.

use lazuli_core::shaping::Pad;
use lazuli_core::{Array, Axes, Dtype};
use pyo3::prelude::*;

use crate::argument::{FromArgument, Integers, dims, wrong};
use crate::call::{Entry, row};
use crate::error::{OrRaise, type_error, value_error};
use crate::operand::Operand;
use crate::reply::{OneOrList, Tuple};

/// Elements put before and after each axis: one number, a pair for all axes, or pairs.
enum Widths {
    All(usize, usize),
    Each(Vec<(usize, usize)>),
}

impl FromArgument for Widths {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(numbers) = Integers::from_argument(value) {
            return match dims(&numbers.to_vec())?[..] {
                [n] => Ok(Widths::All(n, n)),
                [before, after] => Ok(Widths::All(before, after)),
                _ => Err(wrong()),
            };
        }
        let pair = |p: &Vec<isize>| match dims(p)?[..] {
            [n] => Ok((n, n)),
            [before, after] => Ok((before, after)),
            _ => Err(wrong()),
        };
        let pairs: Vec<Vec<isize>> = Vec::from_argument(value)?;
        Ok(Widths::Each(
            pairs.iter().map(pair).collect::<PyResult<_>>()?,
        ))
    }
}

fn pad(a: Array, widths: Widths, mode: String, value: Operand) -> PyResult<Array> {
    let widths = match widths {
        Widths::All(before, after) => vec![(before, after); a.rank()],
        Widths::Each(pairs) => pairs,
    };
    let mode = match mode.as_str() {
        "constant" => Pad::Constant(value.beside(a.dtype())?),
        "edge" => Pad::Edge,
        "reflect" => Pad::Reflect,
        "symmetric" => Pad::Symmetric,
        other => {
            let message =
                format!("no mode `{other}`; there are constant, edge, reflect and symmetric");
            return Err(value_error("pad", message));
        }
    };
    a.pad(&widths, &mode).or_raise()
}

fn split(a: Array, sections: Integers, axis: isize) -> PyResult<Vec<Array>> {
    match sections {
        Integers::One(n) => {
            let n = usize::try_from(n).ok().filter(|&n| n > 0);
            let n = n.ok_or_else(|| value_error("split", "needs at least one section"))?;
            a.split(n, axis).or_raise()
        }
        Integers::Several(positions) => a.split_at(&positions, axis).or_raise(),
    }
}

fn as_strided(
    a: Array,
    shape: Option<Vec<isize>>,
    strides: Option<Vec<isize>>,
    offset: isize,
) -> PyResult<Array> {
    let shape = match shape {
        Some(shape) => lazuli_core::Shape::from(dims(&shape)?),
        None => a.shape().clone(),
    };
    let strides = strides.unwrap_or_else(|| shape.contiguous_strides().to_vec());
    let offset = usize::try_from(offset)
        .map_err(|_| value_error("as_strided", format!("offset {offset} is negative")))?;
    a.as_strided(shape, &strides, offset).or_raise()
}

fn transpose(a: Array, axes: Option<Vec<isize>>) -> lazuli_core::Result<Array> {
    a.transpose(axes.map_or(Axes::All, Axes::from))
}

fn concatenate(arrays: Vec<Array>, axis: Option<isize>) -> lazuli_core::Result<Array> {
    match axis {
        Some(axis) => Array::concatenate(&arrays, axis),
        None => {
            let flat = arrays.iter().map(|a| a.flatten(0, -1));
            Array::concatenate(&flat.collect::<lazuli_core::Result<Vec<_>>>()?, 0)
        }
    }
}

fn stack(arrays: Vec<Array>, axis: Option<isize>) -> lazuli_core::Result<Array> {
    match axis {
        Some(axis) => Array::stack(&arrays, axis),
        None => Array::stack(&arrays, 0)?.flatten(0, -1),
    }
}

fn repeat(a: Array, times: isize, axis: Option<isize>) -> PyResult<Array> {
    let times = usize::try_from(times)
        .map_err(|_| value_error("repeat", format!("cannot repeat {times} times")))?;
    a.repeat(times, super::reduce::along(axis)).or_raise()
}

/// Integers given one by one, or all as one sequence.
fn spread(given: Vec<Integers>, op: &str) -> PyResult<Vec<isize>> {
    if let [Integers::Several(all)] = &given[..] {
        return Ok(all.clone());
    }
    let one = |i: &Integers| match i {
        Integers::One(i) => Ok(*i),
        Integers::Several(_) => Err(type_error(op, "takes integers or one sequence of them")),
    };
    given.iter().map(one).collect()
}

macro_rules! at_least {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(*arys: array, stream: StreamOrDevice = None) -> array | list[array]",
            $doc,
            |arrays: Vec<Array>| {
                let arrays = arrays.iter().map(Array::$method);
                arrays.collect::<lazuli_core::Result<Vec<_>>>().map(OneOrList)
            }
        )),*]
    };
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let mut rows = at_least! {
        "atleast_1d" atleast_1d "Arrays with at least one axis.";
        "atleast_2d" atleast_2d "Arrays with at least two axes.";
        "atleast_3d" atleast_3d "Arrays with at least three axes.";
    };
    rows.extend(views());
    rows.extend([
        row!(
            "concatenate",
            "(arrays: list[array], axis: int | None = 0, *, stream: StreamOrDevice = None) -> array",
            "Arrays joined along an axis; None: all elements in a row.",
            concatenate
        ),
        row!(
            "stack",
            "(arrays: list[array], axis: int | None = 0, *, stream: StreamOrDevice = None) -> array",
            "Arrays of one shape along a new axis.",
            stack
        ),
        row!(
            "unstack",
            "(x: array, /, *, axis: int = 0, stream: StreamOrDevice = None) -> tuple[array, ...]",
            "The slices along an axis.",
            |x: Array, axis: isize| x.unstack(axis).map(Tuple)
        ),
        row!(
            "split",
            "(a: array, /, indices_or_sections: int | Sequence[int], axis: int = 0, *, stream: StreamOrDevice = None) -> list[array]",
            "The array cut along an axis, into equal parts or at positions.",
            split
        ),
        row!(
            "repeat",
            "(array: array, repeats: int, axis: int | None = None, *, stream: StreamOrDevice = None) -> array",
            "Each element several times along an axis; None: all elements in a row.",
            repeat
        ),
        row!(
            "tile",
            "(a: array, reps: int | Sequence[int], /, *, stream: StreamOrDevice = None) -> array",
            "The whole array several times along each axis.",
            |a: Array, times: Integers| a.tile(&dims(&times.to_vec())?).or_raise()
        ),
        row!(
            "pad",
            "(a: array, pad_width: int | tuple[int] | tuple[int, int] | list[tuple[int, int]], mode: Literal['constant', 'edge', 'reflect', 'symmetric'] = 'constant', constant_values: scalar | array = 0, *, stream: StreamOrDevice = None) -> array",
            "The array with elements before and after each axis.",
            pad
        ),
    ]);
    rows
}

/// Functions that move no element.
fn views() -> Vec<Entry> {
    vec![
        row!(
            "reshape",
            "(a: array, /, shape: Sequence[int], *, stream: StreamOrDevice = None) -> array",
            "The elements in row-major order under another shape; one length may be -1.",
            |a: Array, shape: Vec<isize>| a.reshape_inferred(&shape)
        ),
        row!(
            "flatten",
            "(a: array, /, start_axis: int = 0, end_axis: int = -1, *, stream: StreamOrDevice = None) -> array",
            "Several axes as one.",
            |a: Array, start: isize, end: isize| a.flatten(start, end)
        ),
        row!(
            "unflatten",
            "(a: array, /, axis: int, shape: Sequence[int], *, stream: StreamOrDevice = None) -> array",
            "One axis as several.",
            |a: Array, axis: isize, shape: Vec<isize>| a.unflatten(axis, &shape)
        ),
        row!(
            "squeeze",
            "(a: array, /, axis: None | int | Sequence[int] = None, *, stream: StreamOrDevice = None) -> array",
            "The array without axes of length one.",
            |a: Array, axis: Axes| a.squeeze(axis)
        ),
        row!(
            "expand_dims",
            "(a: array, /, axis: int | Sequence[int], *, stream: StreamOrDevice = None) -> array",
            "The array with new axes of length one.",
            |a: Array, axis: Integers| a.expand_dims(axis.to_vec())
        ),
        row!(
            "flip",
            "(a: array, /, axis: None | int | Sequence[int] = None, *, stream: StreamOrDevice = None) -> array",
            "The elements in reverse along axes.",
            |a: Array, axis: Axes| a.flip(axis)
        ),
        row!(
            "roll",
            "(a: array, shift: int | Sequence[int], axis: None | int | Sequence[int] = None, /, *, stream: StreamOrDevice = None) -> array",
            "The elements moved along axes, those that leave coming in at the other end.",
            |a: Array, shift: Integers, axis: Axes| {
                // Several shifts without axes add up.
                match (&shift, &axis) {
                    (Integers::Several(all), Axes::All) => a.roll(&[all.iter().sum()], axis),
                    (Integers::One(by), Axes::These(axes)) => {
                        a.roll(&vec![*by; axes.len()], axis.clone())
                    }
                    _ => a.roll(&shift.to_vec(), axis),
                }
            }
        ),
        row!(
            "transpose",
            "(a: array, /, axes: Sequence[int] | None = None, *, stream: StreamOrDevice = None) -> array",
            "The axes in another order; none given: reversed.",
            transpose
        ),
        row!(
            "matrix_transpose",
            "(a: array, /, *, stream: StreamOrDevice = None) -> array",
            "The last two axes exchanged.",
            |a: Array| a.matrix_transpose()
        ),
        row!(
            "moveaxis",
            "(a: array, /, source: int, destination: int, *, stream: StreamOrDevice = None) -> array",
            "One axis moved to another place.",
            |a: Array, source: isize, destination: isize| a.moveaxis(source, destination)
        ),
        row!(
            "swapaxes",
            "(a: array, /, axis1: int, axis2: int, *, stream: StreamOrDevice = None) -> array",
            "Two axes exchanged.",
            |a: Array, first: isize, second: isize| a.swapaxes(first, second)
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
            "broadcast_arrays",
            "(*arrays: array, stream: StreamOrDevice = None) -> tuple[array, ...]",
            "Arrays broadcast to the shape that all broadcast to.",
            |arrays: Vec<Array>| Array::broadcast_arrays(&arrays).map(Tuple)
        ),
        row!(
            "diagonal",
            "(a: array, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: StreamOrDevice = None) -> array",
            "A diagonal of two axes, as the last axis.",
            |a: Array, offset: isize, axis1: isize, axis2: isize| a.diagonal(offset, axis1, axis2)
        ),
        row!(
            "diag",
            "(a: array, /, k: int = 0, *, stream: StreamOrDevice = None) -> array",
            "A diagonal of a matrix, or the matrix with that diagonal.",
            |a: Array, k: isize| a.diag(k)
        ),
        row!(
            "as_strided",
            "(a: array, /, shape: Sequence[int] | None = None, strides: Sequence[int] | None = None, offset: int = 0, *, stream: StreamOrDevice = None) -> array",
            "The elements in row-major order seen through strides.",
            as_strided
        ),
        row!(
            "view",
            "(a: scalar | array, dtype: Dtype, stream: StreamOrDevice = None) -> array",
            "The bytes of the elements as another dtype.",
            |a: Operand, dtype: Dtype| a.to_array()?.view_as(dtype).or_raise()
        ),
        row!(
            "contiguous",
            "(a: array, /, allow_col_major: bool = False, *, stream: StreamOrDevice = None) -> array",
            "The elements in row-major order in memory.",
            |a: Array, _allow_col_major: bool| a.contiguous()
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
            |a: Array, shape: Vec<Integers>| a
                .reshape_inferred(&spread(shape, "reshape")?)
                .or_raise()
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
                transpose(a, axes).or_raise()
            }
        ),
    ]
}
