//! Reductions over axes.

use lazuli_core::Array;

use crate::argument::Integers;
use crate::call::{Entry, row};

fn axes(array: &Array, axis: Option<Integers>) -> Vec<isize> {
    match axis {
        None => (0..array.rank() as isize).collect(),
        Some(axes) => axes.to_vec(),
    }
}

macro_rules! reductions {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, axis: Option<Integers>, keep: bool| Array::$method(&a, &axes(&a, axis), keep)
        )),*]
    };
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    reductions! {
        "sum" sum "The sum over axes.";
        "prod" prod "The product over axes.";
        "min" min "The smallest element over axes.";
        "max" max "The largest element over axes.";
        "mean" mean "The mean over axes.";
    }
}
