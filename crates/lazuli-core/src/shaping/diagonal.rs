//! Diagonals read and written.

use crate::array::Array;
use crate::error::{Error, Result};

impl Array {
    /// The elements whose index along `second` is `offset` more than along `first`, as the last axis.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when one is named twice.
    pub fn diagonal(&self, offset: isize, first: isize, second: isize) -> Result<Array> {
        self.check()?;
        let a = self.shape().axis("diagonal", first)?;
        let b = self.shape().axis("diagonal", second)?;
        if a == b {
            return Err(Error::shape("diagonal", format!("axis {a} is named twice")));
        }
        let down = offset.min(0).unsigned_abs();
        let right = offset.max(0) as usize;
        let len = (self.dim(a).saturating_sub(down)).min(self.dim(b).saturating_sub(right));
        if len == 0 {
            let rest = (0..self.rank()).filter(|&axis| axis != a && axis != b);
            let shape = rest.map(|axis| self.dim(axis)).chain([0]);
            return Array::full(shape.collect::<crate::Shape>(), 0.0, self.dtype());
        }
        let from = |start: usize| Array::counting(len)?.add(&Array::scalar(start as i64));
        self.pick(&[a, b], &[from(down)?, from(right)?], self.rank() - 2)
    }

    /// Of a vector: the matrix with it on the diagonal `offset` and zeros elsewhere. Of a matrix: its
    /// diagonal `offset`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are neither one nor two axes.
    pub fn diag(&self, offset: isize) -> Result<Array> {
        self.check()?;
        match self.rank() {
            1 => {}
            2 => return self.diagonal(offset, 0, 1),
            _ => {
                let what = format!("needs a vector or a matrix, the shape is {}", self.shape());
                return Err(Error::shape("diag", what));
            }
        }
        let size = self.dim(0).saturating_add(offset.unsigned_abs());
        // Below the main diagonal a column holds one element, on and above it a row does.
        let spread = match self.with_zeros(size)? {
            long if offset < 0 => long.reshape([1, size])?,
            long => long.reshape([size, 1])?,
        };
        let on = Array::eye(size, size, offset, crate::Dtype::Bool)?;
        Array::select(&on, &spread, &Array::scalar_of(0.0, self.dtype()))
    }

    /// A vector with zeros after it.
    fn with_zeros(&self, len: usize) -> Result<Array> {
        let zeros = Array::full([len - self.dim(0)], 0.0, self.dtype())?;
        Array::concatenate(&[self.clone(), zeros], 0)
    }
}
