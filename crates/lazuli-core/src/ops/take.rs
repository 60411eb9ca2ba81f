//! Slices picked by index along an axis.

use smallvec::smallvec;

use super::gather;
use super::scatter::Mode;
use super::writes;
use crate::array::Array;
use crate::error::Result;
use crate::op::{Family, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// `x.take(indices)` along this axis: the axis is replaced by the shape of the indices. Negative
/// indices count from the end; one outside the axis is an error when it is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Take(pub u8);

impl Family for Take {
    fn name(&self) -> &'static str {
        "take"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, indices) = (&inputs[0], &inputs[1]);
        let axis = x.shape().axis("take", self.0 as isize)?;
        gather::check_integers("take", indices)?;
        let shape: Shape = x.shape()[..axis]
            .iter()
            .chain(indices.shape().iter())
            .chain(&x.shape()[axis + 1..])
            .copied()
            .collect();
        Ok(smallvec![(shape, x.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let axis = self.0 as usize;
        let indices = std::slice::from_ref(&x[1]);
        let (op, updates) = x[0].putting(&[axis], indices, axis, &g[0], Mode::Add)?;
        let back = writes::sum(&op, x[0].shape(), &updates, indices)?;
        Ok(vec![Some(back), None])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let of = |t: &Array| Array::from_op(*self, &[t, &x[1]]);
        Ok(vec![tangents[0].as_ref().map(of).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (x, indices, axis) = (&inputs[0], &inputs[1], self.0 as usize);
        Ok(vec![match (axes[0], axes[1]) {
            (None, None) => (Array::from_op(*self, &[x, indices])?, None),
            (None, Some(batch)) => {
                let indices = batch::to_front(indices, batch)?;
                (Array::from_op(*self, &[x, &indices])?, Some(axis))
            }
            (Some(batch), None) => {
                let x = batch::to_front(x, batch)?;
                (Array::from_op(Take(self.0 + 1), &[&x, indices])?, Some(0))
            }
            (Some(batch), at) => {
                // The example is an index of its own, and both together pick.
                let x = batch::to_front(x, batch)?;
                let rank = indices.rank() - at.is_some() as usize;
                let picks =
                    gather::batched_indices(std::slice::from_ref(indices), &[at], x.dim(0))?;
                let out = x.pick(&[0, axis + 1], &picks, 0)?;
                // [batch, picks, before, after] with the picks back in their place.
                let order: Vec<usize> = (0..1)
                    .chain(rank + 1..rank + 1 + axis)
                    .chain(1..rank + 1)
                    .chain(rank + 1 + axis..out.rank())
                    .collect();
                (out.permute(&order)?, Some(0))
            }
        }])
    }
}

impl Array {
    /// Slices of `self` along `axis` at `indices`; the axis is replaced by the shape of the indices.
    ///
    /// # Errors
    /// [`crate::Error::Dtype`] when the indices are not integers, [`crate::Error::Index`] when there is
    /// no such axis or, when evaluated, for an index outside it.
    pub fn take(&self, indices: &Array, axis: isize) -> Result<Array> {
        self.check()?;
        let axis = self.shape().axis("take", axis)?;
        Array::from_op(Take(axis as u8), &[self, indices])
    }
}
