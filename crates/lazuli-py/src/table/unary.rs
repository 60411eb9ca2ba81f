//! Functions of one array, element by element.

use lazuli_core::Array;

use crate::call::{Entry, row};
use crate::error::OrRaise;
use crate::operand::Operand;

macro_rules! unary {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, /, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Operand| Array::$method(&a.to_array()?).or_raise()
        )),*]
    };
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let mut rows = unary! {
        "abs" abs "The distance of each element from zero.";
        "negative" negative "The negative of each element.";
        "square" square "The square of each element.";
        "sqrt" sqrt "The square root of each element.";
        "rsqrt" rsqrt "The inverse of the square root of each element.";
        "exp" exp "The exponential of each element.";
        "log" log "The natural logarithm of each element.";
        "log1p" log1p "The natural logarithm of one plus each element.";
        "sin" sin "The sine of each element in radians.";
        "cos" cos "The cosine of each element in radians.";
        "tanh" tanh "The hyperbolic tangent of each element.";
        "sigmoid" sigmoid "The logistic function of each element.";
        "floor" floor "The largest integer not above each element.";
        "logical_not" logical_not "Whether each element is zero or false.";
    };
    rows.push(row!(
        "stop_gradient",
        "(a: array, /, *, stream: StreamOrDevice = None) -> array",
        "The array, of which no gradient flows on.",
        |a: Array| a.stop_gradient()
    ));
    rows.push(row!(
        "astype",
        "(a: array, dtype: Dtype, /, *, stream: StreamOrDevice = None) -> array",
        "The elements converted to another dtype.",
        |a: Array, dtype: lazuli_core::Dtype| a.astype(dtype)
    ));
    rows
}
