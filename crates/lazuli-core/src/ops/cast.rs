//! Conversion to another dtype, as C converts: floats to integers truncate, to bool test for zero.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::op::{Family, Outs};

/// Conversion to this dtype. Float to narrower float rounds to nearest even.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Cast(pub Dtype);

impl Family for Cast {
    fn name(&self) -> &'static str {
        "astype"
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        Ok(smallvec![(inputs[0].shape().clone(), self.0)])
    }

    fn vjp(&self, inputs: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let from = inputs[0].dtype();
        let differentiable = from.is_inexact() && self.0.is_inexact();
        Ok(vec![differentiable.then(|| g[0].astype(from)).transpose()?])
    }

    fn jvp(&self, _: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let tangent = tangents[0].as_ref().filter(|_| self.0.is_inexact());
        Ok(vec![tangent.map(|t| t.astype(self.0)).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        Ok(vec![(inputs[0].astype(self.0)?, axes[0])])
    }
}

impl Array {
    /// The elements converted to `dtype`, as C converts: floats to integers lose what is behind the
    /// point, and wrap where the integer ends; a narrower float is the nearest, ties to even; all but
    /// zero is true; of a complex number the real part is left.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn astype(&self, dtype: Dtype) -> Result<Array> {
        if self.dtype() == dtype {
            self.check()?;
            return Ok(self.clone());
        }
        Array::from_op(Cast(dtype), &[self])
    }
}
