//! Several axes seen as one last axis, for operations that are defined along the last one.

use smallvec::SmallVec;

use crate::array::Array;
use crate::axes::Axes;
use crate::error::Result;
use crate::shape::Shape;

/// How an array was turned so that some of its axes became one last axis.
pub(crate) struct Merged {
    /// The axes that stayed, then those that were merged.
    order: SmallVec<[usize; 4]>,
    /// The shape in that order.
    shape: Shape,
    /// How many axes stayed.
    kept: usize,
}

impl Merged {
    /// `x` with `axes` merged into one last axis; of length 1 where there are none.
    ///
    /// Axes that lie last already cost nothing; others are moved when the result is used.
    pub(crate) fn of(op: &'static str, x: &Array, axes: &Axes) -> Result<(Array, Merged)> {
        x.check()?;
        let merged = axes.resolve(op, x.rank())?;
        let mut order: SmallVec<[usize; 4]> =
            (0..x.rank()).filter(|a| !merged.contains(a)).collect();
        let kept = order.len();
        order.extend(merged);
        let shape: Shape = order.iter().map(|&a| x.dim(a)).collect();
        let len = shape[kept..].iter().product();
        let flat = Shape::from(&shape[..kept]).insert(kept, len);
        let turned = if order.iter().copied().eq(0..x.rank()) {
            x.clone()
        } else {
            x.permute(&order)?
        };
        let out = Merged { order, shape, kept };
        Ok((turned.reshape(flat)?, out))
    }

    /// A result of the merged shape, back in the operand's.
    pub(crate) fn split(&self, y: &Array) -> Result<Array> {
        let mut inverse: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.order.len());
        for (at, &axis) in self.order.iter().enumerate() {
            inverse[axis] = at;
        }
        let y = y.reshape(&self.shape)?;
        if inverse.iter().copied().eq(0..inverse.len()) {
            return Ok(y);
        }
        y.permute(&inverse)
    }

    /// A result with one element in place of the merged axis, those axes dropped, or kept with
    /// length 1.
    pub(crate) fn reduced(&self, y: &Array, keep: bool) -> Result<Array> {
        if !keep {
            return y.reshape(&self.shape[..self.kept]);
        }
        let mut shape: SmallVec<[usize; 4]> = SmallVec::from_elem(1, self.order.len());
        for (&axis, &dim) in self.order.iter().zip(&self.shape[..self.kept]) {
            shape[axis] = dim;
        }
        y.reshape(&shape[..])
    }
}
