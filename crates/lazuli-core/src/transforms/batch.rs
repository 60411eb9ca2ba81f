//! Batch axes of `vmap` rules.

use crate::array::Array;
use crate::error::Result;

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
