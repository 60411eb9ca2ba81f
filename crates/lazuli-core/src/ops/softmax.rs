//! Softmax over the last axis, computed in `f32` and rounded once.

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// Softmax over the last axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Softmax;

impl Family for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        if x.rank() == 0 || !x.dtype().is_float() {
            return Err(Error::dtype(
                "softmax",
                format!("needs floats along an axis, not {x:?}"),
            ));
        }
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let x = inputs[0].astype(inputs[0].dtype().accumulator())?;
            let e = x.subtract(&x.max(-1, true)?)?.exp()?;
            let y = e.divide(&e.sum(-1, true)?)?;
            Ok(vec![y.astype(inputs[0].dtype())?])
        })())
    }

    fn vjp(&self, _: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let gy = g[0].multiply(&y[0])?;
        let mean = gy.sum(-1, true)?;
        Ok(vec![Some(gy.subtract(&y[0].multiply(&mean)?)?)])
    }
}

impl Array {
    /// Softmax over the last axis, in `f32`, returned in the array's dtype.
    ///
    /// # Errors
    /// [`Error::Dtype`] for a scalar or an array that is not of floats.
    pub fn softmax(&self) -> Result<Array> {
        Array::from_op(Softmax, &[self])
    }
}
