//! Functions of two operands, element by element; numbers are weak.

use lazuli_core::Array;

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

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let by_name = binary! {
        "(a: scalar | array, b: scalar | array, stream: StreamOrDevice = None) -> array":
        "add" add "The sum of each pair.";
        "subtract" subtract "The difference of each pair.";
        "multiply" multiply "The product of each pair.";
        "divide" divide "The quotient of each pair; integers give floats.";
        "equal" equal "Whether each pair is equal.";
        "not_equal" not_equal "Whether each pair differs.";
        "less" less "Whether the first of each pair is smaller.";
        "less_equal" less_equal "Whether the first of each pair is not larger.";
        "greater" greater "Whether the first of each pair is larger.";
        "greater_equal" greater_equal "Whether the first of each pair is not smaller.";
    };
    let by_place = binary! {
        "(a: scalar | array, b: scalar | array, /, *, stream: StreamOrDevice = None) -> array":
        "maximum" maximum "The larger of each pair; NaN if either is.";
        "minimum" minimum "The smaller of each pair; NaN if either is.";
        "power" power "The first of each pair to the power of the second.";
        "logical_and" logical_and "Whether both of each pair are true or not zero.";
        "logical_or" logical_or "Whether either of each pair is true or not zero.";
    };
    [by_name, by_place].concat()
}
