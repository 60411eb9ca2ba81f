//! Conversions: floats to integers truncate, and wrap beyond the type's range as C does on x86-64; to
//! bool tests for zero; to narrower floats rounds to nearest even; complex to real keeps the real part.
//!
//! A source widens to one of five types without loss, a target narrows from each of the five: 14 + 14
//! definitions instead of 196. The optimiser sees through the middle.

use half::{bf16, f16};

use super::number::{Complex, Truth};

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

/// Truncated to 64 bits; the least integer where that has not enough, and of NaN.
#[inline(always)]
fn truncated(x: f64) -> i64 {
    let within = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x);
    if within { x as i64 } else { i64::MIN }
}

/// As [`truncated`], to 32 bits.
#[inline(always)]
fn truncated32(x: f64) -> i32 {
    let within = x < 2_147_483_648.0 && x > -2_147_483_649.0;
    if within { x as i32 } else { i32::MIN }
}

/// An unsigned number of which `signed` can convert half: the other half lies `end` above.
macro_rules! unsigned {
    ($x:expr, $signed:ident, $end:expr) => {
        if $x >= $end {
            $signed($x - $end) ^ $signed(f64::NAN)
        } else {
            $signed($x)
        }
    };
}

macro_rules! targets {
    ($($ty:ident: |$x:ident| $of:expr;)*) => {$(
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
                $ty::of_f64(f64::from(x))
            }
            #[inline(always)]
            fn of_f64($x: f64) -> $ty {
                $of as $ty
            }
        }
    )*};
}

targets! {
    u8: |x| truncated32(x);
    u16: |x| truncated32(x);
    u32: |x| unsigned!(x, truncated32, 2_147_483_648.0);
    u64: |x| unsigned!(x, truncated, 9_223_372_036_854_775_808.0);
    i8: |x| truncated32(x);
    i16: |x| truncated32(x);
    i32: |x| truncated32(x);
    i64: |x| truncated(x);
    f32: |x| x;
    f64: |x| x;
}

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
