//! Axes added, dropped, merged, cut and reordered. Nothing moves.

use smallvec::SmallVec;

use crate::array::Array;
use crate::axes::Axes;
use crate::error::{Error, Result};
use crate::shape::Shape;

type Order = SmallVec<[usize; 4]>;

impl Array {
    /// The elements in row-major order under another shape, in which one length may be -1: it is what
    /// the others leave.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of elements differs or a length cannot be told.
    pub fn reshape_inferred(&self, dims: &[isize]) -> Result<Array> {
        self.check()?;
        self.reshape(Shape::inferred("reshape", self.elements(), dims)?)
    }

    /// The axes from `start` through `end` as one. A scalar becomes `[1]`.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when `end` lies before `start`.
    pub fn flatten(&self, start: isize, end: isize) -> Result<Array> {
        self.check()?;
        if self.rank() == 0 {
            return self.reshape([1]);
        }
        let first = self.shape().axis("flatten", start)?;
        let last = self.shape().axis("flatten", end)?;
        if first > last {
            let what = format!(
                "axis {start} comes after axis {end} of shape {}",
                self.shape()
            );
            return Err(Error::shape("flatten", what));
        }
        let shape = self.shape();
        let merged: usize = shape[first..=last].iter().product();
        let dims = shape[..first]
            .iter()
            .chain([&merged])
            .chain(&shape[last + 1..]);
        self.reshape(dims.copied().collect::<Shape>())
    }

    /// One axis cut into several, one of which may be -1.
    ///
    /// # Errors
    /// [`Error::Shape`] when the axis does not have that many elements.
    pub fn unflatten(&self, axis: isize, dims: &[isize]) -> Result<Array> {
        self.check()?;
        let axis = self.shape().axis("unflatten", axis)?;
        let cut = Shape::inferred("unflatten", self.dim(axis), dims)?;
        let shape = self.shape();
        let dims = shape[..axis]
            .iter()
            .chain(cut.iter())
            .chain(&shape[axis + 1..]);
        self.reshape(dims.copied().collect::<Shape>())
    }

    /// Without these axes, which must have length 1; `..`: without any that has.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when it is longer.
    pub fn squeeze(&self, axes: impl Into<Axes>) -> Result<Array> {
        self.check()?;
        let axes = axes.into();
        let all = axes == Axes::All;
        let named = axes.resolve("squeeze", self.rank())?;
        if let Some(&axis) = named.iter().find(|&&a| !all && self.dim(a) != 1) {
            let what = format!(
                "axis {axis} of shape {} has more than one element",
                self.shape()
            );
            return Err(Error::shape("squeeze", what));
        }
        let kept = (0..self.rank()).filter(|a| !named.contains(a) || self.dim(*a) != 1);
        self.reshape(kept.map(|a| self.dim(a)).collect::<Shape>())
    }

    /// New axes of length 1, at these places of the result.
    ///
    /// # Errors
    /// [`Error::Index`] when a place is beyond the result's rank, [`Error::Shape`] when one is named twice.
    pub fn expand_dims(&self, axes: impl Into<Axes>) -> Result<Array> {
        self.check()?;
        let Axes::These(axes) = axes.into() else {
            return Err(Error::shape(
                "expand_dims",
                "needs the places of the new axes",
            ));
        };
        let rank = self.rank() + axes.len();
        let new = Axes::These(axes).resolve("expand_dims", rank)?;
        let mut old = self.shape().iter().copied();
        let dims = (0..rank).map(|a| {
            if new.contains(&a) {
                Some(1)
            } else {
                old.next()
            }
        });
        self.reshape(dims.flatten().collect::<Shape>())
    }

    /// The axes in this order; `..`: in reverse.
    ///
    /// # Errors
    /// [`Error::Shape`] when not every axis is named once.
    pub fn transpose(&self, axes: impl Into<Axes>) -> Result<Array> {
        self.check()?;
        let order: Order = match axes.into() {
            Axes::All => (0..self.rank()).rev().collect(),
            Axes::These(axes) => axes
                .iter()
                .map(|&a| self.shape().axis("transpose", a))
                .collect::<Result<_>>()?,
        };
        self.permute(&order)
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn swapaxes(&self, first: isize, second: isize) -> Result<Array> {
        self.check()?;
        let first = self.shape().axis("swapaxes", first)?;
        let second = self.shape().axis("swapaxes", second)?;
        let mut order: Order = (0..self.rank()).collect();
        order.swap(first, second);
        self.permute(&order)
    }

    /// At least one axis: a scalar becomes `[1]`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn atleast_1d(&self) -> Result<Array> {
        self.at_least(&[1])
    }

    /// At least two axes: `[n]` becomes `[1, n]`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn atleast_2d(&self) -> Result<Array> {
        self.at_least(&[1, self.dim(0)])
    }

    /// At least three axes: `[n]` becomes `[1, n, 1]`, `[n, m]` becomes `[n, m, 1]`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn atleast_3d(&self) -> Result<Array> {
        match self.rank() {
            2 => self.at_least(&[self.dim(0), self.dim(1), 1]),
            _ => self.at_least(&[1, self.dim(0), 1]),
        }
    }

    fn at_least(&self, dims: &[usize]) -> Result<Array> {
        self.check()?;
        if self.rank() >= dims.len() {
            return Ok(self.clone());
        }
        self.reshape(dims)
    }

    /// The elements in row-major order, in memory without gaps.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn contiguous(&self) -> Result<Array> {
        self.copy()
    }

    /// The arrays, each broadcast to the shape that all broadcast to.
    ///
    /// # Errors
    /// [`Error::Shape`] when they do not broadcast together.
    pub fn broadcast_arrays(arrays: &[Array]) -> Result<Vec<Array>> {
        for array in arrays {
            array.check()?;
        }
        let shapes: Vec<Shape> = arrays.iter().map(|a| a.shape().clone()).collect();
        let shape = Shape::broadcast_all("broadcast_arrays", &shapes)?;
        arrays.iter().map(|a| a.broadcast_to(&shape)).collect()
    }
}
