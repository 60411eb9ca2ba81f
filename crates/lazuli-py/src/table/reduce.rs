//! Reductions over axes, scans along one, sorting and search.

use lazuli_core::ops::search::Side;
use lazuli_core::{Array, Axes, Dtype};
use pyo3::prelude::*;

use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};
use crate::operand::Operand;
use crate::reply::{OneOrList, Reply, Tuple};

macro_rules! reductions {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Axes, keep: bool| Array::$method(&a, axis, keep)
        )),*]
    };
}

macro_rules! spreads {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, ddof: int = 0, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Axes, keep: bool, ddof: isize| Array::$method(&a, axis, keep, ddof)
        )),*]
    };
}

macro_rules! spread_methods {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: int | Sequence[int] | None = None, keepdims: bool = False, ddof: int = 0, *, correction: int | None = None, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Axes, keep: bool, ddof: isize, correction: Option<isize>| {
                Array::$method(&a, axis, keep, correction.unwrap_or(ddof))
            }
        )),*]
    };
}

macro_rules! positions {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: None | int = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Option<isize>, keep: bool| Array::$method(&a, along(axis), keep)
        )),*]
    };
}

macro_rules! scans {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Option<isize>, reverse: bool, inclusive: bool| {
                Array::$method(&a, along(axis), reverse, inclusive)
            }
        )),*]
    };
}

macro_rules! typed_scans {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True, dtype: Dtype | None = None, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Option<isize>, reverse: bool, inclusive: bool, dtype: Option<Dtype>| {
                let a = a.astype(dtype.unwrap_or(a.dtype()))?;
                Array::$method(&a, along(axis), reverse, inclusive)
            }
        )),*]
    };
}

macro_rules! orders {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Option<isize>| Array::$method(&a, along(axis))
        )),*]
    };
}

macro_rules! partitions {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, kth: isize, axis: Option<isize>| Array::$method(&a, kth, along(axis))
        )),*]
    };
}

/// One axis, or all elements as one.
pub(super) fn along(axis: Option<isize>) -> Axes {
    axis.map_or(Axes::All, Axes::from)
}

fn side(name: &str) -> pyo3::PyResult<Side> {
    match name {
        "left" => Ok(Side::Left),
        "right" => Ok(Side::Right),
        other => Err(value_error(
            "searchsorted",
            format!("no side `{other}`; there are `left` and `right`"),
        )),
    }
}

