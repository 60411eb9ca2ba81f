//! Where a model's parameters come from.
//!
//! A family asks a [`Source`] for each parameter by its canonical path (`model.layers.0.…`, `lm_head`,
//! the names of MLX's checkpoints) and gets it in the form that the forward uses; what a checkpoint
//! calls it and how it is laid out there is the source's business. So a family is written once, and
//! loads from published checkpoints, from converted ones, and from nothing at all ([`Random`]).
//!
//! A source never stops at the first problem: it notes it, hands out a stand-in, and reports all of
//! them at the end.

mod checkpoint;
mod interleave;
pub(crate) mod names;
mod problems;
mod random;

use lazuli_core::{Array, Dtype, Result};
use lazuli_nn::{Embedding, Linear, Matrix, RmsNorm, SwitchLinear};

use crate::config::GatedDelta;

pub use checkpoint::Weights;
pub use problems::{Mismatch, Problem, What};
pub use random::Random;

/// The matrices of all experts of a layer.
#[derive(Clone, Debug)]
pub struct Experts {
    /// `[experts, intermediate, hidden]`.
    pub gate: SwitchLinear,
    /// `[experts, intermediate, hidden]`.
    pub up: SwitchLinear,
    /// `[experts, hidden, intermediate]`.
    pub down: SwitchLinear,
}

/// The input projections of a gated delta net, heads in order within each.
#[derive(Clone, Debug)]
pub struct DeltaInputs {
    /// Queries, keys and values, one block after the other.
    pub qkv: Linear,
    /// The output's gate.
    pub z: Linear,
    /// Strength of each write.
    pub b: Linear,
    /// Decay.
    pub a: Linear,
}

/// Parameters by canonical path.
pub trait Source {
    /// Dtype of activations, and of the floats that multiply them.
    fn dtype(&self) -> Dtype;

    /// The matrix `[n, k]` (or table) of the module at `path`.
    ///
    /// # Errors
    /// Only those of building arrays; what does not fit is noted.
    fn matrix(&mut self, path: &str, shape: [usize; 2]) -> Result<Matrix>;

    /// A vector in `dtype`.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn vector(&mut self, name: &str, len: usize, dtype: Dtype) -> Result<Array>;

    /// The weight of a norm as it multiplies, in `f32`. A `centred` one may be stored minus one.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn norm_weight(&mut self, path: &str, len: usize, centred: bool) -> Result<Array>;

    /// The weight `[channels, taps]` of a depthwise convolution.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn conv(&mut self, path: &str, channels: usize, taps: usize) -> Result<Array>;

    /// The experts of the MLP at `path`.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn experts(
        &mut self,
        path: &str,
        experts: usize,
        hidden: usize,
        inner: usize,
    ) -> Result<Experts>;

    /// The input projections of the gated delta net at `path`.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn delta_inputs(
        &mut self,
        path: &str,
        shape: &GatedDelta,
        hidden: usize,
    ) -> Result<DeltaInputs>;

    /// A linear layer `k -> n`.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn linear(&mut self, path: &str, n: usize, k: usize, bias: bool) -> Result<Linear> {
        let dtype = self.dtype();
        Ok(Linear {
            weight: self.matrix(path, [n, k])?,
            bias: match bias {
                true => Some(self.vector(&format!("{path}.bias"), n, dtype)?),
                false => None,
            },
        })
    }

    /// A table of `rows` rows.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn embedding(&mut self, path: &str, rows: usize, dim: usize) -> Result<Embedding> {
        Ok(Embedding {
            weight: self.matrix(path, [rows, dim])?,
            dtype: self.dtype(),
        })
    }

    /// A norm over `len` channels.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    fn norm(&mut self, path: &str, len: usize, eps: f64, centred: bool) -> Result<RmsNorm> {
        Ok(RmsNorm {
            weight: self.norm_weight(path, len, centred)?,
            eps: eps as f32,
        })
    }
}
