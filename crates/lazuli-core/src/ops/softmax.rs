//! Softmax and the logarithm of its denominator over the last axis, computed in `f32` and rounded
//! once. Other axes are moved to the end: two more passes than a kernel for them, and one kernel less.

use smallvec::smallvec;

use super::merge::Merged;
use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// Softmax over the last axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Softmax;

/// Logarithm of the sum of exponentials over the last axis, which stays with length 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct LogSumExp;

fn check(op: &'static str, x: &Array) -> Result<()> {
    if x.rank() == 0 || !x.dtype().is_inexact() {
        let what = format!("needs floats along an axis, not {x:?}");
        return Err(Error::dtype(op, what));
    }
    Ok(())
}

impl Family for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        check(self.name(), x)?;
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let x = inputs[0].astype(inputs[0].dtype().accumulator())?;
            let e = x.subtract(&x.max(-1, true)?.stop_gradient()?)?.exp()?;
            let y = e.divide(&e.sum(-1, true)?)?;
            Ok(vec![y.astype(inputs[0].dtype())?])
        })())
    }

    fn vjp(&self, _: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let y = y[0].conjugate()?;
        let gy = g[0].multiply(&y)?;
        let mean = gy.sum(-1, true)?;
        Ok(vec![Some(gy.subtract(&y.multiply(&mean)?)?)])
    }
}

impl Family for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        check(self.name(), x)?;
        let last = x.rank() - 1;
        if x.dim(last) == 0 {
            let what = format!("the axes of {} have no elements", x.shape());
            return Err(Error::shape(self.name(), what));
        }
        Ok(smallvec![(x.shape().with(last, 1), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let x = inputs[0].astype(inputs[0].dtype().accumulator())?;
            let zero = Array::scalar_of(0.0, x.dtype());
            let largest = x.max(-1, true)?.stop_gradient()?;
            // An infinity is not subtracted: it is the result by itself.
            let largest = Array::select(&largest.isfinite()?, &largest, &zero)?;
            let sum = x.subtract(&largest)?.exp()?.sum(-1, true)?;
            Ok(vec![sum.log()?.add(&largest)?.astype(inputs[0].dtype())?])
        })())
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let share = Array::from_op(Softmax, &[&x[0]])?;
        Ok(vec![Some(share.conjugate()?.multiply(&g[0])?)])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let Some(t) = &tangents[0] else {
            return Ok(vec![None]);
        };
        let share = Array::from_op(Softmax, &[&x[0]])?;
        Ok(vec![Some(share.multiply(t)?.sum(-1, true)?)])
    }
}

impl Array {
    /// Softmax over `axes`, in `f32` at least, returned in the array's dtype; integers become
    /// `float32`.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn softmax(&self, axes: impl Into<Axes>) -> Result<Array> {
        let x = self.astype(self.dtype().at_least_float())?;
        let (x, merged) = Merged::of("softmax", &x, &axes.into())?;
        if x.elements() == 0 {
            return merged.split(&x);
        }
        merged.split(&Array::from_op(Softmax, &[&x])?)
    }

    /// Logarithm of the sum of exponentials over `axes`, in `f32` at least, returned in the array's
    /// dtype; integers become `float32`.
    ///
    /// # Errors
    /// As [`Array::softmax`], and when there are no elements.
    pub fn logsumexp(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        let x = self.astype(self.dtype().at_least_float())?;
        let (x, merged) = Merged::of("logsumexp", &x, &axes.into())?;
        merged.reduced(&Array::from_op(LogSumExp, &[&x])?, keep)
    }

    /// Cross entropy of logits over the last axis with classes as targets: `logsumexp(logits) -
    /// logits[target]`, in `f32`.
    ///
    /// `self`: `[.., classes]`, any real float; `targets`: `[..]`, integers below `classes`.
    ///
    /// # Errors
    /// [`Error::Dtype`] when the logits are no real floats or the targets no integers, [`Error::Shape`]
    /// when the shapes do not fit.
    pub fn cross_entropy(&self, targets: &Array) -> Result<Array> {
        const NAME: &str = "cross_entropy";
        self.check()?;
        targets.check()?;
        if !self.dtype().is_float() || !targets.dtype().is_integer() {
            let what =
                format!("takes float logits and integer targets, not {self:?} and {targets:?}");
            return Err(Error::dtype(NAME, what));
        }
        let Some(last) = self.rank().checked_sub(1) else {
            return Err(Error::shape(NAME, "a scalar has no axis of classes"));
        };
        if *targets.shape() != self.shape().without(last) {
            let what = format!("targets {targets:?} do not fit logits {self:?}");
            return Err(Error::shape(NAME, what));
        }
        let logits = self.astype(Dtype::F32)?;
        let chosen = logits.take_along_axis(&targets.expand_dims(last)?, -1)?;
        let loss = logits.logsumexp([-1], true)?.subtract(&chosen)?;
        loss.reshape(targets.shape())
    }
}
