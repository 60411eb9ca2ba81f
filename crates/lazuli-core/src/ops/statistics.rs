//! Mean, variance, median and what else is composed of reductions. Half types are computed in `f32`
//! and rounded once: a mean of many does not overflow where its sum would.

use super::merge::Merged;
use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

impl Array {
    /// As floats of the accumulator's precision, and the dtype to come back to.
    fn in_accumulator(&self) -> Result<(Array, Dtype)> {
        let dtype = self.dtype().at_least_float();
        Ok((self.astype(dtype.accumulator())?, dtype))
    }

    /// How many elements `axes` have.
    fn count(&self, op: &'static str, axes: &Axes) -> Result<usize> {
        let axes = axes.resolve(op, self.rank())?;
        Ok(axes.iter().map(|&a| self.dim(a)).product())
    }

    /// Mean over `axes`; integers become `float32`, NaN where there are no elements.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn mean(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        let axes = axes.into();
        let count = self.count("mean", &axes)? as f64;
        let (x, dtype) = self.in_accumulator()?;
        let sum = x.sum(axes, keep)?;
        let mean = sum.divide(&Array::scalar_of(count, x.dtype()))?;
        mean.astype(dtype)
    }

    /// Mean square distance from the mean over `axes`, divided by `ddof` less than the number of
    /// elements; of complex numbers a real number.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn var(&self, axes: impl Into<Axes>, keep: bool, ddof: isize) -> Result<Array> {
        let (axes, dtype) = (axes.into(), self.dtype());
        let freedom = self.count("var", &axes)? as f64 - ddof as f64;
        let x = self.in_accumulator()?.0;
        let distance = x.subtract(&x.mean(axes.clone(), true)?)?;
        let square = match dtype {
            Dtype::C64 => {
                let parts = [distance.real()?.square()?, distance.imag()?.square()?];
                parts[0].add(&parts[1])?
            }
            _ => distance.square()?,
        };
        let sum = square.sum(axes, keep)?;
        let var = sum.divide(&Array::scalar_of(freedom.max(0.0), sum.dtype()))?;
        match dtype {
            Dtype::C64 => Ok(var),
            _ => var.astype(dtype.at_least_float()),
        }
    }

    /// Square root of [`Array::var`].
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn std(&self, axes: impl Into<Axes>, keep: bool, ddof: isize) -> Result<Array> {
        self.var(axes, keep, ddof)?.sqrt()
    }

    /// The middle element over `axes`, or the mean of the two middle ones; NaN if there is a NaN.
    /// Integers become `float32`.
    ///
    /// # Errors
    /// As [`Array::sum`], and when there are no elements.
    pub fn median(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        let x = self.astype(self.dtype().at_least_float())?;
        let (x, merged) = Merged::of("median", &x, &axes.into())?;
        let last = x.rank() - 1;
        let len = x.dim(last);
        if len == 0 {
            let what = format!("{} has no elements to choose from", self.shape());
            return Err(Error::shape("median", what));
        }
        let half = len / 2;
        // NaN is the largest: one anywhere shows from the middle on.
        let split = x.partition(half as isize, -1)?;
        let upper = split.narrow(-1, half, half + 1)?;
        let middle = if len % 2 == 1 {
            upper
        } else {
            let lower = split.narrow(-1, 0, half)?.max(-1, true)?;
            let scale = Array::scalar_of(0.5, x.dtype());
            lower.multiply(&scale)?.add(&upper.multiply(&scale)?)?
        };
        let any = x.isnan()?.any(-1, true)?;
        let nan = Array::scalar_of(f64::NAN, x.dtype());
        merged.reduced(&Array::select(&any, &nan, &middle)?, keep)
    }

    /// How many elements over `axes` are not zero; `int32`.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn count_nonzero(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.astype(Dtype::Bool)?.sum(axes, keep)
    }

    /// Sum of the elements of the matrices over `axis1` and `axis2` whose second index is `offset`
    /// more than their first. `dtype`: what they are summed as and returned in, else as in
    /// [`Array::sum`].
    ///
    /// # Errors
    /// As [`Array::diagonal`].
    pub fn trace(
        &self,
        offset: isize,
        axis1: isize,
        axis2: isize,
        dtype: Option<Dtype>,
    ) -> Result<Array> {
        let diagonal = self.diagonal(offset, axis1, axis2)?;
        match dtype {
            Some(dtype) => diagonal.astype(dtype)?.sum(-1, false)?.astype(dtype),
            None => diagonal.sum(-1, false),
        }
    }

    /// Differences of neighbours along `axis`, taken `n` times; of truth values whether they differ.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn diff(&self, n: usize, axis: isize) -> Result<Array> {
        self.check()?;
        let axis = self.shape().axis("diff", axis)?;
        let mut x = self.clone();
        for _ in 0..n.min(self.dim(axis)) {
            let len = x.dim(axis);
            let later = x.narrow(axis as isize, 1, len)?;
            let earlier = x.narrow(axis as isize, 0, len - 1)?;
            x = match self.dtype() {
                Dtype::Bool => later.not_equal(&earlier)?,
                _ => later.subtract(&earlier)?,
            };
        }
        Ok(x)
    }
}
