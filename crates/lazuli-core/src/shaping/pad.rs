//! Elements put around an array.

use crate::array::Array;
use crate::error::{Error, Result};
use crate::index::{Index, Item};
use crate::shape::Shape;

/// What padding holds.
#[derive(Clone, Debug)]
pub enum Pad {
    /// This number, converted to the array's dtype.
    Constant(Array),
    /// The element at the edge.
    Edge,
    /// The elements mirrored at the edge's centre, which is not repeated: `3 2 | 1 2 3 | 2 1`.
    Reflect,
    /// The elements mirrored at the edge: `2 1 | 1 2 3 | 3 2`.
    Symmetric,
}

impl Pad {
    /// Which element of an axis of `len` stands `at` elements from its first.
    fn source(&self, at: isize, len: isize) -> isize {
        let period = match self {
            Pad::Reflect => 2 * (len - 1).max(1),
            _ => 2 * len,
        };
        let phase = at.rem_euclid(period);
        match self {
            _ if len == 1 => 0,
            Pad::Reflect => phase.min(period - phase),
            Pad::Symmetric => phase.min(period - 1 - phase),
            _ => at.clamp(0, len - 1),
        }
    }
}

impl Array {
    /// The array with `widths[axis]` elements before and after it along each axis; one pair serves
    /// all axes.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are not as many pairs as axes or the result is too large;
    /// [`Error::Value`] when an axis without elements is padded with its own.
    pub fn pad(&self, widths: &[(usize, usize)], mode: &Pad) -> Result<Array> {
        self.check()?;
        if widths.len() != 1 && widths.len() != self.rank() {
            let what = format!(
                "{} pairs of widths for shape {}",
                widths.len(),
                self.shape()
            );
            return Err(Error::shape("pad", what));
        }
        let width = |axis: usize| widths[axis % widths.len()];
        let sum = |axis: usize| {
            let (before, after) = width(axis);
            self.dim(axis).checked_add(before)?.checked_add(after)
        };
        let to = (0..self.rank()).map(sum).collect::<Option<Shape>>();
        let to = to.filter(|s| s.checked_bytes(self.dtype().size()).is_some());
        let Some(to) = to else {
            let what = format!("{} with {widths:?} does not fit in memory", self.shape());
            return Err(Error::shape("pad", what));
        };
        if let Pad::Constant(value) = mode {
            let around = value.astype(self.dtype())?.broadcast_to(&to)?;
            let inside = (0..self.rank()).map(|axis| {
                let start = width(axis).0 as isize;
                Item::Range {
                    start: Some(start),
                    stop: Some(start + self.dim(axis) as isize),
                    step: 1,
                }
            });
            return around.set(Index(inside.collect()), self);
        }
        let mut out = self.clone();
        for axis in 0..self.rank() {
            let ((before, after), len) = (width(axis), self.dim(axis) as isize);
            if before + after == 0 {
                continue;
            }
            if len == 0 {
                let what = format!("axis {axis} has no elements to pad with");
                return Err(Error::value("pad", what));
            }
            let from = -(before as isize)..len + after as isize;
            let picks: Vec<i64> = from.map(|at| mode.source(at, len) as i64).collect();
            out = out.take(&Array::from(picks), axis as isize)?;
        }
        Ok(out)
    }
}
