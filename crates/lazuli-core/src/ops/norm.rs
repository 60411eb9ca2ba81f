//! Root-mean-square norms over the last axis.
//!
//! Zhang and Sennrich, 2019 (arXiv 1910.07467). Computed in `f32`; the reduction tree is a function of
//! the axis length only.

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{F32, Family, Outs};

/// `x * rsqrt(mean(x²) + eps) * weight`, and `* silu(gate)` when gated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RmsNorm {
    /// Added to the mean of squares.
    pub eps: F32,
    /// Whether a third operand gates the result.
    pub gated: bool,
}

impl Family for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, weight) = (&inputs[0], &inputs[1]);
        let d = x.dim(x.rank().wrapping_sub(1));
        if x.rank() == 0 || !x.dtype().is_float() {
            return Err(Error::dtype(
                "rms_norm",
                format!("needs floats along an axis, not {x:?}"),
            ));
        }
        if **weight.shape() != [d] || !weight.dtype().is_float() {
            return Err(Error::shape(
                "rms_norm",
                format!("weight must be [{d}] floats, not {weight:?}"),
            ));
        }
        if self.gated && (inputs[2].shape() != x.shape() || inputs[2].dtype() != x.dtype()) {
            return Err(Error::shape(
                "rms_norm",
                format!("the gate must be like {x:?}, not {:?}", inputs[2]),
            ));
        }
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let wide = inputs[0].dtype().accumulator();
            let x = inputs[0].astype(wide)?;
            let eps = Array::scalar_of(self.eps.get() as f64, wide);
            let scale = x.square()?.mean(-1, true)?.add(&eps)?.rsqrt()?;
            let mut y = x.multiply(&scale)?.multiply(&inputs[1].astype(wide)?)?;
            if self.gated {
                let gate = inputs[2].astype(wide)?;
                y = y.multiply(&gate.multiply(&gate.sigmoid()?)?)?;
            }
            Ok(vec![y.astype(inputs[0].dtype())?])
        })())
    }
}

impl Array {
    /// Root-mean-square norm over the last axis: `x * rsqrt(mean(x²) + eps) * weight`.
    ///
    /// `x`: `[.., d]`, `weight`: `[d]`, floats. Computed in `f32`, returned in `x`'s dtype.
    ///
    /// # Errors
    /// [`Error::Shape`] when `weight` is not `[d]`.
    pub fn rms_norm(&self, weight: &Array, eps: f32) -> Result<Array> {
        let op = RmsNorm {
            eps: eps.into(),
            gated: false,
        };
        Array::from_op(op, &[self, weight])
    }

    /// [`Array::rms_norm`] times `silu(gate)`, rounded once.
    ///
    /// # Errors
    /// [`Error::Shape`] when `weight` is not `[d]` or `gate` is not like `self`.
    pub fn gated_rms_norm(&self, weight: &Array, gate: &Array, eps: f32) -> Result<Array> {
        let op = RmsNorm {
            eps: eps.into(),
            gated: true,
        };
        Array::from_op(op, &[self, weight, gate])
    }
}
