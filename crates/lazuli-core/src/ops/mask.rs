//! Elements under a mask: written in row-major order, or read into as many places as there may be.
//!
//! How many elements a mask has is a value, not a shape: the list of elements has a length of its own,
//! at least as many as are true when it is written from, any when it is read to.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::shape::Shape;

/// The array with the rows of a list put where the mask is true, in order.
///
/// Operands: the array, a mask over its leading axes, and the list `[n] ++ other axes`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct MaskedScatter;

/// The rows of an array where the mask is true, in order, then zeros: `[len] ++ other axes`.
///
/// Operands: the array and a mask over its leading axes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct MaskedGather {
    /// Rows of the result.
    pub len: usize,
}

fn check_mask(op: &'static str, x: &Array, mask: &Array) -> Result<()> {
    if mask.dtype() == Dtype::Bool && x.shape().starts_with(mask.shape()) {
        return Ok(());
    }
    Err(Error::shape(
        op,
        format!("the mask {mask:?} must be bool and match the leading axes of {x:?}"),
    ))
}

/// Operands with the batch as the last axis of rows, if the mask is the same for all examples.
fn behind(op: &'static str, x: &Array, axis: Option<usize>, size: usize) -> Result<Array> {
    match axis {
        Some(axis) => x.moveaxis(axis as isize, -1),
        None => {
            let to = x.shape().insert(x.rank(), size);
            x.reshape(x.shape().insert(x.rank(), 1))?.broadcast_to(to)
        }
    }
    .map_err(|_| Error::unsupported(op, "no vmap rule"))
}

fn batch_size(inputs: &[Array], axes: &[Option<usize>]) -> Option<usize> {
    let mut pairs = inputs.iter().zip(axes);
    pairs.find_map(|(x, a)| a.map(|a| x.dim(a)))
}

impl Family for MaskedScatter {
    fn name(&self) -> &'static str {
        "masked_scatter"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let [x, mask, list] = inputs else {
            return Err(Error::value(self.name(), "needs three operands"));
        };
        check_mask(self.name(), x, mask)?;
        let row = &x.shape()[mask.rank()..];
        if list.dtype() != x.dtype() || list.rank() == 0 || list.shape()[1..] != *row {
            return Err(Error::shape(
                self.name(),
                format!("values {list:?} are no rows of shape {row:?} for {x:?}"),
            ));
        }
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let zero = Array::scalar_of(0.0, g[0].dtype());
        let mask = over(&x[1], g[0].rank())?;
        let len = x[2].dim(0);
        Ok(vec![
            Some(Array::select(&mask, &zero, &g[0])?),
            None,
            Some(Array::from_op(MaskedGather { len }, &[&g[0], &x[1]])?),
        ])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let of = |i: usize| match &tangents[i] {
            Some(t) => Ok(t.clone()),
            None => Array::full(x[i].shape(), 0.0, x[i].dtype()),
        };
        if tangents[0].is_none() && tangents[2].is_none() {
            return Ok(vec![None]);
        }
        Ok(vec![Some(Array::from_op(
            *self,
            &[&of(0)?, &x[1], &of(2)?],
        )?)])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let size = batch_size(inputs, axes).filter(|_| axes[1].is_none());
        let Some(size) = size else {
            return Err(Error::unsupported(self.name(), "no vmap rule"));
        };
        let of = |i: usize| behind(self.name(), &inputs[i], axes[i], size);
        let out = Array::from_op(*self, &[&of(0)?, &inputs[1], &of(2)?])?;
        let last = out.rank() - 1;
        Ok(vec![(out, Some(last))])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(0, 0)]
    }
}

impl Family for MaskedGather {
    fn name(&self) -> &'static str {
        "masked_gather"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, mask) = (&inputs[0], &inputs[1]);
        check_mask(self.name(), x, mask)?;
        let row = &x.shape()[mask.rank()..];
        let shape: Shape = std::iter::once(self.len)
            .chain(row.iter().copied())
            .collect();
        Ok(smallvec![(shape, x.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let zeros = Array::full(x[0].shape(), 0.0, g[0].dtype())?;
        let back = Array::from_op(MaskedScatter, &[&zeros, &x[1], &g[0]])?;
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
        let size = batch_size(inputs, axes).filter(|_| axes[1].is_none());
        let Some(size) = size else {
            return Err(Error::unsupported(self.name(), "no vmap rule"));
        };
        let x = behind(self.name(), &inputs[0], axes[0], size)?;
        let out = Array::from_op(*self, &[&x, &inputs[1]])?;
        let last = out.rank() - 1;
        Ok(vec![(out, Some(last))])
    }
}

/// A mask over leading axes with axes of length 1 for the others.
fn over(mask: &Array, rank: usize) -> Result<Array> {
    let ones = std::iter::repeat_n(1, rank - mask.rank());
    mask.reshape(mask.shape().iter().copied().chain(ones).collect::<Shape>())
}

impl Array {
    /// `self` with rows of `values [n] ++ other axes` put where `mask`, which is over the leading
    /// axes, is true, in row-major order.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit; [`Error::Index`], when evaluated, when there
    /// are fewer values than true elements.
    pub fn masked_scatter(&self, mask: &Array, values: &Array) -> Result<Array> {
        let values = values.astype(self.dtype())?;
        Array::from_op(MaskedScatter, &[self, mask, &values])
    }
}
