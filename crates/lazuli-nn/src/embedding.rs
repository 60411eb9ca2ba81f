//! A table of rows, which may also serve as the head of a model.

use lazuli_core::{Array, Dtype, Result};

use crate::matrix::Matrix;
use crate::parameter::{Parameter, Parameters, Visitor};

/// One row per token.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// `[vocab, d]`.
    pub weight: Matrix,
    /// Dtype of the rows that come out.
    pub dtype: Dtype,
}

impl Embedding {
    /// Token ids `[..]` to rows `[.., d]`.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Dtype`] when the ids are not integers; one outside the table is an error
    /// when it is evaluated.
    pub fn forward(&self, ids: &Array) -> Result<Array> {
        self.weight.rows(ids, self.dtype)
    }

    /// `x [t, d]` times the transposed table: the logits of a model whose head is its embedding, in the
    /// arithmetic of generated tokens.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the last axis of `x` is not `d`.
    pub fn as_linear(&self, x: &Array) -> Result<Array> {
        self.weight.product_of(x, None)
    }
}

impl Parameters for Embedding {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        visitor(path, Parameter::Matrix(&self.weight));
    }
}
