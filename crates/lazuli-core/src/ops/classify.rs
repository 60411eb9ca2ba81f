//! Questions about numbers, made of comparisons: what is NaN, infinite, or near another number.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

/// The largest finite number of a real float type.
fn largest(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F16 => half::f16::MAX.to_f64(),
        Dtype::BF16 => half::bf16::MAX.to_f64(),
        Dtype::F32 => f32::MAX.into(),
        _ => f64::MAX,
    }
}

impl Array {
    fn falsehood(&self) -> Result<Array> {
        self.check()?;
        Array::full(self.shape(), 0.0, Dtype::Bool)
    }

    fn is_number(&self, number: f64) -> Result<Array> {
        if !self.dtype().is_inexact() {
            return self.falsehood();
        }
        self.equal(&Array::scalar_of(number, self.dtype()))
    }

    /// True where the element, or a part of it, is NaN.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn isnan(&self) -> Result<Array> {
        if self.dtype().is_inexact() {
            self.not_equal(self)
        } else {
            self.falsehood()
        }
    }

    /// True where the element, or a part of it, is infinite.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn isinf(&self) -> Result<Array> {
        if self.dtype() == Dtype::C64 {
            return self.real()?.isinf()?.logical_or(&self.imag()?.isinf()?);
        }
        self.abs()?.is_number(f64::INFINITY)
    }

    /// True where the element is neither infinite nor NaN.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn isfinite(&self) -> Result<Array> {
        if !self.dtype().is_inexact() {
            return self.falsehood()?.logical_not();
        }
        self.isinf()?.logical_or(&self.isnan()?)?.logical_not()
    }

    /// True where the element is plus infinity; a complex one with an imaginary part of zero.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn isposinf(&self) -> Result<Array> {
        self.is_number(f64::INFINITY)
    }

    /// True where the element is minus infinity; a complex one with an imaginary part of zero.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn isneginf(&self) -> Result<Array> {
        self.is_number(f64::NEG_INFINITY)
    }

    /// NaN replaced by `nan`, the infinities by numbers of their own: the dtype's largest and least
    /// finite ones where none are given. Integers stay.
    ///
    /// # Errors
    /// [`Error::Dtype`] for complex numbers.
    pub fn nan_to_num(&self, nan: f64, posinf: Option<f64>, neginf: Option<f64>) -> Result<Array> {
        let dtype = self.dtype();
        if dtype == Dtype::C64 {
            return Err(Error::dtype("nan_to_num", "does not take complex64"));
        }
        if !dtype.is_float() {
            return self.positive();
        }
        let number = |value: f64| Array::scalar_of(value, dtype);
        let posinf = number(posinf.unwrap_or(largest(dtype)));
        let neginf = number(neginf.unwrap_or(-largest(dtype)));
        let out = Array::select(&self.isnan()?, &number(nan), self)?;
        let out = Array::select(&self.isposinf()?, &posinf, &out)?;
        Array::select(&self.isneginf()?, &neginf, &out)
    }

    /// True where one of the two is not zero.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not broadcast.
    pub fn logical_xor(&self, other: &Array) -> Result<Array> {
        (self.astype(Dtype::Bool)?).not_equal(&other.astype(Dtype::Bool)?)
    }

    /// True where `|a - b| <= atol + rtol * |b|`. Infinities are near their like only, NaN near
    /// nothing, unless `equal_nan` says that it is near NaN.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not broadcast.
    pub fn isclose(&self, other: &Array, rtol: f64, atol: f64, equal_nan: bool) -> Result<Array> {
        let dtype = self.dtype().promote(other.dtype()).at_least_float();
        let wide = dtype.accumulator();
        let (a, b) = (self.astype(wide)?, other.astype(wide)?);
        let size = b.abs()?;
        let number = |value: f64| Array::scalar_of(value, size.dtype());
        let bound = size.multiply(&number(rtol))?.add(&number(atol))?;
        let near = a.subtract(&b)?.abs()?.less_equal(&bound)?;
        let infinite = a.isinf()?.logical_or(&b.isinf()?)?;
        let mut close = Array::select(&infinite, &a.equal(&b)?, &near)?;
        if equal_nan {
            close = close.logical_or(&a.isnan()?.logical_and(&b.isnan()?)?)?;
        }
        Ok(close)
    }

    /// Whether [`Array::isclose`] holds everywhere, a scalar.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes do not broadcast.
    pub fn allclose(&self, other: &Array, rtol: f64, atol: f64, equal_nan: bool) -> Result<Array> {
        self.isclose(other, rtol, atol, equal_nan)?.all(.., false)
    }

    /// Whether both have one shape and equal elements, a scalar; NaN equals NaN if `equal_nan`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn array_equal(&self, other: &Array, equal_nan: bool) -> Result<Array> {
        self.check()?;
        other.check()?;
        if self.shape() != other.shape() {
            return Ok(Array::scalar_of(0.0, Dtype::Bool));
        }
        let mut equal = self.equal(other)?;
        if equal_nan {
            equal = equal.logical_or(&self.isnan()?.logical_and(&other.isnan()?)?)?;
        }
        equal.all(.., false)
    }
}
