//! Windows written by index: the counterparts of `gather` and `take_along_axis`.
//!
//! Updates are applied in the order of the indices, so that the result does not depend on threads:
//! with [`Mode::Set`] the last writer of an element wins. Not chosen: atomics, whose sums change from
//! run to run.

use smallvec::{SmallVec, smallvec};

use super::gather::{self, Gather, TakeAlong};
use super::writes::{self, Write};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Op, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// What a write does with the element that is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// Replaces it.
    Set,
    /// Adds to it.
    Add,
    /// Multiplies it.
    Multiply,
    /// Keeps the larger; NaN if either is.
    Maximum,
    /// Keeps the smaller; NaN if either is.
    Minimum,
}

impl Mode {
    /// Checks that elements of `dtype` can be combined so.
    pub(super) fn check(self, op: &'static str, dtype: Dtype) -> Result<()> {
        match self {
            Mode::Maximum | Mode::Minimum if dtype == Dtype::C64 => Err(Error::dtype(
                op,
                format!("{self:?} does not take complex64, which has no order"),
            )),
            _ => Ok(()),
        }
    }
}

/// Checks that updates have the dtype of the array that they go into, and this shape.
pub(super) fn check_updates(
    op: &'static str,
    x: &Array,
    updates: &Array,
    shape: &[usize],
) -> Result<()> {
    if updates.dtype() == x.dtype() && updates.shape()[..] == *shape {
        return Ok(());
    }
    Err(Error::shape(
        op,
        format!("updates {updates:?} for {x:?} must be {shape:?}"),
    ))
}

/// Operands: the array, updates of shape `indices ++ window`, then one index array for each of `axes`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Scatter {
    /// The axes that are indexed, each once.
    pub axes: SmallVec<[u8; 8]>,
    /// What happens to the elements that are there.
    pub mode: Mode,
}

impl Scatter {
    fn window(&self, updates: &Array, indices: &[Array]) -> Shape {
        let lead = indices.first().map_or(0, Array::rank);
        let sizes = updates.shape().get(lead..).unwrap_or_default();
        Shape::from(sizes)
    }
}

impl Write for Scatter {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn with(&self, mode: Mode) -> Op {
        let axes = self.axes.clone();
        Box::new(Scatter { axes, mode }).into()
    }

    fn read(&self, x: &Array, updates: &Array, indices: &[Array]) -> Result<Array> {
        let op = Gather {
            axes: self.axes.clone(),
            sizes: self.window(updates, indices),
        };
        op.of(x, indices)
    }
}

impl Family for Scatter {
    fn name(&self) -> &'static str {
        "scatter"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, updates, indices) = (&inputs[0], &inputs[1], &inputs[2..]);
        self.mode.check("scatter", x.dtype())?;
        let window = self.window(updates, indices);
        let shape = gather::check_windows("scatter", x, indices, &self.axes, &window)?;
        let want: Shape = shape.iter().chain(window.iter()).copied().collect();
        check_updates("scatter", x, updates, &want)?;
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
        let size = inputs.iter().zip(axes);
        let size = size.clone().find_map(|(x, a)| a.map(|a| x.dim(a)));
        let Some(size) = size else {
            let operands: Vec<&Array> = inputs.iter().collect();
            return Ok(vec![(
                Array::from_op(self.with(self.mode), &operands)?,
                None,
            )]);
        };
        let front = |i: usize| match axes[i] {
            Some(axis) => batch::to_front(&inputs[i], axis),
            None => {
                let to = inputs[i].shape().insert(0, size);
                inputs[i]
                    .reshape(inputs[i].shape().insert(0, 1))?
                    .broadcast_to(to)
            }
        };
        let (x, updates) = (front(0)?, front(1)?);
        let lead = inputs[2].rank() - axes[2].is_some() as usize;
        let (updates, indices, batch) = if axes[2..].iter().all(Option::is_none) {
            // The batch is one more axis of the window.
            let updates = updates.moveaxis(0, lead as isize)?;
            (updates, inputs[2..].to_vec(), false)
        } else {
            let indices = gather::batched_indices(&inputs[2..], &axes[2..], size)?;
            let shape = updates.shape().insert(lead + 1, 1);
            (updates.reshape(shape)?, indices, true)
        };
        let op = Scatter {
            axes: gather::shifted(&self.axes, batch),
            mode: self.mode,
        };
        let operands: Vec<&Array> = [&x, &updates].into_iter().chain(&indices).collect();
        Ok(vec![(
            Array::from_op(op.with(op.mode), &operands)?,
            Some(0),
        )])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(0, 0)]
    }
}

/// `out[.., indices[.., i, ..], ..] = updates[.., i, ..]`: one index for each update along the axis.
///
/// Operands: the array, the updates, the indices; they have one shape but for the axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct ScatterAlong {
    /// The axis that is indexed.
    pub axis: u8,
    /// What happens to the elements that are there.
    pub mode: Mode,
}

