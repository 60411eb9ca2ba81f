//! `silu(gate) * up`, computed in `f32` and rounded once. Shazeer, 2020 (arXiv 2002.05202).

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// `silu(gate) * up`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Swiglu;

impl Family for Swiglu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (gate, up) = (&inputs[0], &inputs[1]);
        if gate.shape() != up.shape() || gate.dtype() != up.dtype() || !gate.dtype().is_float() {
            return Err(Error::shape(
                "swiglu",
                format!("gate and up must be alike and of floats: {gate:?} and {up:?}"),
            ));
        }
        Ok(smallvec![(gate.shape().clone(), gate.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let dtype = inputs[0].dtype();
            let gate = inputs[0].astype(dtype.accumulator())?;
            let up = inputs[1].astype(dtype.accumulator())?;
            let y = gate.multiply(&gate.sigmoid()?)?.multiply(&up)?;
            Ok(vec![y.astype(dtype)?])
        })())
    }
}

impl Array {
    /// `silu(self) * up`, elementwise, in `f32`, returned in the common dtype.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands differ in shape or dtype.
    pub fn swiglu(&self, up: &Array) -> Result<Array> {
        Array::from_op(Swiglu, &[self, up])
    }
}
