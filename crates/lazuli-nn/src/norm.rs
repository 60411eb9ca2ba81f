//! Root-mean-square norm with a learned weight.

use lazuli_core::{Array, Result};

use crate::parameter::{Parameter, Parameters, Visitor, join};

/// `x * rsqrt(mean(x²) + eps) * weight` over the last axis. Zhang and Sennrich, 2019 (arXiv 1910.07467).
#[derive(Clone, Debug)]
pub struct RmsNorm {
    /// `[d]`, as it multiplies: a centred norm's 1 is already in it.
    pub weight: Array,
    /// Added to the mean of squares.
    pub eps: f32,
}

impl RmsNorm {
    /// The norm of `x [.., d]`, in `x`'s dtype.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the last axis of `x` is not `d`.
    pub fn forward(&self, x: &Array) -> Result<Array> {
        x.rms_norm(&self.weight, self.eps)
    }

    /// The norm of `x` times `silu(gate)`.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Shape`] when the last axis of `x` is not `d` or `gate` is not like `x`.
    pub fn forward_gated(&self, x: &Array, gate: &Array) -> Result<Array> {
        x.gated_rms_norm(&self.weight, gate, self.eps)
    }
}

impl Parameters for RmsNorm {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        visitor(&join(path, "weight"), Parameter::Array(&self.weight));
    }
}