impl Write for ScatterAlong {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn with(&self, mode: Mode) -> Op {
        ScatterAlong { mode, ..*self }.into()
    }

    fn read(&self, x: &Array, _: &Array, indices: &[Array]) -> Result<Array> {
        Array::from_op(TakeAlong(self.axis), &[x, &indices[0]])
    }
}

impl Family for ScatterAlong {
    fn name(&self) -> &'static str {
        "put_along_axis"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let [x, updates, indices] = inputs else {
            return Err(Error::value(self.name(), "needs three operands"));
        };
        self.mode.check(self.name(), x.dtype())?;
        gather::check_along(self.name(), x, indices, self.axis)?;
        check_updates(self.name(), x, updates, indices.shape())?;
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
        let op = ScatterAlong {
            axis: self.axis + axis.is_some() as u8,
            mode: self.mode,
        };
        Ok(vec![(Array::from_op(op, &[&i[0], &i[1], &i[2]])?, axis)])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(0, 0)]
    }
}

impl Array {
    /// `self` with windows written at index arrays, the counterpart of [`Array::gather`]: `updates`
    /// has the shape of the indices, which are broadcast together, followed by that of the window.
    /// The updates are converted to the dtype of `self` and applied in the order of the indices.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Dtype`] when the operands do not fit; [`Error::Index`], when
    /// evaluated, for a window that leaves the array.
    pub fn scatter(
        &self,
        indices: &[Array],
        updates: &Array,
        axes: &[isize],
        mode: Mode,
    ) -> Result<Array> {
        self.check()?;
        let axes = gather::checked_axes("scatter", self.shape(), axes)?;
        let indices = gather::together("scatter", indices)?;
        let updates = updates.astype(self.dtype())?;
        writes::write(&Scatter { axes, mode }, self, &updates, &indices)
    }

    /// `self` with `values` written along `axis` at `indices`, which has the rank of `self`; the
    /// values are broadcast to the indices, the indices to the other axes of `self`.
    ///
    /// # Errors
    /// As [`Array::scatter`].
    pub fn put_along_axis(&self, indices: &Array, values: &Array, axis: isize) -> Result<Array> {
        self.scatter_along_axis(indices, values, axis, Mode::Set)
    }

    /// [`Array::put_along_axis`] in any mode.
    ///
    /// # Errors
    /// As [`Array::scatter`].
    pub fn scatter_along_axis(
        &self,
        indices: &Array,
        values: &Array,
        axis: isize,
        mode: Mode,
    ) -> Result<Array> {
        self.check()?;
        indices.check()?;
        let axis = self.shape().axis("put_along_axis", axis)?;
        let [to_x, to] = gather::broadcast_but_for("put_along_axis", self, indices, axis)?;
        if to_x != *self.shape() {
            return Err(Error::shape(
                "put_along_axis",
                format!("indices {indices:?} do not broadcast into {self:?}"),
            ));
        }
        let values = values.astype(self.dtype())?.broadcast_to(&to)?;
        let op = ScatterAlong {
            axis: axis as u8,
            mode,
        };
        writes::write(&op, self, &values, &[indices.broadcast_to(to)?])
    }

    /// `self` with `update` written as the window that begins at `starts [axes]` along `axes` and at
    /// 0 along the others.
    ///
    /// # Errors
    /// As [`Array::scatter`].
    pub fn dynamic_slice_update(
        &self,
        update: &Array,
        starts: &Array,
        axes: &[isize],
    ) -> Result<Array> {
        let starts = gather::corner("slice_update", starts, axes)?;
        self.scatter(&starts, update, axes, Mode::Set)
    }

    /// `self` with `values` written where [`Array::pick`] reads.
    pub(crate) fn put(
        &self,
        axes: &[usize],
        indices: &[Array],
        place: usize,
        values: &Array,
        mode: Mode,
    ) -> Result<Array> {
        let indices = gather::together("scatter", indices)?;
        let (op, values) = self.putting(axes, &indices, place, values, mode)?;
        writes::write(&op, self, &values, &indices)
    }

    /// The write that [`Array::put`] is, and its updates.
    pub(super) fn putting(
        &self,
        axes: &[usize],
        indices: &[Array],
        place: usize,
        values: &Array,
        mode: Mode,
    ) -> Result<(Scatter, Array)> {
        let lead = indices.first().map_or(0, Array::rank);
        let order: SmallVec<[usize; 8]> = (place..place + lead)
            .chain(0..place)
            .chain(place + lead..values.rank())
            .collect();
        let window = (0..self.rank()).map(|a| if axes.contains(&a) { 1 } else { self.dim(a) });
        let shape: Shape = values.shape()[place..place + lead]
            .iter()
            .copied()
            .chain(window)
            .collect();
        let op = Scatter {
            axes: axes.iter().map(|&a| a as u8).collect(),
            mode,
        };
        Ok((op, values.permute(&order)?.reshape(shape)?))
    }
}
