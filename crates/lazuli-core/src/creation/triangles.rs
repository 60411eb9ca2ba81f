//! Matrices of zeros and ones, and the triangles of a matrix.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

/// Rows and columns of an `n` by `m` matrix, the rows moved on by `offset`.
fn lines(n: usize, m: usize, offset: isize) -> Result<[Array; 2]> {
    let rows = Array::counting(n)?.add(&Array::scalar(offset as i64))?;
    Ok([rows.reshape([n, 1])?, Array::counting(m)?.reshape([1, m])?])
}

impl Array {
    /// `[n, m]` with ones on the diagonal `offset` and zeros elsewhere.
    ///
    /// # Errors
    /// [`Error::Shape`] when it is too large.
    pub fn eye(n: usize, m: usize, offset: isize, dtype: Dtype) -> Result<Array> {
        let [rows, columns] = lines(n, m, offset)?;
        rows.equal(&columns)?.astype(dtype)
    }

    /// The identity matrix `[n, n]`.
    ///
    /// # Errors
    /// As [`Array::eye`].
    pub fn identity(n: usize, dtype: Dtype) -> Result<Array> {
        Array::eye(n, n, 0, dtype)
    }

    /// `[n, m]` with ones on and below the diagonal `offset` and zeros above.
    ///
    /// # Errors
    /// As [`Array::eye`].
    pub fn tri(n: usize, m: usize, offset: isize, dtype: Dtype) -> Result<Array> {
        let [rows, columns] = lines(n, m, offset)?;
        rows.greater_equal(&columns)?.astype(dtype)
    }

    /// The matrices of the last two axes with zeros above the diagonal `offset`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are fewer than two axes.
    pub fn tril(&self, offset: isize) -> Result<Array> {
        let below = self.below("tril", offset)?;
        Array::select(&below, self, &Array::scalar_of(0.0, self.dtype()))
    }

    /// The matrices of the last two axes with zeros below the diagonal `offset`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are fewer than two axes.
    pub fn triu(&self, offset: isize) -> Result<Array> {
        let below = self.below("triu", offset.saturating_sub(1))?;
        Array::select(&below, &Array::scalar_of(0.0, self.dtype()), self)
    }

    fn below(&self, op: &'static str, offset: isize) -> Result<Array> {
        self.check()?;
        let rank = self.rank();
        if rank < 2 {
            let what = format!("needs two axes, the shape is {}", self.shape());
            return Err(Error::shape(op, what));
        }
        Array::tri(self.dim(rank - 2), self.dim(rank - 1), offset, Dtype::Bool)
    }
}
