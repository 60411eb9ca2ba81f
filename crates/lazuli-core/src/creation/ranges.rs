//! Numbers in even steps, and grids of them.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// Which axis of a grid the first vector runs along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Indexing {
    /// The second axis, the second vector along the first: as points of a plane.
    Xy,
    /// The first axis: as indices of a matrix.
    Ij,
}

impl Array {
    /// `count` numbers from `start` through `stop`, evenly spaced.
    ///
    /// # Errors
    /// [`Error::Dtype`] for truth values.
    pub fn linspace(start: f64, stop: f64, count: usize, dtype: Dtype) -> Result<Array> {
        let last = count.saturating_sub(1).max(1) as f64;
        let by = |value: f64, weight: &Array| weight.multiply(&Array::scalar(value));
        // Both ends are exact: their weights are 0 and 1.
        let share =
            Array::arange(0.0, count as f64, 1.0, Dtype::F64)?.divide(&Array::scalar(last))?;
        let rest = Array::scalar(1.0f64).subtract(&share)?;
        by(start, &rest)?.add(&by(stop, &share)?)?.astype(dtype)
    }

    /// One array for each vector, in which it runs along an axis of its own and is repeated along the
    /// others; `sparse`: of length 1 along the others.
    ///
    /// # Errors
    /// [`Error::Shape`] when an array has more than one axis; [`Error::Value`] when there are none.
    pub fn meshgrid(vectors: &[Array], sparse: bool, indexing: Indexing) -> Result<Vec<Array>> {
        if vectors.is_empty() {
            return Err(Error::value("meshgrid", "needs at least one array"));
        }
        let rank = vectors.len();
        let axis = |number: usize| match number {
            0 | 1 if indexing == Indexing::Xy && rank > 1 => 1 - number,
            other => other,
        };
        let mut whole: Shape = std::iter::repeat_n(1, rank).collect();
        let ones = whole.clone();
        for (number, vector) in vectors.iter().enumerate() {
            vector.check()?;
            if vector.rank() > 1 {
                let what = format!("needs vectors, not {vector:?}");
                return Err(Error::shape("meshgrid", what));
            }
            whole.dims_mut()[axis(number)] = vector.elements();
        }
        let of = |(number, vector): (usize, &Array)| {
            let line = vector.reshape(ones.with(axis(number), vector.elements()))?;
            if sparse {
                Ok(line)
            } else {
                line.broadcast_to(&whole)
            }
        };
        vectors.iter().enumerate().map(of).collect()
    }
}
