//! A matrix, a stack of matrices or a table of rows, as floats or packed.

use lazuli_core::ops::quantized::QuantizedArray;
use lazuli_core::{Array, Dtype, Result, Rows, Shape};

/// Rows of weights along the last axis, in the form in which they are stored.
#[derive(Clone, Debug)]
pub enum Matrix {
    /// Floats.
    Float(Array),
    /// Quantized along the last axis.
    Quantized(QuantizedArray),
}

impl Matrix {
    /// The shape that the floats have, or would have.
    pub fn shape(&self) -> Shape {
        match self {
            Matrix::Float(w) => w.shape().clone(),
            Matrix::Quantized(q) => q.shape(),
        }
    }

    /// Bytes that the stored form takes.
    pub fn bytes(&self) -> usize {
        self.parts().iter().map(|a| a.bytes()).sum()
    }

    /// The arrays of the stored form: the floats, or packed values, scales and, in affine mode, biases.
    pub fn parts(&self) -> Vec<&Array> {
        match self {
            Matrix::Float(w) => vec![w],
            Matrix::Quantized(q) => q.parts(),
        }
    }

    /// The same change made to every array of the stored form. It must leave the last axis alone.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn map(&self, change: impl Fn(&Array) -> Result<Array>) -> Result<Matrix> {
        Ok(match self {
            Matrix::Float(w) => Matrix::Float(change(w)?),
            Matrix::Quantized(q) => Matrix::Quantized(q.map(change)?),
        })
    }

    /// `x [.., k]` times the transpose of the matrix `[n, k]`: `[.., n]` in `x`'s dtype.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the inner dimensions differ.
    pub fn product(&self, x: &Array) -> Result<Array> {
        match self {
            Matrix::Float(w) => x.matmul(&w.matrix_transpose()?),
            Matrix::Quantized(q) => x.quantized_matmul(q),
        }
    }

    /// [`Matrix::product`] of the rows `[t, k]` of a call, in the arithmetic of each row's role, or of
    /// generated tokens if there are none.
    ///
    /// # Errors
    /// As [`Matrix::product`].
    pub fn product_of(&self, x: &Array, rows: Option<&Rows>) -> Result<Array> {
        match self {
            Matrix::Quantized(q) => x.role_matmul(q, rows.map(Rows::generated)),
            Matrix::Float(_) => self.product(x),
        }
    }

    /// [`Matrix::gather_product`] of the rows of a call, in the arithmetic of each row's role.
    ///
    /// # Errors
    /// As [`Matrix::gather_product`].
    pub fn gather_product_of(&self, x: &Array, ids: &Array, rows: &Rows) -> Result<Array> {
        match self {
            Matrix::Quantized(q) => x.gather_role_matmul(ids, q, Some(rows.generated())),
            Matrix::Float(_) => self.gather_product(x, ids),
        }
    }

    /// Each row of `x` times the transpose of the matrices `[e, n, k]` that `ids [t, s]` names.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the operands do not fit.
    pub fn gather_product(&self, x: &Array, ids: &Array) -> Result<Array> {
        match self {
            Matrix::Float(w) => x.gather_matmul(ids, w),
            Matrix::Quantized(q) => x.gather_quantized_matmul(ids, q),
        }
    }

    /// Rows of the table at `ids`, as floats of `dtype`.
    ///
    /// # Errors
    /// When the ids are not integers.
    pub fn rows(&self, ids: &Array, dtype: Dtype) -> Result<Array> {
        match self {
            Matrix::Float(w) => w.take(ids, 0)?.astype(dtype),
            Matrix::Quantized(q) => q.take(ids)?.dequantize(dtype),
        }
    }
}
