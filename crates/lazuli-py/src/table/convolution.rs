//! Convolutions, channels last.

use lazuli_core::Array;
use lazuli_core::ops::conv::{Overlap, Slide};
use pyo3::prelude::*;

use crate::argument::{FromArgument, Integers, dims};
use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};

/// One number for each of `N` axes; a single one stands for all.
fn each<const N: usize>(what: &str, given: &Integers) -> PyResult<[isize; N]> {
    let all = match given {
        Integers::One(n) => vec![*n; N],
        Integers::Several(all) => all.clone(),
    };
    <[isize; N]>::try_from(all).map_err(|all| {
        value_error(
            "conv",
            format!("`{what}` has {} numbers for {N} axes", all.len()),
        )
    })
}

fn sizes<const N: usize>(what: &str, given: &Integers) -> PyResult<[usize; N]> {
    let signed = each::<N>(what, given)?;
    let mut out = [0; N];
    out.copy_from_slice(&dims(&signed)?);
    Ok(out)
}

fn groups(n: isize) -> PyResult<usize> {
    usize::try_from(n).map_err(|_| value_error("conv", format!("{n} groups")))
}

macro_rules! convolutions {
    ($($axes:literal $name:literal $method:ident $numbers:literal $doc:literal;)*) => {
        vec![$(row!(
            $name,
            concat!(
                "(input: array, weight: array, /, stride: ", $numbers, " = 1, padding: ", $numbers,
                " = 0, dilation: ", $numbers, " = 1, groups: int = 1, *, stream: StreamOrDevice = None) -> array"
            ),
            $doc,
            |x: Array, w: Array, stride: Integers, padding: Integers, dilation: Integers, n: isize| {
                let (stride, dilation) = (sizes::<$axes>("stride", &stride)?, sizes("dilation", &dilation)?);
                x.$method(&w, stride, each("padding", &padding)?, dilation, groups(n)?).or_raise()
            }
        )),*]
    };
}

macro_rules! transposes {
    ($($axes:literal $name:literal $method:ident $numbers:literal $doc:literal;)*) => {
        vec![$(row!(
            $name,
            concat!(
                "(input: array, weight: array, /, stride: ", $numbers, " = 1, padding: ", $numbers,
                " = 0, dilation: ", $numbers, " = 1, output_padding: ", $numbers,
                " = 0, groups: int = 1, *, stream: StreamOrDevice = None) -> array"
            ),
            $doc,
            |x: Array, w: Array, stride: Integers, padding: Integers, dilation: Integers, more: Integers, n: isize| {
                let (stride, dilation) = (sizes::<$axes>("stride", &stride)?, sizes("dilation", &dilation)?);
                let (padding, more) = (each("padding", &padding)?, each("output_padding", &more)?);
                x.$method(&w, stride, padding, dilation, more, groups(n)?).or_raise()
            }
        )),*]
    };
}

/// Zeros before and after each axis: the same, or a list for each side.
enum Padding {
    Both(Integers),
    Sides(Vec<isize>, Vec<isize>),
}

impl FromArgument for Padding {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(both) = Integers::from_argument(value) {
            return Ok(Padding::Both(both));
        }
        match <[Vec<isize>; 2]>::try_from(Vec::<Vec<isize>>::from_argument(value)?) {
            Ok([low, high]) => Ok(Padding::Sides(low, high)),
            Err(_) => Err(crate::argument::wrong()),
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn conv_general(
    x: Array,
    w: Array,
    stride: Integers,
    padding: Padding,
    kernel_dilation: Integers,
    input_dilation: Integers,
    n: isize,
    flip: bool,
) -> PyResult<Array> {
    let axes = x.rank().saturating_sub(2);
    let spread = |what: &str, given: &[isize]| match given.len() {
        1 => Ok(vec![given[0]; axes]),
        n if n == axes => Ok(given.to_vec()),
        n => Err(value_error(
            "conv_general",
            format!("`{what}` has {n} numbers for {axes} axes"),
        )),
    };
    let (low, high) = match &padding {
        Padding::Both(both) => (both.to_vec(), both.to_vec()),
        Padding::Sides(low, high) => (low.clone(), high.clone()),
    };
    let (low, high) = (spread("padding", &low)?, spread("padding", &high)?);
    let stride = dims(&spread("stride", &stride.to_vec())?)?;
    let kernel = dims(&spread("kernel_dilation", &kernel_dilation.to_vec())?)?;
    let input = dims(&spread("input_dilation", &input_dilation.to_vec())?)?;
    let slide = |i: usize| Slide {
        stride: stride[i],
        low: low[i],
        high: high[i],
        kernel_dilation: kernel[i],
        input_dilation: input[i],
    };
    let slides: Vec<Slide> = (0..axes).map(slide).collect();
    x.conv_general(&w, &slides, groups(n)?, flip).or_raise()
}

fn convolve(a: Array, v: Array, mode: String) -> PyResult<Array> {
    let overlap = match mode.as_str() {
        "full" => Overlap::Full,
        "same" => Overlap::Same,
        "valid" => Overlap::Valid,
        other => {
            let message = format!("no mode `{other}`; there are full, same and valid");
            return Err(value_error("convolve", message));
        }
    };
    a.convolve(&v, overlap).or_raise()
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let mut rows = convolutions! {
        1 "conv1d" conv1d "int" "Correlation along one axis, `[n, length, channels]`.";
        2 "conv2d" conv2d "int | tuple[int, int]" "Correlation along two axes, `[n, height, width, channels]`.";
        3 "conv3d" conv3d "int | tuple[int, int, int]" "Correlation along three axes.";
    };
    rows.extend(transposes! {
        1 "conv_transpose1d" conv_transpose1d "int" "The transpose of a correlation along one axis.";
        2 "conv_transpose2d" conv_transpose2d "int | tuple[int, int]" "The transpose of a correlation along two axes.";
        3 "conv_transpose3d" conv_transpose3d "int | tuple[int, int, int]" "The transpose of a correlation along three axes.";
    });
    rows.extend([
        row!(
            "conv_general",
            "(input: array, weight: array, /, stride: int | Sequence[int] = 1, padding: int | Sequence[int] | tuple[Sequence[int], Sequence[int]] = 0, kernel_dilation: int | Sequence[int] = 1, input_dilation: int | Sequence[int] = 1, groups: int = 1, flip: bool = False, *, stream: StreamOrDevice = None) -> array",
            "Correlation, or with `flip` convolution, along any number of axes.",
            conv_general
        ),
        row!(
            "convolve",
            "(a: array, v: array, /, mode: str = 'full', *, stream: StreamOrDevice = None) -> array",
            "The discrete convolution of two vectors.",
            convolve
        ),
    ]);
    rows
}
