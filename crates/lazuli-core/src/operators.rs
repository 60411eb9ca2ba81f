//! `+ - * /` and unary minus on arrays and numbers, so that formulas read as maths.
//!
//! An operator cannot return a `Result`: a misuse makes a poisoned array that carries the first error
//! and the caller's place, reported by `eval`, `item` and `check`.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::array::Array;
use crate::error::Result;

#[track_caller]
fn or_poison(result: Result<Array>) -> Array {
    match result {
        Ok(array) => array,
        Err(error) => Array::poisoned(error),
    }
}

macro_rules! operator {
    ($($trait:ident $method:ident $named:ident;)*) => {$(
        impl $trait<&Array> for &Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: &Array) -> Array {
                or_poison(Array::$named(&self, other))
            }
        }
        impl $trait<Array> for Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: Array) -> Array {
                or_poison(Array::$named(&self, &other))
            }
        }
        impl $trait<&Array> for Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: &Array) -> Array {
                or_poison(Array::$named(&self, other))
            }
        }
        impl $trait<Array> for &Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: Array) -> Array {
                or_poison(Array::$named(&self, &other))
            }
        }
        impl $trait<f64> for &Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, number: f64) -> Array {
                or_poison(Array::$named(self, &weak(number, self)))
            }
        }
        impl $trait<f64> for Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, number: f64) -> Array {
                or_poison(Array::$named(&self, &weak(number, &self)))
            }
        }
        impl $trait<&Array> for f64 {
            type Output = Array;
            #[track_caller]
            fn $method(self, array: &Array) -> Array {
                or_poison(Array::$named(&weak(self, array), array))
            }
        }
        impl $trait<Array> for f64 {
            type Output = Array;
            #[track_caller]
            fn $method(self, array: Array) -> Array {
                or_poison(Array::$named(&weak(self, &array), &array))
            }
        }
    )*};
}

operator! {
    Add add add;
    Sub sub subtract;
    Mul mul multiply;
    Div div divide;
}

/// A number takes the dtype of a float array beside it, else `float32`.
fn weak(number: f64, beside: &Array) -> Array {
    Array::scalar_of(number, beside.dtype().at_least_float())
}

impl Neg for &Array {
    type Output = Array;
    #[track_caller]
    fn neg(self) -> Array {
        or_poison(self.negative())
    }
}

impl Neg for Array {
    type Output = Array;
    #[track_caller]
    fn neg(self) -> Array {
        or_poison(self.negative())
    }
}
