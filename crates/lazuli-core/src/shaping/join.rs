//! Arrays side by side, apart, and over again.

use crate::array::Array;
use crate::axes::Axes;
use crate::error::{Error, Result};
use crate::index::{Index, Item};
use crate::shape::Shape;

impl Array {
    /// The arrays, all of one shape, side by side along a new axis at `axis` of the result.
    ///
    /// # Errors
    /// [`Error::Shape`] when shapes differ, [`Error::Index`] when there is no such place for an axis;
    /// [`Error::Value`] when there are no arrays.
    pub fn stack(arrays: &[Array], axis: isize) -> Result<Array> {
        let parts = arrays
            .iter()
            .map(|a| a.expand_dims(axis))
            .collect::<Result<Vec<_>>>()?;
        Array::concatenate(&parts, axis)
    }

    /// The parts along `axis`, without it: the inverse of [`Array::stack`].
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn unstack(&self, axis: isize) -> Result<Vec<Array>> {
        self.check()?;
        let axis = self.shape().axis("unstack", axis)?;
        let shape = self.shape().without(axis);
        (0..self.dim(axis))
            .map(|k| self.narrow(axis as isize, k, k + 1)?.reshape(&shape))
            .collect()
    }

    /// `sections` parts of one length along `axis`.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when it does not divide so.
    pub fn split(&self, sections: usize, axis: isize) -> Result<Vec<Array>> {
        self.check()?;
        let axis = self.shape().axis("split", axis)?;
        let len = self.dim(axis);
        if sections == 0 || !len.is_multiple_of(sections) {
            let what = format!("{len} elements along axis {axis} do not make {sections} parts");
            return Err(Error::shape("split", what));
        }
        let each = len / sections;
        (0..sections)
            .map(|k| self.narrow(axis as isize, k * each, (k + 1) * each))
            .collect()
    }

    /// The parts between these positions along `axis`, as ranges of an index read them.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn split_at(&self, positions: &[isize], axis: isize) -> Result<Vec<Array>> {
        self.check()?;
        let axis = self.shape().axis("split", axis)?;
        let starts = std::iter::once(Some(0)).chain(positions.iter().copied().map(Some));
        let stops = positions.iter().copied().map(Some).chain([None]);
        starts
            .zip(stops)
            .map(|(start, stop)| {
                let range = Item::Range {
                    start,
                    stop,
                    step: 1,
                };
                let all = std::iter::repeat_n(Item::from(..), axis);
                self.get(Index(all.chain([range]).collect()))
            })
            .collect()
    }

    /// Each element `times` over along an axis; `..`: of the flattened array.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when the result is too large.
    pub fn repeat(&self, times: usize, axis: impl Into<Axes>) -> Result<Array> {
        self.check()?;
        let Some(axis) = axis.into().one("repeat", self.rank())? else {
            return self.flatten(0, -1)?.repeat(times, 0);
        };
        let len = self.dim(axis);
        let each = self.expand_dims(axis + 1)?;
        let wide = each.broadcast_to(each.shape().with(axis + 1, times))?;
        wide.reshape(self.shape().with(axis, len * times))
    }

    /// The whole array over again, `times[axis]` times along each axis; the shorter of the shape and
    /// the counts is taken to begin with ones.
    ///
    /// # Errors
    /// [`Error::Shape`] when the result is too large.
    pub fn tile(&self, times: &[usize]) -> Result<Array> {
        self.check()?;
        let rank = self.rank().max(times.len());
        let behind = |dims: &[usize], axis: usize| {
            (axis + dims.len()).checked_sub(rank).map_or(1, |a| dims[a])
        };
        let pairs = (0..rank).map(|a| (behind(times, a), behind(self.shape(), a)));
        let apart: Shape = pairs.clone().flat_map(|(_, len)| [1, len]).collect();
        let wide: Shape = pairs.clone().flat_map(|(n, len)| [n, len]).collect();
        let to: Shape = pairs.map(|(n, len)| n.saturating_mul(len)).collect();
        if to.checked_bytes(self.dtype().size()).is_none() {
            let what = format!("{} times {times:?} does not fit in memory", self.shape());
            return Err(Error::shape("tile", what));
        }
        self.reshape(apart)?.broadcast_to(wide)?.reshape(to)
    }
}
