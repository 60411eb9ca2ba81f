//! Distributions that are a formula of one uniform number.

use half::{bf16, f16};

use super::bits;
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// Uniform over `[low, high)`, computed in `dtype` from 32 bits each, whatever the dtype.
///
/// `low` and `high` broadcast to `shape`. `dtype`: `float16`, `bfloat16` or `float32`.
///
/// # Errors
/// [`Error::Dtype`] for another dtype, [`Error::Shape`] when the bounds do not broadcast to `shape`;
/// else as [`bits`].
pub fn uniform(
    low: &Array,
    high: &Array,
    shape: impl Into<Shape>,
    dtype: Dtype,
    key: Option<&Array>,
) -> Result<Array> {
    let shape = shape.into();
    low.check()?;
    high.check()?;
    let low = low.astype(dtype)?;
    let range = high.astype(dtype)?.subtract(&low)?;
    if range.shape().broadcast("uniform", &shape)? != shape {
        return Err(Error::shape(
            "uniform",
            format!(
                "the bounds have the shape {}, which does not broadcast to {shape}",
                range.shape()
            ),
        ));
    }
    range.multiply(&unit(shape, dtype, key)?)?.add(&low)
}

/// Uniform over `[0, 1)`: the word as `f32` over 2³², at most the largest number of `dtype` below one.
pub(super) fn unit(shape: Shape, dtype: Dtype, key: Option<&Array>) -> Result<Array> {
    let most = match dtype {
        Dtype::F32 => 1.0f32.next_down(),
        Dtype::F16 => f16::from_bits(0x3bff).to_f32(),
        Dtype::BF16 => bf16::from_bits(0x3f7f).to_f32(),
        other => {
            return Err(Error::dtype(
                "uniform",
                format!("draws float16, bfloat16 or float32, not {other}"),
            ));
        }
    };
    let words = bits(shape, 4, key)?.astype(Dtype::F32)?;
    // A power of two: the product is the quotient.
    let u = words.multiply(&Array::scalar(2f32.powi(-32)))?;
    u.minimum(&Array::scalar(most))?.astype(dtype)
}

/// Uniform over `(-1, 1)` in `f32`, from which symmetric distributions are made.
pub(super) fn symmetric(shape: Shape, key: Option<&Array>) -> Result<Array> {
    let low = Array::scalar((-1.0f32).next_up());
    uniform(&low, &Array::scalar(1.0f32), shape, Dtype::F32, key)
}

/// Standard Gumbel: `-log(-log(u))`.
///
/// # Errors
/// As [`uniform`].
pub fn gumbel(shape: impl Into<Shape>, dtype: Dtype, key: Option<&Array>) -> Result<Array> {
    let u = unit(shape.into(), dtype, key)?;
    u.log()?.negative()?.log()?.negative()
}

/// Laplace with mean `loc` and scale `scale`.
///
/// # Errors
/// [`Error::Dtype`] when `dtype` is not a float; else as [`bits`].
pub fn laplace(
    shape: impl Into<Shape>,
    dtype: Dtype,
    loc: f64,
    scale: f64,
    key: Option<&Array>,
) -> Result<Array> {
    if !dtype.is_float() {
        return Err(Error::dtype(
            "laplace",
            format!("draws floats, not {dtype}"),
        ));
    }
    let u = symmetric(shape.into(), key)?;
    let depth = u.abs()?.negative()?.log1p()?;
    let below = u.less(&Array::scalar(0.0f32))?;
    let mut x = Array::select(&below, &depth.negative()?, &depth)?.astype(dtype)?;
    if scale != 1.0 {
        x = x.multiply(&Array::scalar_of(f64::from(scale as f32), dtype))?;
    }
    if loc != 0.0 {
        x = x.add(&Array::scalar_of(f64::from(loc as f32), dtype))?;
    }
    Ok(x)
}
