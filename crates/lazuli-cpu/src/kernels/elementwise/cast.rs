//! Conversions: floats to integers truncate and saturate, NaN becomes 0; to bool tests for zero; to
//! narrower floats rounds to nearest even; complex to real keeps the real part.
//!
//! A source widens to one of five types without loss, a target narrows from each of the five: 14 + 14
//! definitions instead of 196. The optimiser sees through the middle.

use std::marker::PhantomData;

use half::{bf16, f16};

use super::float::{Elementwise, each};
use super::loops::Row;
use super::number::{Complex, Truth};
use crate::kernels::math::{Element, Kernel, Lanes};

/// One of the five types that sources widen to.
pub trait Wide {
    /// As the target type.
    fn narrow<T: Target>(self) -> T;
}

/// A type to convert from.
pub trait Source: Copy + 'static {
    /// What it widens to.
    type Wide: Wide;
    /// Without loss.
    fn widen(self) -> Self::Wide;
}

/// A type to convert to.
#[allow(missing_docs)]
pub trait Target: Copy + 'static {
    fn of_i64(x: i64) -> Self;
    fn of_u64(x: u64) -> Self;
    fn of_f32(x: f32) -> Self;
    fn of_f64(x: f64) -> Self;
}

macro_rules! wide {
    ($($ty:ident $of:ident)*) => {$(
        impl Wide for $ty {
            #[inline(always)]
            fn narrow<T: Target>(self) -> T {
                T::$of(self)
            }
        }
    )*};
}

wide!(i64 of_i64 u64 of_u64 f32 of_f32 f64 of_f64);

macro_rules! sources {
    ($($ty:ty => $wide:ident, |$x:ident| $widen:expr;)*) => {$(
        impl Source for $ty {
            type Wide = $wide;
            #[inline(always)]
            fn widen(self) -> $wide {
                let $x = self;
                $widen
            }
        }
    )*};
}

sources! {
    Truth => i64, |x| (x.0 != 0) as i64;
    u8 => i64, |x| x.into();
    u16 => i64, |x| x.into();
    u32 => i64, |x| x.into();
    u64 => u64, |x| x;
    i8 => i64, |x| x.into();
    i16 => i64, |x| x.into();
    i32 => i64, |x| x.into();
    i64 => i64, |x| x;
    f16 => f32, |x| x.to_f32();
    bf16 => f32, |x| x.to_f32();
    f32 => f32, |x| x;
    f64 => f64, |x| x;
    Complex => f32, |x| x[0];
}

macro_rules! targets {
    ($($ty:ident)*) => {$(
        impl Target for $ty {
            #[inline(always)]
            fn of_i64(x: i64) -> $ty {
                x as $ty
            }
            #[inline(always)]
            fn of_u64(x: u64) -> $ty {
                x as $ty
            }
            #[inline(always)]
            fn of_f32(x: f32) -> $ty {
                x as $ty
            }
            #[inline(always)]
            fn of_f64(x: f64) -> $ty {
                x as $ty
            }
        }
    )*};
}

targets!(u8 u16 u32 u64 i8 i16 i32 i64 f32 f64);

macro_rules! half_targets {
    ($($ty:ident)*) => {$(
        impl Target for $ty {
            #[inline(always)]
            fn of_i64(x: i64) -> $ty {
                // Through f64, which holds every integer that is not far beyond the type's precision.
                $ty::from_f64(x as f64)
            }
            #[inline(always)]
            fn of_u64(x: u64) -> $ty {
                $ty::from_f64(x as f64)
            }
            #[inline(always)]
            fn of_f32(x: f32) -> $ty {
                $ty::from_f32(x)
            }
            #[inline(always)]
            fn of_f64(x: f64) -> $ty {
                $ty::from_f64(x)
            }
        }
    )*};
}

half_targets!(f16 bf16);

impl Target for Truth {
    #[inline(always)]
    fn of_i64(x: i64) -> Truth {
        Truth((x != 0) as u8)
    }
    #[inline(always)]
    fn of_u64(x: u64) -> Truth {
        Truth((x != 0) as u8)
    }
    #[inline(always)]
    fn of_f32(x: f32) -> Truth {
        Truth((x != 0.0) as u8)
    }
    #[inline(always)]
    fn of_f64(x: f64) -> Truth {
        Truth((x != 0.0) as u8)
    }
}

impl Target for Complex {
    #[inline(always)]
    fn of_i64(x: i64) -> Complex {
        [x as f32, 0.0]
    }
    #[inline(always)]
    fn of_u64(x: u64) -> Complex {
        [x as f32, 0.0]
    }
    #[inline(always)]
    fn of_f32(x: f32) -> Complex {
        [x, 0.0]
    }
    #[inline(always)]
    fn of_f64(x: f64) -> Complex {
        [x as f32, 0.0]
    }
}

/// A row of a float type to `f32`.
pub struct Widen<T>(PhantomData<T>);
/// A row of `f32` to a float type.
pub struct Narrow<T>(PhantomData<T>);

struct Same;

impl Elementwise for Same {
    #[inline(always)]
    fn of<L: Lanes>(_: L, x: L::F) -> L::F {
        x
    }
}

impl<T: Element> Kernel for Widen<T> {
    type Args<'a> = Row<2>;
    #[inline(always)]
    fn run<L: Lanes>(l: L, row: &Row<2>, _: usize) {
        // SAFETY: whoever made the row gave an output of `f32` and an operand of `T`.
        unsafe { each::<T, f32, Same, L>(l, row) }
    }
}

impl<T: Element> Kernel for Narrow<T> {
    type Args<'a> = Row<2>;
    #[inline(always)]
    fn run<L: Lanes>(l: L, row: &Row<2>, _: usize) {
        // SAFETY: whoever made the row gave an output of `T` and an operand of `f32`.
        unsafe { each::<f32, T, Same, L>(l, row) }
    }
}
