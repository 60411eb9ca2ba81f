//! The same number everywhere.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::shape::Shape;

impl Array {
    /// Ones; one element shown everywhere.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when the shape has too many elements.
    pub fn ones(shape: impl Into<Shape>, dtype: Dtype) -> Result<Array> {
        Array::full(shape, 1.0, dtype)
    }

    /// Zeros of the shape and dtype of `self`; one element shown everywhere.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn zeros_like(&self) -> Result<Array> {
        self.full_like(Array::scalar_of(0.0, self.dtype()))
    }

    /// Ones of the shape and dtype of `self`; one element shown everywhere.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn ones_like(&self) -> Result<Array> {
        self.full_like(Array::scalar_of(1.0, self.dtype()))
    }

    /// `value`, broadcast to the shape of `self` and converted to its dtype.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when the value does not broadcast.
    pub fn full_like(&self, value: impl Into<Array>) -> Result<Array> {
        self.check()?;
        value
            .into()
            .astype(self.dtype())?
            .broadcast_to(self.shape())
    }
}
