//! Axes run backwards and turned around.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::axes::Axes;
use crate::error::{Error, Result};

impl Array {
    /// Backwards along these axes.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn flip(&self, axes: impl Into<Axes>) -> Result<Array> {
        self.check()?;
        let axes = axes.into().resolve("flip", self.rank())?;
        let mut start: SmallVec<[usize; 4]> = smallvec![0; self.rank()];
        let mut step: SmallVec<[isize; 4]> = smallvec![1; self.rank()];
        for axis in axes.into_iter().filter(|&a| self.dim(a) > 1) {
            (start[axis], step[axis]) = (self.dim(axis) - 1, -1);
        }
        self.slice(&start, &step, self.shape())
    }

    /// Every element moved on by `shifts` along `axes`, around the end. One shift serves all axes;
    /// with `..` the array is seen flattened.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis; [`Error::Value`] when there are neither one shift
    /// nor as many as axes.
    pub fn roll(&self, shifts: &[isize], axes: impl Into<Axes>) -> Result<Array> {
        self.check()?;
        let Axes::These(axes) = axes.into() else {
            let flat = self.reshape([self.elements()])?;
            let total = shifts.iter().fold(0isize, |a, &b| a.wrapping_add(b));
            return flat.roll(&[total], 0)?.reshape(self.shape());
        };
        if shifts.len() != 1 && shifts.len() != axes.len() {
            let what = format!("{} shifts for the axes {:?}", shifts.len(), &axes[..]);
            return Err(Error::value("roll", what));
        }
        let mut out = self.clone();
        for (number, &axis) in axes.iter().enumerate() {
            let at = self.shape().axis("roll", axis)?;
            let len = self.dim(at);
            let shift = shifts[number % shifts.len()].rem_euclid(len.max(1) as isize) as usize;
            if shift > 0 {
                let (last, first) = (
                    out.narrow(axis, len - shift, len)?,
                    out.narrow(axis, 0, len - shift)?,
                );
                out = Array::concatenate(&[last, first], axis)?;
            }
        }
        Ok(out)
    }
}
