//! Numbers without a dtype of their own, which take that of the array beside them.
//!
//! A literal must not widen a half-precision model: an integer takes the array's dtype, a float takes
//! it if the array has floats and is `float32` otherwise.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

/// A number in a formula.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Scalar {
        Scalar::Bool(value)
    }
}

macro_rules! from {
    ($($variant:ident: $($ty:ty)*;)*) => {$($(
        impl From<$ty> for Scalar {
            fn from(value: $ty) -> Scalar {
                Scalar::$variant(value.into())
            }
        }
    )*)*};
}

from! {
    Int: u8 u16 u32 i8 i16 i32 i64;
    Float: f32 f64;
}

impl Scalar {
    /// The dtype that the number has beside an array of `dtype`.
    pub fn dtype_beside(self, dtype: Dtype) -> Dtype {
        match self {
            Scalar::Bool(_) => dtype,
            Scalar::Int(_) if dtype == Dtype::Bool => Dtype::I32,
            Scalar::Int(_) => dtype,
            Scalar::Float(_) => dtype.at_least_float(),
        }
    }

    /// The number as an array, as it is beside an array of `dtype`.
    ///
    /// # Errors
    /// [`Error::Value`] when an integer is beyond an integer dtype of fewer than 64 bits.
    pub fn beside(self, dtype: Dtype) -> Result<Array> {
        let own = self.dtype_beside(dtype);
        match self {
            Scalar::Bool(value) => Ok(Array::scalar_of(f64::from(u8::from(value)), own)),
            Scalar::Float(value) => Ok(Array::scalar_of(value, own)),
            Scalar::Int(value) => match own {
                Dtype::I64 => Ok(Array::scalar(value)),
                // Wraps, as a cast does.
                Dtype::U64 => Ok(Array::scalar(value as u64)),
                _ if own.is_integer() && !holds(own, value) => Err(Error::value(
                    "array",
                    format!("{value} is beyond {own}: convert the array with `astype` first"),
                )),
                _ => Ok(Array::scalar_of(value as f64, own)),
            },
        }
    }
}

/// Whether an integer dtype of fewer than 64 bits has `value`.
fn holds(dtype: Dtype, value: i64) -> bool {
    let bits = 8 * dtype.size() as u32;
    if dtype.is_signed_integer() {
        let end = 1i64 << (bits - 1);
        (-end..end).contains(&value)
    } else {
        (0..1i64 << bits).contains(&value)
    }
}
