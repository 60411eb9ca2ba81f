//! Functions of two operands, element by element; numbers are weak.

use lazuli_core::Array;
use pyo3::PyResult;

use crate::call::{Entry, row};
use crate::error::OrRaise;
use crate::operand::{Operand, pair};

macro_rules! binary {
    ($signature:literal: $($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!($name, $signature, $doc, |a: Operand, b: Operand| {
            let (a, b) = pair(&a, &b)?;
            Array::$method(&a, &b).or_raise()
        })),*]
    };
}

/// Truth values of each operand alone, so that numbers need not fit the other's dtype.
macro_rules! logical {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Operand, b: Operand| Array::$method(&a.to_array()?, &b.to_array()?).or_raise()
        )),*]
    };
}

macro_rules! close {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, b: array, /, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, b: Array, rtol: f64, atol: f64, equal_nan: bool| a.$method(&b, rtol, atol, equal_nan)
        )),*]
    };
}

fn divmod(a: Operand, b: Operand) -> PyResult<Vec<Array>> {
    let (a, b) = pair(&a, &b)?;
    let (quotient, rest) = a.divmod(&b).or_raise()?;
    Ok(vec![quotient, rest])
}

/// The condition chooses; the other two are as the operands of an addition.
fn select(condition: Operand, a: Operand, b: Operand) -> PyResult<Array> {
    let (a, b) = pair(&a, &b)?;
    Array::select(&condition.to_array()?, &a, &b).or_raise()
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let by_name = binary! {
        "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array":
        "add" add "The sum of each pair.";
        "subtract" subtract "The difference of each pair.";
        "multiply" multiply "The product of each pair.";
        "divide" divide "The quotient of each pair; integers give floats.";
        "floor_divide" floor_divide "The quotient of each pair, rounded down.";
        "remainder" remainder "What division rounded down leaves, with the sign of the divisor.";
        "equal" equal "Whether each pair is equal.";
        "not_equal" not_equal "Whether each pair differs.";
        "less" less "Whether the first of each pair is smaller.";
        "less_equal" less_equal "Whether the first of each pair is not larger.";
        "greater" greater "Whether the first of each pair is larger.";
        "greater_equal" greater_equal "Whether the first of each pair is not smaller.";
        "bitwise_and" bitwise_and "The bits set in both of each pair.";
        "bitwise_or" bitwise_or "The bits set in either of each pair.";
        "bitwise_xor" bitwise_xor "The bits set in one of each pair.";
        "left_shift" left_shift "The first of each pair with its bits moved up.";
        "right_shift" right_shift "The first of each pair with its bits moved down.";
    };
    let by_place = binary! {
        "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array":
        "maximum" maximum "The larger of each pair; NaN if either is.";
        "minimum" minimum "The smaller of each pair; NaN if either is.";
        "power" power "The first of each pair to the power of the second.";
        "arctan2" arctan2 "The angle of the point with the coordinates (b, a).";
        "logaddexp" logaddexp "The logarithm of the sum of the exponentials of each pair.";
    };
    let of_truths = logical! {
        "logical_and" logical_and "Whether both of each pair are true or not zero.";
        "logical_or" logical_or "Whether either of each pair is true or not zero.";
        "logical_xor" logical_xor "Whether one of each pair is true or not zero.";
    };
    let tolerant = close! {
        "isclose" isclose "Whether each pair is equal within a tolerance.";
        "allclose" allclose "Whether all pairs are equal within a tolerance.";
    };
    let others = vec![
        row!(
            "divmod",
            "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> list[array]",
            "The quotient of each pair, rounded down, and what it leaves.",
            divmod
        ),
        row!(
            "array_equal",
            "(a: scalar | array, b: scalar | array, equal_nan: bool = False, stream: StreamOrDevice = None) -> array",
            "Whether two arrays have one shape and equal elements.",
            |a: Operand, b: Operand, equal_nan: bool| {
                let (a, b) = pair(&a, &b)?;
                a.array_equal(&b, equal_nan).or_raise()
            }
        ),
        row!(
            "where",
            "(condition: scalar | array, x: scalar | array, y: scalar | array, /, *, stream: StreamOrDevice = None) -> array",
            "The elements of `x` where the condition holds, else those of `y`.",
            select
        ),
    ];
    [by_name, by_place, of_truths, tolerant, others].concat()
}
