//! Functions of one array, element by element.

use lazuli_core::{Array, Dtype};

use crate::argument::wrong;
use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};
use crate::operand::{Operand, pair};

macro_rules! unary {
    ($signature:literal: $($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!($name, $signature, $doc, |a: Operand| {
            Array::$method(&a.to_array()?).or_raise()
        })),*]
    };
}

fn round(a: Operand, decimals: isize) -> pyo3::PyResult<Array> {
    let decimals = i32::try_from(decimals).map_err(|_| wrong())?;
    a.to_array()?.round_to(decimals).or_raise()
}

/// One bound may be open; the result has the dtype that all three promote to.
fn clip(a: Array, low: Option<Operand>, high: Option<Operand>) -> pyo3::PyResult<Array> {
    if low.is_none() && high.is_none() {
        return Err(value_error("clip", "needs `a_min` or `a_max`"));
    }
    let bound = |b: Option<Operand>| b.map(|b| pair(&Operand::Array(a.clone()), &b)).transpose();
    let (low, high) = (bound(low)?.map(|b| b.1), bound(high)?.map(|b| b.1));
    a.clip(low.as_ref(), high.as_ref()).or_raise()
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    let mut rows = unary! {
        "(a: array, /, *, stream: StreamOrDevice = None) -> array":
        "abs" abs "The distance of each element from zero.";
        "sign" sign "-1, 0 or 1: the sign of each element.";
        "positive" positive "The elements as they are.";
        "negative" negative "The negative of each element.";
        "square" square "The square of each element.";
        "sqrt" sqrt "The square root of each element.";
        "rsqrt" rsqrt "The inverse of the square root of each element.";
        "reciprocal" reciprocal "The inverse of each element.";
        "exp" exp "The exponential of each element.";
        "expm1" expm1 "The exponential of each element, minus one.";
        "log" log "The natural logarithm of each element.";
        "log2" log2 "The logarithm to base 2 of each element.";
        "log10" log10 "The logarithm to base 10 of each element.";
        "log1p" log1p "The natural logarithm of one plus each element.";
        "sin" sin "The sine of each element in radians.";
        "cos" cos "The cosine of each element in radians.";
        "tan" tan "The tangent of each element in radians.";
        "arcsin" arcsin "The angle whose sine each element is.";
        "arccos" arccos "The angle whose cosine each element is.";
        "arctan" arctan "The angle whose tangent each element is.";
        "sinh" sinh "The hyperbolic sine of each element.";
        "cosh" cosh "The hyperbolic cosine of each element.";
        "tanh" tanh "The hyperbolic tangent of each element.";
        "arcsinh" arcsinh "The inverse hyperbolic sine of each element.";
        "arccosh" arccosh "The inverse hyperbolic cosine of each element.";
        "arctanh" arctanh "The inverse hyperbolic tangent of each element.";
        "sigmoid" sigmoid "The logistic function of each element.";
        "erf" erf "The error function of each element.";
        "erfinv" erfinv "The inverse of the error function of each element.";
        "floor" floor "The largest integer not above each element.";
        "ceil" ceil "The smallest integer not below each element.";
        "trunc" trunc "Each element without its fraction.";
        "logical_not" logical_not "Whether each element is zero or false.";
        "degrees" degrees "Radians as degrees.";
        "radians" radians "Degrees as radians.";
        "real" real "The real part of each element.";
        "imag" imag "The imaginary part of each element.";
    };
    rows.extend(unary! {
        "(a: array, stream: StreamOrDevice = None) -> array":
        "isnan" isnan "Whether each element is no number.";
        "isinf" isinf "Whether each element is infinite.";
        "isfinite" isfinite "Whether each element is a finite number.";
        "isposinf" isposinf "Whether each element is positive infinity.";
        "isneginf" isneginf "Whether each element is negative infinity.";
        "bitwise_invert" bitwise_invert "Each element with its bits inverted.";
    });
    rows.extend(unary! {
        "(a: array, *, stream: StreamOrDevice = None) -> array":
        "conj" conjugate "The complex conjugate of each element.";
        "conjugate" conjugate "The complex conjugate of each element.";
    });
    rows.extend([
        row!(
            "stop_gradient",
            "(a: array, /, *, stream: StreamOrDevice = None) -> array",
            "The array, of which no gradient flows on.",
            |a: Array| a.stop_gradient()
        ),
        row!(
            "round",
            "(a: array, /, decimals: int = 0, stream: StreamOrDevice = None) -> array",
            "Each element rounded, ties to even.",
            round
        ),
        row!(
            "nan_to_num",
            "(a: scalar | array, nan: float = 0, posinf: float | None = None, neginf: float | None = None, *, stream: StreamOrDevice = None) -> array",
            "The elements with numbers in place of NaN and infinities.",
            |a: Operand, nan: f64, posinf: Option<f64>, neginf: Option<f64>| {
                a.to_array()?.nan_to_num(nan, posinf, neginf).or_raise()
            }
        ),
        row!(
            "clip",
            "(a: array, /, a_min: scalar | array | None, a_max: scalar | array | None, *, stream: StreamOrDevice = None) -> array",
            "Each element, or the bound that it lies beyond.",
            clip
        ),
        row!(
            "astype",
            "(a: array, dtype: Dtype, /, *, stream: StreamOrDevice = None) -> array",
            "The elements converted to another dtype.",
            |a: Array, dtype: Dtype| a.astype(dtype)
        ),
    ]);
    rows
}

/// Methods whose arguments the functions take in another way.
pub(crate) fn methods() -> Vec<Entry> {
    vec![
        row!(
            "round",
            "(a: array, /, decimals: int = 0, *, stream: StreamOrDevice = None) -> array",
            "Each element rounded, ties to even.",
            round
        ),
        row!(
            "astype",
            "(a: array, /, dtype: Dtype, stream: StreamOrDevice = None) -> array",
            "The elements converted to another dtype.",
            |a: Array, dtype: Dtype| a.astype(dtype)
        ),
        row!(
            "view",
            "(a: array, /, dtype: Dtype, *, stream: StreamOrDevice = None) -> array",
            "The bytes of the elements as another dtype.",
            |a: Array, dtype: Dtype| a.view_as(dtype)
        ),
    ]
}
