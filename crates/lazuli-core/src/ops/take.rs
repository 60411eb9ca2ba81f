//! Slices picked by index along an axis.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::shape::Shape;

/// `x.take(indices)` along this axis: the axis is replaced by the shape of the indices. Negative
/// indices count from the end; one outside the axis is an error when it is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Take(pub u8);

impl Family for Take {
    fn name(&self) -> &'static str {
        "take"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, indices) = (&inputs[0], &inputs[1]);
        let axis = x.shape().axis("take", self.0 as isize)?;
        if !indices.dtype().is_integer() {
            return Err(Error::dtype(
                "take",
                format!("indices must be integers, not {}", indices.dtype()),
            ));
        }
        let shape: Shape = x.shape()[..axis]
            .iter()
            .chain(indices.shape().iter())
            .chain(&x.shape()[axis + 1..])
            .copied()
            .collect();
        Ok(smallvec![(shape, x.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let (axis, len) = (self.0 as usize, x[0].dim(self.0 as usize));
        let picks = x[1].elements();
        let at: Vec<i32> = (0..len as i32).collect();
        let at = Array::from_slice(&at, [len, 1])?;
        let indices = x[1].astype(Dtype::I32)?.reshape([1, picks])?;
        let from_end = indices.add(&Array::scalar(len as i32))?;
        let indices = Array::select(&indices.less(&Array::scalar(0i32))?, &from_end, &indices)?;
        let hot = at.equal(&indices)?.astype(g[0].dtype())?;
        // [axes before, picks, axes after] -> [picks, the rest], so that one product adds repeats.
        let before: usize = x[0].shape()[..axis].iter().product();
        let after: usize = x[0].shape()[axis + 1..].iter().product();
        let rows = g[0].reshape([before, picks, after])?.permute(&[1, 0, 2])?;
        let sum = hot.matmul(&rows.reshape([picks, before * after])?)?;
        let back = sum.reshape([len, before, after])?.permute(&[1, 0, 2])?;
        Ok(vec![Some(back.reshape(x[0].shape())?), None])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let of = |t: &Array| Array::from_op(*self, &[t, &x[1]]);
        Ok(vec![tangents[0].as_ref().map(of).transpose()?])
    }
}

impl Array {
    /// Slices of `self` along `axis` at `indices`; the axis is replaced by the shape of the indices.
    ///
    /// # Errors
    /// [`Error::Dtype`] when the indices are not integers, [`Error::Shape`] when there is no such axis.
    pub fn take(&self, indices: &Array, axis: isize) -> Result<Array> {
        self.check()?;
        let axis = self.shape().axis("take", axis)?;
        Array::from_op(Take(axis as u8), &[self, indices])
    }
}
