//! Positions of extremes. The axis is kept with length 1; the builder drops it on request.

use smallvec::smallvec;

use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// Position of the first extreme along one axis, kept with length 1; `uint32`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct ArgReduce {
    /// The largest rather than the smallest.
    pub max: bool,
    /// The axis searched.
    pub axis: u8,
}

impl Family for ArgReduce {
    fn name(&self) -> &'static str {
        if self.max { "argmax" } else { "argmin" }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let axis = inputs[0].shape().axis(self.name(), self.axis as isize)?;
        let shape = inputs[0].shape();
        if !(1..=u32::MAX as usize).contains(&shape[axis]) {
            return Err(Error::shape(
                self.name(),
                format!("axis {axis} of {shape} has no elements, or more than `uint32` counts"),
            ));
        }
        Ok(smallvec![(shape.with(axis, 1), Dtype::U32)])
    }

    fn vjp(&self, _: &[Array], _: &[Array], _: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn jvp(&self, _: &[Array], _: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let op = ArgReduce {
            axis: self.axis + axis.is_some() as u8,
            ..*self
        };
        Ok(vec![(Array::from_op(op, &[&inputs[0]])?, axis)])
    }
}

impl Array {
    /// Position of the first largest element along one axis, or of the flattened array for `..`,
    /// `uint32`; NaN is the largest. With `keep` all searched axes stay with length 1.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when it has no elements or
    /// more than one is named.
    pub fn argmax(&self, axis: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.arg_reduce(true, axis.into(), keep)
    }

    /// Position of the first smallest element along one axis, or of the flattened array for `..`,
    /// `uint32`; NaN is the smallest. With `keep` all searched axes stay with length 1.
    ///
    /// # Errors
    /// As [`Array::argmax`].
    pub fn argmin(&self, axis: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.arg_reduce(false, axis.into(), keep)
    }

    fn arg_reduce(&self, max: bool, axis: Axes, keep: bool) -> Result<Array> {
        self.check()?;
        let op = |axis: usize| ArgReduce {
            max,
            axis: axis as u8,
        };
        let (out, to) = match axis.one(op(0).name(), self.rank())? {
            Some(axis) => {
                let out = Array::from_op(op(axis), &[self])?;
                (out, self.shape().without(axis))
            }
            None => {
                let flat = self.reshape([self.elements()])?;
                let out = Array::from_op(op(0), &[&flat])?;
                if keep {
                    return out.reshape(vec![1; self.rank()]);
                }
                (out, Shape::default())
            }
        };
        if keep { Ok(out) } else { out.reshape(to) }
    }
}
