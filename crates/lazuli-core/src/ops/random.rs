//! Random bits: the one operation that all random numbers are made of.
//!
//! Counter-based, so pure: the same key gives the same bits on every device and thread. The key is an
//! operand, not op data, so a step that draws anew does not trace anew, and `vmap` over keys is the
//! operation on a batch of them.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// Random bits of `shape` for each key: keys `[.., 2]` give `[.., shape]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct RandomBits {
    /// The shape drawn for one key.
    pub shape: Shape,
    /// Bytes of an element: 1, 2 or 4.
    pub width: u8,
}

impl Family for RandomBits {
    fn name(&self) -> &'static str {
        "bits"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let keys = &inputs[0];
        if keys.dtype() != Dtype::U32 {
            return Err(Error::dtype(
                "bits",
                format!("a key is uint32, not {}", keys.dtype()),
            ));
        }
        let Some((2, lead)) = keys.shape().split_last().map(|(&last, lead)| (last, lead)) else {
            return Err(Error::shape(
                "bits",
                format!("a key has the shape [2], not {}", keys.shape()),
            ));
        };
        let dtype = match self.width {
            1 => Dtype::U8,
            2 => Dtype::U16,
            4 => Dtype::U32,
            other => {
                return Err(Error::value(
                    "bits",
                    format!("the width is 1, 2 or 4 bytes, not {other}"),
                ));
            }
        };
        let shape: Shape = lead.iter().chain(self.shape.iter()).copied().collect();
        if shape.checked_bytes(dtype.size()).is_none() {
            return Err(Error::shape(
                "bits",
                format!("shape {shape} of {dtype} does not fit in memory"),
            ));
        }
        Ok(smallvec![(shape, dtype)])
    }

    fn vjp(&self, _: &[Array], _: &[Array], _: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn jvp(&self, _: &[Array], _: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (keys, axis) = batch::all_to_front(inputs, axes)?;
        Ok(vec![(
            Array::from_op(Box::new(self.clone()), &[&keys[0]])?,
            axis,
        )])
    }
}
