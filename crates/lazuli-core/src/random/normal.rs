//! The normal distribution and its relatives, by the inverse of the error function.
//!
//! Not chosen: Box and Muller's pairs, which would not give the reference's numbers.

use std::f64::consts::SQRT_2;

use super::continuous::{symmetric, uniform};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::linalg;
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

/// Jointly normal vectors with this mean and covariance, `float32`.
///
/// `mean`: `[.., n]`; `covariance`: `[.., n, n]`, symmetric and positive semi-definite; their leading
/// axes broadcast to `shape` (none, or of no axes: to each other's). The result is `[shape, n]`.
///
/// # Errors
/// [`Error::Dtype`] when `dtype` is not `float32`, [`Error::Shape`] when the shapes do not fit; when
/// evaluated, [`Error::Value`] when the covariance holds NaN or infinity; else as [`super::bits`].
pub fn multivariate_normal(
    mean: &Array,
    covariance: &Array,
    shape: Option<&Shape>,
    dtype: Dtype,
    key: Option<&Array>,
) -> Result<Array> {
    const NAME: &str = "multivariate_normal";
    mean.check()?;
    covariance.check()?;
    if dtype != Dtype::F32 {
        return Err(Error::dtype(NAME, format!("draws float32, not {dtype}")));
    }
    let n = mean.shape().last().copied();
    let fits = |rows: usize| n == Some(rows) && n == covariance.shape().last().copied();
    let rank = covariance.rank();
    if rank < 2 || !fits(covariance.dim(rank - 2)) {
        return Err(Error::shape(
            NAME,
            format!(
                "a mean of shape {} and a covariance of {} are not [.., n] and [.., n, n]",
                mean.shape(),
                covariance.shape()
            ),
        ));
    }
    let n = covariance.dim(rank - 1);
    let lead = |x: &Array, own: usize| -> Shape { x.shape()[..x.rank() - own].into() };
    let both = lead(mean, 1).broadcast(NAME, &lead(covariance, 2))?;
    let shape = match shape.filter(|s| !s.is_empty()) {
        Some(shape) if both.broadcast(NAME, shape)? == *shape => shape.clone(),
        Some(shape) => {
            let what = format!("distributions of shape {both} do not broadcast to {shape}");
            return Err(Error::shape(NAME, what));
        }
        None => both,
    };
    // A covariance that is semi-definite only has no triangular factor, but it has this root.
    let (u, s, v) = linalg::svd(&covariance.astype(dtype)?)?;
    let scaled = u.multiply(&s.sqrt()?.expand_dims(s.rank() - 1)?)?;
    let root = scaled.matmul(&v)?;
    let x = normal(shape.insert(shape.len(), n), dtype, None, None, key)?;
    let row = x.expand_dims(x.rank() - 1)?.matmul(&root)?;
    row.reshape(x.shape())?.add(&mean.astype(dtype)?)
}
