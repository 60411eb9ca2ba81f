//! Simple functions made of others: rounding to decimals, limits, angles, and the cut in a gradient.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

impl Array {
    fn scaled(&self, factor: f64) -> Result<Array> {
        let x = self.astype(self.dtype().at_least_float())?;
        x.multiply(&Array::scalar_of(factor, x.dtype()))
    }

    /// The array itself: unary plus.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn positive(&self) -> Result<Array> {
        self.check().map(|()| self.clone())
    }

    /// `1 / x`; integers become `float32`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn reciprocal(&self) -> Result<Array> {
        Array::scalar_of(1.0, self.dtype().at_least_float()).divide(self)
    }

    /// Radians as degrees; integers become `float32`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn degrees(&self) -> Result<Array> {
        self.scaled(180.0 / std::f64::consts::PI)
    }

    /// Degrees as radians; integers become `float32`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn radians(&self) -> Result<Array> {
        self.scaled(std::f64::consts::PI / 180.0)
    }

    /// The integer part; integers and truth values stay.
    ///
    /// # Errors
    /// [`Error::Dtype`] for complex numbers.
    pub fn trunc(&self) -> Result<Array> {
        if !self.dtype().is_inexact() {
            return self.positive();
        }
        let negative = self.less(&Array::scalar_of(0.0, self.dtype()))?;
        Array::select(&negative, &self.ceil()?, &self.floor()?)
    }

    /// Rounded to `decimals` digits after the point, or before it where negative; ties to even.
    ///
    /// Integers keep their dtype, and their value unless `decimals` is negative.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn round_to(&self, decimals: i32) -> Result<Array> {
        let dtype = self.dtype();
        if decimals == 0 || decimals > 0 && !dtype.is_inexact() || dtype == Dtype::Bool {
            return self.round();
        }
        let wide = match dtype {
            Dtype::F64 | Dtype::C64 => dtype,
            _ if dtype.is_float() => Dtype::F32,
            _ => Dtype::F64,
        };
        // A power of ten and not its inverse: the last step then rounds once.
        let power = Array::scalar_of(10f64.powi(decimals.saturating_abs()), wide);
        let x = self.astype(wide)?;
        let rounded = if decimals > 0 {
            x.multiply(&power)?.round()?.divide(&power)?
        } else {
            x.divide(&power)?.round()?.multiply(&power)?
        };
        rounded.astype(dtype)
    }

    /// Quotients rounded down, and what they leave.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not broadcast, [`Error::Dtype`] for complex numbers.
    pub fn divmod(&self, other: &Array) -> Result<(Array, Array)> {
        if self.dtype().promote(other.dtype()) == Dtype::C64 {
            return Err(Error::dtype("divmod", "does not take complex64"));
        }
        Ok((self.floor_divide(other)?, self.remainder(other)?))
    }

    /// Elements below `low` become `low`, then those above `high` become `high`; NaN stays.
    ///
    /// # Errors
    /// [`Error::Value`] without either limit, [`Error::Shape`] when the shapes do not broadcast.
    pub fn clip(&self, low: Option<&Array>, high: Option<&Array>) -> Result<Array> {
        if low.is_none() && high.is_none() {
            return Err(Error::value("clip", "needs a lower or an upper limit"));
        }
        let mut out = self.positive()?;
        if let Some(low) = low {
            out = out.maximum(low)?;
        }
        if let Some(high) = high {
            out = out.minimum(high)?;
        }
        Ok(out)
    }
}