/// The values, or a tuple of them and what else is asked for.
fn unique(
    a: Array,
    size: isize,
    index: bool,
    inverse: bool,
    counts: bool,
    fill: Option<Operand>,
) -> PyResult<Py<PyAny>> {
    let size = usize::try_from(size)
        .map_err(|_| value_error("unique", format!("cannot find {size} elements")))?;
    let fill = fill.map(|f| f.beside(a.dtype())).transpose()?;
    let found = a.unique(size, fill.as_ref()).or_raise()?;
    let more = [
        (index, found.index),
        (inverse, found.inverse),
        (counts, found.counts),
    ];
    let mut all = vec![found.values];
    all.extend(more.into_iter().filter(|(asked, _)| *asked).map(|(_, a)| a));
    Python::attach(|py| match all.len() {
        1 => OneOrList(all).reply(py),
        _ => Tuple(all).reply(py),
    })
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let mut rows = reductions! {
        "sum" sum "The sum over axes.";
        "prod" prod "The product over axes.";
        "min" min "The smallest element over axes; NaN if there is one.";
        "max" max "The largest element over axes; NaN if there is one.";
        "mean" mean "The mean over axes.";
        "median" median "The median over axes.";
        "all" all "Whether all elements over axes are true or not zero.";
        "any" any "Whether any element over axes is true or not zero.";
        "logsumexp" logsumexp "The logarithm of the sum of exponentials over axes.";
    };
    rows.extend(spreads! {
        "var" var "The variance over axes.";
        "std" std "The standard deviation over axes.";
    });
    rows.extend(positions! {
        "argmax" argmax "The position of the first largest element.";
        "argmin" argmin "The position of the first smallest element.";
    });
    rows.extend(typed_scans! {
        "cumsum" cumsum "The sum of the elements up to each.";
        "cumprod" cumprod "The product of the elements up to each.";
    });
    rows.extend(scans! {
        "cummax" cummax "The largest of the elements up to each.";
        "cummin" cummin "The smallest of the elements up to each.";
        "logcumsumexp" logcumsumexp "The logarithm of the sum of exponentials of the elements up to each.";
    });
    rows.extend(orders! {
        "sort" sort "The elements in ascending order.";
        "argsort" argsort "The positions of the elements in ascending order.";
    });
    rows.extend(partitions! {
        "partition" partition "The element that belongs at `kth` there, smaller ones before it.";
        "argpartition" argpartition "The positions of the elements of a partition.";
    });
    rows.extend([
        row!(
            "minmax",
            "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> tuple[array, array]",
            "The smallest and the largest element over axes.",
            |a: Array, axis: Axes, keep: bool| {
                Ok::<_, lazuli_core::Error>((a.min(axis.clone(), keep)?, a.max(axis, keep)?))
            }
        ),
        row!(
            "count_nonzero",
            "(a: array, /, *, axis: None | int | Sequence[int] = None, keepdims: bool = False, stream: StreamOrDevice = None) -> array",
            "How many elements over axes are true or not zero.",
            |a: Array, axis: Axes, keep: bool| a.count_nonzero(axis, keep)
        ),
        row!(
            "softmax",
            "(a: array, /, axis: None | int | Sequence[int] = None, *, precise: bool = False, stream: StreamOrDevice = None) -> array",
            "Exponentials over axes, divided by their sum; always computed in float32 or wider.",
            |a: Array, axis: Axes, _precise: bool| a.softmax(axis)
        ),
        row!(
            "topk",
            "(a: array, /, k: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array",
            "The `k` largest elements, in no order.",
            |a: Array, k: isize, axis: Option<isize>| {
                let k = usize::try_from(k)
                    .map_err(|_| value_error("topk", format!("{k} elements cannot be taken")))?;
                a.topk(k, along(axis)).or_raise()
            }
        ),
        row!(
            "searchsorted",
            "(sorted_sequence: array, values: array, /, side: str = 'left', *, stream: StreamOrDevice = None) -> array",
            "Where values go in a sorted sequence.",
            |sorted: Array, values: Array, name: String| sorted.searchsorted(&values, side(&name)?).or_raise()
        ),
        row!(
            "diff",
            "(a: array, /, n: int = 1, axis: int = -1, *, stream: StreamOrDevice = None) -> array",
            "Differences of neighbours, `n` times over.",
            |a: Array, n: isize, axis: isize| {
                let n = usize::try_from(n)
                    .map_err(|_| value_error("diff", format!("cannot take {n} differences")))?;
                a.diff(n, axis).or_raise()
            }
        ),
        row!(
            "unique",
            "(a: array, /, size: int, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, fill_value: scalar | array | None = None, *, stream: StreamOrDevice = None) -> Any",
            "The `size` smallest distinct elements, and where and how often they occur.",
            unique
        ),
        row!(
            "trace",
            "(a: array, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "The sum of a diagonal.",
            |a: Array, offset: isize, axis1: isize, axis2: isize, dtype: Option<Dtype>| {
                a.trace(offset, axis1, axis2, dtype)
            }
        ),
    ]);
    rows
}

/// Methods that take more than the functions (a correction) or less (a dtype).
pub(crate) fn methods() -> Vec<Entry> {
    let mut rows = spread_methods! {
        "var" var "The variance over axes.";
        "std" std "The standard deviation over axes.";
    };
    rows.extend(scans! {
        "cumsum" cumsum "The sum of the elements up to each.";
        "cumprod" cumprod "The product of the elements up to each.";
    });
    rows
}
