//! Integers, truth values and choices.

use super::continuous::{gumbel, unit};
use super::{bits, uniform};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::ops::search::Side;
use crate::shape::Shape;

/// Integers from `low` to below `high`, which broadcast to `shape`; `low` where `high` is not above it.
///
/// Bounds within ±2²⁴ give the reference's numbers, which it computes in `float32`. Beyond that those
/// would skip integers; here the same 32 bits are scaled in `float64`.
///
/// # Errors
/// [`Error::Dtype`] when `dtype` is neither an integer nor bool, [`Error::Shape`] when the bounds do
/// not broadcast to `shape`; else as [`bits`].
pub fn randint(
    low: &Array,
    high: &Array,
    shape: impl Into<Shape>,
    dtype: Dtype,
    key: Option<&Array>,
) -> Result<Array> {
    if !dtype.is_integer() && dtype != Dtype::Bool {
        return Err(Error::dtype(
            "randint",
            format!("draws integers or bool, not {dtype}"),
        ));
    }
    let shape = shape.into();
    // With the key known, both computations draw the same words.
    let key = match key {
        Some(key) => key.clone(),
        None => super::state::next()?,
    };
    let mut x = uniform(low, high, shape.clone(), Dtype::F32, Some(&key))?.floor()?;
    if dtype.size() >= 4 {
        let (low, high) = (low.astype(Dtype::F64)?, high.astype(Dtype::F64)?);
        let exact = Array::scalar(2f64.powi(24));
        let wide = low.abs()?.maximum(&high.abs()?)?.greater(&exact)?;
        let words = bits(shape, 4, Some(&key))?.astype(Dtype::F64)?;
        let share = words.multiply(&Array::scalar(2f64.powi(-32)))?;
        let y = high.subtract(&low)?.multiply(&share)?.add(&low)?.floor()?;
        x = Array::select(&wide, &y, &x)?;
    }
    let last = high.subtract(&Array::scalar_of(1.0, high.dtype()))?;
    let last = last.astype(dtype)?;
    x.astype(dtype)?
        .minimum(&last)?
        .maximum(&low.astype(dtype)?)
}

/// True with probability `p`, which broadcasts to `shape` (none: its own).
///
/// # Errors
/// [`Error::Dtype`] when `p` is not a float, [`Error::Shape`] when it does not broadcast to `shape`;
/// else as [`bits`].
pub fn bernoulli(p: &Array, shape: Option<&Shape>, key: Option<&Array>) -> Result<Array> {
    p.check()?;
    if !p.dtype().is_float() {
        return Err(Error::dtype(
            "bernoulli",
            format!("a probability is a float, not {}", p.dtype()),
        ));
    }
    let shape = shape.unwrap_or_else(|| p.shape());
    if p.shape().broadcast("bernoulli", shape)? != *shape {
        return Err(Error::shape(
            "bernoulli",
            format!("p of shape {} does not broadcast to {shape}", p.shape()),
        ));
    }
    // The first number above 2³², so that one means always.
    let scale = Array::scalar((2f32.powi(32)).next_up());
    bits(shape, 4, key)?.less(&p.multiply(&scale)?)
}

/// Positions along `axis` of `logits`, drawn with the probabilities of their softmax; `uint32`.
///
/// `shape` (none: that of `logits` without `axis`) is what that shape broadcasts to.
///
/// # Errors
/// [`Error::Index`] when there is no such axis; [`Error::Shape`] when it has no elements, or when the shapes do
/// not broadcast; else as [`bits`].
pub fn categorical(
    logits: &Array,
    axis: isize,
    shape: Option<&Shape>,
    key: Option<&Array>,
) -> Result<Array> {
    logits.check()?;
    let axis = logits.shape().axis("categorical", axis)?;
    let rest = logits.shape().without(axis);
    choose(logits, axis, shape.unwrap_or(&rest), key)
}

/// As [`categorical`], `samples` times from each distribution, along a new last axis.
///
/// # Errors
/// As [`categorical`].
pub fn categorical_samples(
    logits: &Array,
    axis: isize,
    samples: usize,
    key: Option<&Array>,
) -> Result<Array> {
    logits.check()?;
    let axis = logits.shape().axis("categorical", axis)?;
    let rest = logits.shape().without(axis);
    let shape = rest.insert(rest.len(), samples);
    choose(&logits.expand_dims(logits.rank())?, axis, &shape, key)
}

fn choose(logits: &Array, axis: usize, shape: &Shape, key: Option<&Array>) -> Result<Array> {
    let rest = logits.shape().without(axis);
    if rest.broadcast("categorical", shape)? != *shape {
        return Err(Error::shape(
            "categorical",
            format!("distributions of shape {rest} do not broadcast to {shape}"),
        ));
    }
    if logits.dim(axis) == 0 {
        return Err(Error::shape(
            "categorical",
            format!(
                "axis {axis} of {} has nothing to choose from",
                logits.shape()
            ),
        ));
    }
    if rest.elements() == 1 && !shape.is_empty() {
        return choose_by_sums(logits, shape, key);
    }
    // The largest of the logits after noise of Gumbel's distribution.
    let at = shape.len() - rest.len() + axis;
    let noise = gumbel(shape.insert(at, logits.dim(axis)), Dtype::F32, key)?;
    noise.add(logits)?.argmax(at as isize, false)
}

/// From one distribution: where a uniform share of the sum of its weights falls. One number for each
/// choice, not one for each logit.
fn choose_by_sums(logits: &Array, shape: &Shape, key: Option<&Array>) -> Result<Array> {
    let logits = logits.reshape([logits.elements()])?;
    let x = logits.astype(logits.dtype().promote(Dtype::F32))?;
    let largest = x.max(.., true)?;
    let weights = x.subtract(&largest)?.exp()?;
    // Infinite logits share alike.
    let alike = x.equal(&largest)?.astype(x.dtype())?;
    let weights = Array::select(&largest.isinf()?, &alike, &weights)?;
    let before = weights.cumsum(0, false, false)?;
    let share = unit(shape.clone(), Dtype::F32, key)?.multiply(&weights.sum(.., false)?)?;
    let place = before.searchsorted(&share, Side::Right)?;
    place.subtract(&Array::scalar(1u32))
}

/// The integers below `n` in random order, `uint32`.
///
/// # Errors
/// As [`bits`].
pub fn permutation(n: usize, key: Option<&Array>) -> Result<Array> {
    bits([n], 4, key)?.argsort(0)
}

/// The slices of `x` along `axis` in random order.
///
/// # Errors
/// [`Error::Index`] when there is no such axis; else as [`bits`].
pub fn permuted(x: &Array, axis: isize, key: Option<&Array>) -> Result<Array> {
    x.check()?;
    let at = x.shape().axis("permutation", axis)?;
    x.take(&permutation(x.dim(at), key)?, axis)
}
