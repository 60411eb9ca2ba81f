//! Reads.

use super::Index;
use super::lower::lower;
use crate::array::Array;
use crate::error::Result;

impl Array {
    /// The elements at `index`: an integer, a range, `step(range, k)`, `Ellipsis`, `NewAxis`, an array
    /// or list of integers or truth values, or a tuple of these, one for each axis; axes that are not
    /// named are taken whole. Index arrays broadcast together, and their shape stands where the axes
    /// that they index stood, or first if those are not neighbours. A mask is evaluated, because the
    /// shape depends on it.
    ///
    /// # Errors
    /// [`crate::Error::Index`] when a position lies outside its axis or there are more items than
    /// axes; what arrays hold is checked when the result is evaluated.
    pub fn get(&self, index: impl Into<Index>) -> Result<Array> {
        self.check()?;
        let at = lower(&index.into(), self.shape())?;
        let mut out = self.clone();
        if !at.is_whole(self.shape()) {
            out = out.slice(&at.start, &at.step, &at.sliced)?;
        }
        if !at.arrays.is_empty() {
            out = out
                .reshape(&at.merged)?
                .pick(&at.axes, &at.arrays, at.place)?;
        }
        out.reshape(at.result)
    }
}
