//! Batch axes of `vmap` rules.

use crate::array::Array;
use crate::error::{Error, Result};
use crate::ops::reduce::{Kind, Reduce};

/// A result of `vmap`: an array, where its batch axis is if it has one, and the batch's size.
pub(crate) struct Mapped {
    pub(crate) array: Array,
    pub(crate) axis: Option<usize>,
    pub(crate) size: usize,
}

/// The result with its batch axis at `to`, repeated if it had none.
pub(crate) fn place(mapped: Mapped, to: isize) -> Result<Array> {
    let Mapped { array, axis, size } = mapped;
    let front = match axis {
        Some(axis) => to_front(&array, axis)?,
        None => {
            let whole = array.shape().insert(0, size);
            array.expand_dims(0)?.broadcast_to(whole)?
        }
    };
    let to = front.shape().axis("vmap", to)?;
    if to == 0 {
        return Ok(front);
    }
    front.moveaxis(0, to as isize)
}

/// The sum over the first axis.
pub(crate) fn sum_front(x: &Array) -> Result<Array> {
    let sum = Reduce {
        kind: Kind::Sum,
        axes: smallvec::smallvec![0],
    };
    if x.rank() == 0 {
        return Err(Error::shape("sum", "a scalar has no first axis"));
    }
    Array::from_op(sum, &[x])?.reshape(x.shape().without(0))
}

/// `x` with its batch axis first.
pub(crate) fn to_front(x: &Array, axis: usize) -> Result<Array> {
    if axis == 0 {
        Ok(x.clone())
    } else {
        x.moveaxis(axis as isize, 0)
    }
}

/// All operands with a batch axis in front, repeated where an operand had none; none if no operand
/// is batched.
pub(crate) fn all_to_front(
    inputs: &[Array],
    axes: &[Option<usize>],
) -> Result<(Vec<Array>, Option<usize>)> {
    let size = inputs
        .iter()
        .zip(axes)
        .find_map(|(x, a)| a.map(|a| x.dim(a)));
    let Some(size) = size else {
        return Ok((inputs.to_vec(), None));
    };
    let fronted = inputs.iter().zip(axes).map(|(x, axis)| match axis {
        Some(axis) => to_front(x, *axis),
        None => x.expand_dims(0)?.broadcast_to(x.shape().insert(0, size)),
    });
    Ok((fronted.collect::<Result<_>>()?, Some(0)))
}
