//! A slice written into an array: in place when nobody else refers to the array.

use smallvec::{SmallVec, smallvec};

use super::scatter::{Mode, check_updates};
use super::view::check_slice;
use super::writes::{self, Write};
use crate::array::Array;
use crate::error::Result;
use crate::op::{Family, Op, Outs};
use crate::transforms::batch;

/// Operands: the array and the update, which is as long as the slice along every axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct SliceUpdate {
    /// First element along each axis.
    pub start: SmallVec<[usize; 4]>,
    /// Distance along each axis; may be negative.
    pub step: SmallVec<[isize; 4]>,
    /// What happens to the elements that are there.
    pub mode: Mode,
}

impl Write for SliceUpdate {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn with(&self, mode: Mode) -> Op {
        Box::new(SliceUpdate {
            mode,
            ..self.clone()
        })
        .into()
    }

    fn read(&self, x: &Array, update: &Array, _: &[Array]) -> Result<Array> {
        x.slice(&self.start, &self.step, update.shape())
    }

    fn is_unique(&self) -> bool {
        true
    }
}

impl Family for SliceUpdate {
    fn name(&self) -> &'static str {
        "slice_update"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, update) = (&inputs[0], &inputs[1]);
        self.mode.check("slice_update", x.dtype())?;
        check_updates("slice_update", x, update, update.shape())?;
        check_slice(x.shape(), &self.start, &self.step, update.shape())?;
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn vjp(&self, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        writes::vjp(self, x, &y[0], &g[0])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        writes::jvp(self, x, tangents)
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (i, axis) = batch::all_to_front(inputs, axes)?;
        let mut op = self.clone();
        if axis.is_some() {
            op.start.insert(0, 0);
            op.step.insert(0, 1);
        }
        Ok(vec![(
            Array::from_op(op.with(op.mode), &[&i[0], &i[1]])?,
            axis,
        )])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(0, 0)]
    }
}

impl Array {
    /// `self` with `update` written over every `step`-th element from `start` along each axis; the
    /// update is converted to the dtype of `self`, and its shape is the slice's length.
    ///
    /// # Errors
    /// [`crate::Error::Index`] when an element lies outside.
    pub fn slice_update(
        &self,
        update: &Array,
        start: &[usize],
        step: &[isize],
        mode: Mode,
    ) -> Result<Array> {
        let op = SliceUpdate {
            start: start.into(),
            step: step.into(),
            mode,
        };
        writes::write(&op, self, &update.astype(self.dtype())?, &[])
    }
}
