//! The normal distribution and its relatives, by the inverse of the error function.
//!
//! Not chosen: Box and Muller's pairs, which would not give the reference's numbers.

use std::f64::consts::SQRT_2;

use super::continuous::{symmetric, uniform};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// Normal with mean `loc` (none: 0) and standard deviation `scale` (none: 1), which broadcast with
/// `shape`.
///
/// `dtype`: a float, or `complex64`, whose parts have variance ½ each.
///
/// # Errors
/// [`Error::Dtype`] for another dtype, [`Error::Shape`] when `loc` or `scale` do not broadcast; else
/// as [`super::bits`].
pub fn normal(
    shape: impl Into<Shape>,
    dtype: Dtype,
    loc: Option<&Array>,
    scale: Option<&Array>,
    key: Option<&Array>,
) -> Result<Array> {
    let shape = shape.into();
    if dtype == Dtype::C64 {
        return complex(shape, loc, scale, key);
    }
    if !dtype.is_float() {
        return Err(Error::dtype(
            "normal",
            format!("draws floats or complex64, not {dtype}"),
        ));
    }
    let x = symmetric(shape, key)?.erfinv()?.astype(dtype)?;
    let mut factor = Array::scalar_of(SQRT_2, dtype);
    if let Some(scale) = scale {
        factor = factor.multiply(&scale.astype(dtype)?)?;
    }
    let x = factor.multiply(&x)?;
    match loc {
        Some(loc) => loc.astype(dtype)?.add(&x),
        None => Ok(x),
    }
}

fn complex(
    shape: Shape,
    loc: Option<&Array>,
    scale: Option<&Array>,
    key: Option<&Array>,
) -> Result<Array> {
    let parts = symmetric(shape.insert(shape.len(), 2), key)?.erfinv()?;
    let mut x = parts.view_as(Dtype::C64)?.reshape(shape)?;
    if let Some(scale) = scale {
        x = scale.multiply(&x)?;
    }
    match loc {
        Some(loc) => loc.add(&x),
        None => Ok(x),
    }
}

/// Normal between `lower` and `upper`, which broadcast to `shape` (none: to each other).
///
/// # Errors
/// [`Error::Dtype`] when `dtype` is not a float that [`uniform`] draws, [`Error::Shape`] when the
/// bounds do not broadcast to `shape`; else as [`super::bits`].
pub fn truncated_normal(
    lower: &Array,
    upper: &Array,
    shape: Option<&Shape>,
    dtype: Dtype,
    key: Option<&Array>,
) -> Result<Array> {
    if !dtype.is_float() {
        return Err(Error::dtype(
            "truncated_normal",
            format!("draws floats, not {dtype}"),
        ));
    }
    let (lower, upper) = (lower.astype(dtype)?, upper.astype(dtype)?);
    let shape = match shape {
        Some(shape) => shape.clone(),
        None => lower.shape().broadcast("truncated_normal", upper.shape())?,
    };
    let root = Array::scalar_of(SQRT_2, dtype);
    let share = |bound: &Array| bound.divide(&root)?.erf();
    let u = uniform(&share(&lower)?, &share(&upper)?, shape, dtype, key)?;
    let x = root.multiply(&u.erfinv()?)?;
    x.minimum(&upper)?.maximum(&lower)
}
