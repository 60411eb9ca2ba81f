//! Operators on arrays and numbers, so that formulas read as maths.
//!
//! `+ - * / %` take numbers of every kind on the right, `& | ^ << >>` integers, both also in place; on the
//! left stand `i32` and `f64`, which literals are.
//! A number has no dtype of its own (see [`Scalar`]). Comparisons are methods: Rust's give a `bool`.
//!
//! An operator cannot return a `Result`: a misuse makes a poisoned array that carries the first error
//! and the caller's place, reported by `eval`, `item` and `check`. An operand that is given away
//! (`a + &b`, `a += &b`) lends its memory to the result when nothing else uses it.

use std::ops::{
    Add, AddAssign, BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Div, DivAssign,
    Mul, MulAssign, Neg, Not, Rem, RemAssign, Shl, ShlAssign, Shr, ShrAssign, Sub, SubAssign,
};

use crate::array::Array;
use crate::error::Result;
use crate::scalar::Scalar;

#[track_caller]
fn or_poison(result: Result<Array>) -> Array {
    match result {
        Ok(array) => array,
        Err(error) => Array::poisoned(error),
    }
}

type Function = fn(&Array, &Array) -> Result<Array>;

#[track_caller]
fn with_number(f: Function, array: &Array, number: Scalar) -> Array {
    let number = number.beside(array.dtype());
    or_poison(number.and_then(|number| f(array, &number)))
}

#[track_caller]
fn of_number(f: Function, number: Scalar, array: &Array) -> Array {
    let number = number.beside(array.dtype());
    or_poison(number.and_then(|number| f(&number, array)))
}

/// Numbers of arithmetic. One implementation for all of them, so that the compiler knows the result of
/// `&x + 2` before it knows which kind of integer 2 is.
pub trait Number: Into<Scalar> {}
/// Numbers of bits.
pub trait Bits: Into<Scalar> {}

macro_rules! numbers {
    ($($trait:ident: $($ty:ty)*;)*) => {$($(
        impl $trait for $ty {}
    )*)*};
}

numbers! {
    Number: u8 u16 u32 i8 i16 i32 i64 f32 f64;
    Bits: bool u8 u16 u32 i8 i16 i32 i64;
}

macro_rules! operators {
    ($($trait:ident $method:ident $assign:ident $assigned:ident $named:ident $kind:ident: $($number:ty)*;)*) => {$(
        operators! { @arrays $trait $method $named:
            &Array, &Array;
            Array, Array;
            Array, &Array;
            &Array, Array;
        }
        impl $assign<&Array> for Array {
            #[track_caller]
            fn $assigned(&mut self, other: &Array) {
                *self = or_poison(Array::$named(self, other));
            }
        }
        impl $assign<Array> for Array {
            #[track_caller]
            fn $assigned(&mut self, other: Array) {
                *self = or_poison(Array::$named(self, &other));
            }
        }
        impl<N: $kind> $assign<N> for Array {
            #[track_caller]
            fn $assigned(&mut self, number: N) {
                *self = with_number(Array::$named, self, number.into());
            }
        }
        impl<N: $kind> $trait<N> for &Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, number: N) -> Array {
                with_number(Array::$named, self, number.into())
            }
        }
        impl<N: $kind> $trait<N> for Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, number: N) -> Array {
                with_number(Array::$named, &self, number.into())
            }
        }
        operators! { @numbers $trait $method $named: $($number)* }
    )*};
    (@arrays $trait:ident $method:ident $named:ident: $($left:ty, $right:ty;)*) => {$(
        impl $trait<$right> for $left {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: $right) -> Array {
                or_poison(Array::$named(&self, &other))
            }
        }
    )*};
    (@numbers $trait:ident $method:ident $named:ident: $($number:ty)*) => {$(
        impl $trait<&Array> for $number {
            type Output = Array;
            #[track_caller]
            fn $method(self, array: &Array) -> Array {
                of_number(Array::$named, self.into(), array)
            }
        }
        impl $trait<Array> for $number {
            type Output = Array;
            #[track_caller]
            fn $method(self, array: Array) -> Array {
                of_number(Array::$named, self.into(), &array)
            }
        }
    )*};
}

operators! {
    Add add AddAssign add_assign add Number: i32 f64;
    Sub sub SubAssign sub_assign subtract Number: i32 f64;
    Mul mul MulAssign mul_assign multiply Number: i32 f64;
    Div div DivAssign div_assign divide Number: i32 f64;
    Rem rem RemAssign rem_assign remainder Number: i32 f64;
    BitAnd bitand BitAndAssign bitand_assign bitwise_and Bits: bool i32;
    BitOr bitor BitOrAssign bitor_assign bitwise_or Bits: bool i32;
    BitXor bitxor BitXorAssign bitxor_assign bitwise_xor Bits: bool i32;
    Shl shl ShlAssign shl_assign left_shift Bits: i32;
    Shr shr ShrAssign shr_assign right_shift Bits: i32;
}

macro_rules! prefixes {
    ($($trait:ident $method:ident $named:ident: $($ty:ty)*;)*) => {$($(
        impl $trait for $ty {
            type Output = Array;
            #[track_caller]
            fn $method(self) -> Array {
                or_poison(self.$named())
            }
        }
    )*)*};
}

prefixes! {
    Neg neg negative: Array &Array;
    Not not bitwise_invert: Array &Array;
}
