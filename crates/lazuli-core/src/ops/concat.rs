//! Joining along an axis.

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::batch;

/// Joins its operands along this axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Concat(pub u8);

impl Family for Concat {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let Some(first) = inputs.first() else {
            return Err(Error::value("concatenate", "needs at least one array"));
        };
        let axis = first.shape().axis("concatenate", self.0 as isize)?;
        let mut total = 0;
        for x in inputs {
            let fits = x.rank() == first.rank()
                && x.dtype() == first.dtype()
                && x.shape().with(axis, 0) == first.shape().with(axis, 0);
            if !fits {
                return Err(Error::shape(
                    "concatenate",
                    format!("{x:?} does not fit {first:?} along axis {axis}"),
                ));
            }
            total += x.dim(axis);
        }
        Ok(smallvec![(first.shape().with(axis, total), first.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let axis = self.0 as usize;
        let mut at = 0;
        x.iter()
            .map(|part| {
                let start = at;
                at += part.dim(axis);
                g[0].narrow(axis as isize, start, at).map(Some)
            })
            .collect()
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let parts = x
            .iter()
            .zip(tangents)
            .map(|(x, t)| match t {
                Some(t) => Ok(t.clone()),
                None => Array::full(x.shape(), 0.0, x.dtype()),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(vec![Some(Array::concatenate(&parts, self.0 as isize)?)])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let at = self.0 as isize + axis.is_some() as isize;
        Ok(vec![(Array::concatenate(&inputs, at)?, axis)])
    }
}

impl Array {
    /// The arrays joined along `axis`, promoted to a common dtype.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when they differ along another;
    /// [`Error::Value`] when there are none.
    pub fn concatenate(arrays: &[Array], axis: isize) -> Result<Array> {
        let Some(first) = arrays.first() else {
            return Err(Error::value("concatenate", "needs at least one array"));
        };
        for array in arrays {
            array.check()?;
        }
        let axis = first.shape().axis("concatenate", axis)?;
        let dtype = arrays
            .iter()
            .fold(first.dtype(), |d, a| d.promote(a.dtype()));
        let same = arrays
            .iter()
            .map(|a| a.astype(dtype))
            .collect::<Result<Vec<_>>>()?;
        let refs: Vec<&Array> = same.iter().collect();
        Array::from_op(Concat(axis as u8), &refs)
    }
}
