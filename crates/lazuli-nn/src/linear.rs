//! A matrix product with an optional bias.

use lazuli_core::{Array, Result, Rows};

use crate::matrix::Matrix;
use crate::parameter::{Parameter, Parameters, Visitor, join};

/// `x · weightᵀ + bias`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[n, k]`.
    pub weight: Matrix,
    /// `[n]`, in the dtype of the activations.
    pub bias: Option<Array>,
}

impl Linear {
    /// `x [.., k]` to `[.., n]`.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the last axis of `x` is not `k`.
    pub fn forward(&self, x: &Array) -> Result<Array> {
        self.biased(self.weight.product(x)?)
    }

    /// [`Linear::forward`] of the rows `[t, k]` of a call, in the arithmetic of each row's role, or of
    /// generated tokens if there are none.
    ///
    /// # Errors
    /// As [`Linear::forward`].
    pub fn forward_of(&self, x: &Array, rows: Option<&Rows>) -> Result<Array> {
        self.biased(self.weight.product_of(x, rows)?)
    }

    fn biased(&self, y: Array) -> Result<Array> {
        match &self.bias {
            Some(bias) => y.add(bias),
            None => Ok(y),
        }
    }
}

impl Parameters for Linear {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        visitor(path, Parameter::Matrix(&self.weight));
        if let Some(bias) = &self.bias {
            visitor(&join(path, "bias"), Parameter::Array(bias));
        }
    }
}
