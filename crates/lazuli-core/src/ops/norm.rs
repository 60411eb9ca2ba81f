//! Root-mean-square and layer norms over the last axis.
//!
//! Computed in `f32`; the reduction tree is a function of the axis length only. Zhang and Sennrich, 2019
//! (arXiv 1910.07467); Ba, Kiros and Hinton, 2016 (arXiv 1607.06450).

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{F32, Family, Outs};

/// `x * rsqrt(mean(x²) + eps) * weight`, and `* silu(gate)` when gated.
///
/// Operands: `x`, and what the flags say, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct RmsNorm {
    /// Added to the mean of squares.
    pub eps: F32,
    /// Whether an operand multiplies.
    pub weighted: bool,
    /// Whether an operand gates the result.
    pub gated: bool,
}

/// `(x - mean(x)) * rsqrt(var(x) + eps) * weight + bias`.
///
/// Operands: `x`, and what the flags say, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct LayerNorm {
    /// Added to the variance.
    pub eps: F32,
    /// Whether an operand multiplies.
    pub weighted: bool,
    /// Whether an operand is added.
    pub biased: bool,
}

/// Checks `x` and operands that have one element for each of its last axis.
fn check(op: &'static str, x: &Array, vectors: &[Array]) -> Result<()> {
    if x.rank() == 0 || !x.dtype().is_float() {
        let what = format!("needs floats along an axis, not {x:?}");
        return Err(Error::dtype(op, what));
    }
    let d = x.dim(x.rank() - 1);
    match vectors
        .iter()
        .find(|v| **v.shape() != [d] || !v.dtype().is_float())
    {
        Some(v) => Err(Error::shape(
            op,
            format!("weight and bias must be [{d}] floats, not {v:?}"),
        )),
        None => Ok(()),
    }
}

/// `x / sqrt(mean(x²) + eps)`, in the wide dtype of `x`.
fn unit(x: &Array, eps: F32) -> Result<Array> {
    let eps = Array::scalar_of(eps.get() as f64, x.dtype());
    x.multiply(&x.square()?.mean(-1, true)?.add(&eps)?.rsqrt()?)
}

impl Family for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        check("rms_norm", x, &inputs[1..1 + self.weighted as usize])?;
        if let Some(gate) = inputs.get(1 + self.weighted as usize)
            && (gate.shape() != x.shape() || gate.dtype() != x.dtype())
        {
            return Err(Error::shape(
                "rms_norm",
                format!("the gate must be like {x:?}, not {gate:?}"),
            ));
        }
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let wide = inputs[0].dtype().accumulator();
            let mut y = unit(&inputs[0].astype(wide)?, self.eps)?;
            if self.weighted {
                y = y.multiply(&inputs[1].astype(wide)?)?;
            }
            if self.gated {
                let gate = inputs[1 + self.weighted as usize].astype(wide)?;
                y = y.multiply(&gate.multiply(&gate.sigmoid()?)?)?;
            }
            Ok(vec![y.astype(inputs[0].dtype())?])
        })())
    }
}

impl Family for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        check("layer_norm", &inputs[0], &inputs[1..])?;
        Ok(smallvec![(inputs[0].shape().clone(), inputs[0].dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let wide = inputs[0].dtype().accumulator();
            let x = inputs[0].astype(wide)?;
            let mut y = unit(&x.subtract(&x.mean(-1, true)?)?, self.eps)?;
            if self.weighted {
                y = y.multiply(&inputs[1].astype(wide)?)?;
            }
            if self.biased {
                y = y.add(&inputs[1 + self.weighted as usize].astype(wide)?)?;
            }
            Ok(vec![y.astype(inputs[0].dtype())?])
        })())
    }
}

impl Array {
    /// Root-mean-square norm over the last axis: `x * rsqrt(mean(x²) + eps) * weight`.
    ///
    /// `x`: `[.., d]`, `weight`: `[d]` or none, floats. Computed in `f32`, returned in `x`'s dtype.
    ///
    /// # Errors
    /// [`Error::Shape`] when `weight` is not `[d]` floats, [`Error::Dtype`] when `x` is not of floats.
    pub fn rms_norm<'a>(&self, weight: impl Into<Option<&'a Array>>, eps: f32) -> Result<Array> {
        let weight = weight.into();
        let op = RmsNorm {
            eps: eps.into(),
            weighted: weight.is_some(),
            gated: false,
        };
        let operands: Vec<&Array> = [self].into_iter().chain(weight).collect();
        Array::from_op(op, &operands)
    }

    /// [`Array::rms_norm`] times `silu(gate)`, rounded once.
    ///
    /// # Errors
    /// [`Error::Shape`] when `gate` is not of the shape and dtype of `self`; else as
    /// [`Array::rms_norm`].
    pub fn gated_rms_norm(&self, weight: &Array, gate: &Array, eps: f32) -> Result<Array> {
        let op = RmsNorm {
            eps: eps.into(),
            weighted: true,
            gated: true,
        };
        Array::from_op(op, &[self, weight, gate])
    }

    /// Layer norm over the last axis: `(x - mean(x)) * rsqrt(var(x) + eps) * weight + bias`.
    ///
    /// `x`: `[.., d]`, `weight` and `bias`: `[d]` or none, floats. Computed in `f32`, returned in `x`'s
    /// dtype.
    ///
    /// # Errors
    /// [`Error::Shape`] when `weight` or `bias` is not `[d]` floats, [`Error::Dtype`] when `x` is not of
    /// floats.
    pub fn layer_norm<'a>(
        &self,
        weight: impl Into<Option<&'a Array>>,
        bias: impl Into<Option<&'a Array>>,
        eps: f32,
    ) -> Result<Array> {
        let (weight, bias) = (weight.into(), bias.into());
        let op = LayerNorm {
            eps: eps.into(),
            weighted: weight.is_some(),
            biased: bias.is_some(),
        };
        let operands: Vec<&Array> = [self].into_iter().chain(weight).chain(bias).collect();
        Array::from_op(op, &operands)
    }
}
