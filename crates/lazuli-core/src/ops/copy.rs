//! The same elements in row-major order, in memory of their own.

use smallvec::smallvec;

use crate::array::Array;
use crate::error::Result;
use crate::op::{Family, Outs};

/// A row-major copy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Copy;

impl Family for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        Ok(smallvec![(inputs[0].shape().clone(), inputs[0].dtype())])
    }

    fn vjp(&self, _: &[Array], _: &[Array], cotangents: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![Some(cotangents[0].clone())])
    }

    fn jvp(&self, _: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(tangents.to_vec())
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        Ok(vec![(inputs[0].copy()?, axes[0])])
    }
}

impl Array {
    /// The same elements in row-major order, in memory of their own.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn copy(&self) -> Result<Array> {
        Array::from_op(Copy, &[self])
    }
}
