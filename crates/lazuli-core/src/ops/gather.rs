//! Windows picked by index: along several axes at once, and element by element along one.
//!
//! Index arrays of a gather have one shape, which comes first in the result; the windows follow. The
//! adjoint of a read is the same write with addition (`scatter`).

use smallvec::{SmallVec, smallvec};

use super::scatter::{Mode, Scatter, ScatterAlong};
use super::writes;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Op, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// Windows of shape `sizes`, whose corners are given by one index array for each of `axes`.
///
/// Operands: the array, then the indices, all of one integer shape. Result: that shape, then `sizes`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Gather {
    /// The axes that are indexed, each once.
    pub axes: SmallVec<[u8; 8]>,
    /// The window along every axis.
    pub sizes: Shape,
}

/// Checks the indices of a window into `x`; the shape that they have in common.
pub(super) fn check_windows(
    op: &'static str,
    x: &Array,
    indices: &[Array],
    axes: &[u8],
    sizes: &Shape,
) -> Result<Shape> {
    let distinct = (0..axes.len()).all(|i| !axes[..i].contains(&axes[i]));
    if axes.is_empty() || axes.len() != indices.len() || !distinct {
        let what = format!("{} index arrays for the axes {axes:?}", indices.len());
        return Err(Error::shape(op, what));
    }
    for &axis in axes {
        x.shape().axis(op, axis as isize)?;
    }
    let fits = sizes.len() == x.rank() && (0..x.rank()).all(|a| sizes[a] <= x.dim(a));
    if !fits {
        let what = format!("windows of {sizes} do not fit into {}", x.shape());
        return Err(Error::shape(op, what));
    }
    let shape = indices[0].shape();
    for index in indices {
        check_integers(op, index)?;
        if index.shape() != shape {
            let what = format!("the indices differ in shape: {indices:?}");
            return Err(Error::shape(op, what));
        }
    }
    Ok(shape.clone())
}

pub(super) fn check_integers(op: &'static str, indices: &Array) -> Result<()> {
    if indices.dtype().is_integer() {
        return Ok(());
    }
    Err(Error::dtype(
        op,
        format!("indices must be integers, not {}", indices.dtype()),
    ))
}

/// Indices with a batch axis in front, and those of the batch itself before them: `x` has the batch
/// as axis 0.
pub(super) fn batched_indices(
    indices: &[Array],
    axes: &[Option<usize>],
    size: usize,
) -> Result<Vec<Array>> {
    let (mut indices, _) = batch::all_to_front(indices, axes)?;
    let shape = indices[0].shape().clone();
    let mut column: Shape = smallvec_of_ones(shape.len());
    column.dims_mut()[0] = size;
    let example = Array::counting(size)?
        .reshape(column)?
        .broadcast_to(shape)?;
    indices.insert(0, example);
    Ok(indices)
}

fn smallvec_of_ones(rank: usize) -> Shape {
    std::iter::repeat_n(1, rank).collect()
}

/// `axes` of an example as axes of a batch; with `batch`, the batch axis first.
pub(super) fn shifted(axes: &[u8], batch: bool) -> SmallVec<[u8; 8]> {
    let lead = batch.then_some(0);
    lead.into_iter().chain(axes.iter().map(|a| a + 1)).collect()
}

impl Family for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, indices) = (&inputs[0], &inputs[1..]);
        let shape = check_windows("gather", x, indices, &self.axes, &self.sizes)?;
        let shape = shape.iter().chain(self.sizes.iter()).copied().collect();
        Ok(smallvec![(shape, x.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let op = Scatter {
            axes: self.axes.clone(),
            mode: Mode::Add,
        };
        let mut back = vec![None; x.len()];
        back[0] = Some(writes::sum(&op, x[0].shape(), &g[0], &x[1..])?);
        Ok(back)
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let of = |t: &Array| self.of(t, &x[1..]);
        Ok(vec![tangents[0].as_ref().map(of).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let indices = &inputs[1..];
        let Some(axis) = axes[0] else {
            let (indices, axis) = batch::all_to_front(indices, &axes[1..])?;
            return Ok(vec![(self.of(&inputs[0], &indices)?, axis)]);
        };
        let x = batch::to_front(&inputs[0], axis)?;
        let size = x.dim(0);
        if axes[1..].iter().all(Option::is_none) {
            let op = Gather {
                axes: shifted(&self.axes, false),
                sizes: self.sizes.insert(0, size),
            };
            return Ok(vec![(op.of(&x, indices)?, Some(indices[0].rank()))]);
        }
        let indices = batched_indices(indices, &axes[1..], size)?;
        let op = Gather {
            axes: shifted(&self.axes, true),
            sizes: self.sizes.insert(0, 1),
        };
        let out = op.of(&x, &indices)?;
        Ok(vec![(
            out.reshape(out.shape().without(indices[0].rank()))?,
            Some(0),
        )])
    }
}

impl Gather {
    pub(super) fn of(&self, x: &Array, indices: &[Array]) -> Result<Array> {
        let operands: Vec<&Array> = std::iter::once(x).chain(indices).collect();
        Array::from_op(Op::from(Box::new(self.clone())), &operands)
    }
}

/// `out[.., i, ..] = x[.., indices[.., i, ..], ..]`: one index for each element along this axis. The
/// operands have one shape but for the axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct TakeAlong(pub u8);

/// Checks that `indices` fit `x` but for the axis.
pub(super) fn check_along(op: &'static str, x: &Array, indices: &Array, axis: u8) -> Result<()> {
    check_integers(op, indices)?;
    let axis = x.shape().axis(op, axis as isize)?;
    if indices.rank() == x.rank() && indices.shape().with(axis, 0) == x.shape().with(axis, 0) {
        return Ok(());
    }
    Err(Error::shape(
        op,
        format!("indices {indices:?} do not fit {x:?} along axis {axis}"),
    ))
}

impl Family for TakeAlong {
    fn name(&self) -> &'static str {
        "take_along_axis"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        check_along(self.name(), &inputs[0], &inputs[1], self.0)?;
        Ok(smallvec![(inputs[1].shape().clone(), inputs[0].dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let op = ScatterAlong {
            axis: self.0,
            mode: Mode::Add,
        };
        let back = writes::sum(&op, x[0].shape(), &g[0], &x[1..])?;
        Ok(vec![Some(back), None])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let of = |t: &Array| Array::from_op(*self, &[t, &x[1]]);
        Ok(vec![tangents[0].as_ref().map(of).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let op = TakeAlong(self.0 + axis.is_some() as u8);
        Ok(vec![(Array::from_op(op, &[&inputs[0], &inputs[1]])?, axis)])
    }
}

/// The shape of `x` and `indices` of one rank, broadcast but for `axis`; each with its own length there.
pub(super) fn broadcast_but_for(
    op: &'static str,
    x: &Array,
    indices: &Array,
    axis: usize,
) -> Result<[Shape; 2]> {
    if x.rank() != indices.rank() {
        return Err(Error::shape(
            op,
            format!("indices {indices:?} and {x:?} differ in rank"),
        ));
    }
    let others = x.shape().with(axis, 1);
    let others = others.broadcast(op, &indices.shape().with(axis, 1))?;
    Ok([x, indices].map(|a| others.with(axis, a.dim(axis))))
}

/// Indices broadcast to one shape.
pub(super) fn together(op: &'static str, indices: &[Array]) -> Result<Vec<Array>> {
    let mut shape = Shape::default();
    for index in indices {
        index.check()?;
        shape = shape.broadcast(op, index.shape())?;
    }
    indices.iter().map(|i| i.broadcast_to(&shape)).collect()
}

pub(super) fn checked_axes(
    op: &'static str,
    shape: &Shape,
    axes: &[isize],
) -> Result<SmallVec<[u8; 8]>> {
    axes.iter()
        .map(|&a| shape.axis(op, a).map(|a| a as u8))
        .collect()
}

impl Array {
    /// Windows of shape `sizes`: one for each element of the index arrays, which are broadcast
    /// together and say where the window begins along each of `axes`. Along the other axes it begins
    /// at 0. The shape of the indices comes first in the result, then `sizes`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Dtype`] when the operands do not fit; [`Error::Index`], when
    /// evaluated, for a window that leaves the array.
    pub fn gather(
        &self,
        indices: &[Array],
        axes: &[isize],
        sizes: impl Into<Shape>,
    ) -> Result<Array> {
        self.check()?;
        let op = Gather {
            axes: checked_axes("gather", self.shape(), axes)?,
            sizes: sizes.into(),
        };
        op.of(self, &together("gather", indices)?)
    }

    /// Elements of `self` along `axis`, one for each element of `indices`, which has the rank of
    /// `self`; the other axes broadcast.
    ///
    /// # Errors
    /// As [`Array::gather`].
    pub fn take_along_axis(&self, indices: &Array, axis: isize) -> Result<Array> {
        self.check()?;
        indices.check()?;
        let axis = self.shape().axis("take_along_axis", axis)?;
        let [to_x, to_i] = broadcast_but_for("take_along_axis", self, indices, axis)?;
        Array::from_op(
            TakeAlong(axis as u8),
            &[&self.broadcast_to(to_x)?, &indices.broadcast_to(to_i)?],
        )
    }

    /// The window of shape `sizes` that begins at `starts [axes]` along `axes`: as a slice, with a
    /// start that may change from step to step.
    ///
    /// # Errors
    /// As [`Array::gather`].
    pub fn dynamic_slice(
        &self,
        starts: &Array,
        axes: &[isize],
        sizes: impl Into<Shape>,
    ) -> Result<Array> {
        self.gather(&corner("slice", starts, axes)?, axes, sizes)
    }

    /// Elements at index arrays along `axes`, whose common shape comes after `place` of the other axes.
    pub(crate) fn pick(&self, axes: &[usize], indices: &[Array], place: usize) -> Result<Array> {
        if let ([axis], [index]) = (axes, indices)
            && *axis == place
        {
            return self.take(index, place as isize);
        }
        let mut sizes = self.shape().clone();
        axes.iter().for_each(|&a| sizes.dims_mut()[a] = 1);
        let signed: SmallVec<[isize; 4]> = axes.iter().map(|&a| a as isize).collect();
        let out = self.gather(indices, &signed, sizes)?;
        let at = out.rank() - self.rank();
        let rest = (0..self.rank()).filter(|a| !axes.contains(a));
        let shape: Shape = out.shape()[..at]
            .iter()
            .copied()
            .chain(rest.map(|a| self.dim(a)))
            .collect();
        let rank = shape.len();
        let order: SmallVec<[usize; 8]> = (at..at + place)
            .chain(0..at)
            .chain(at + place..rank)
            .collect();
        out.reshape(shape)?.permute(&order)
    }
}

/// The elements of `starts`, one for each axis, as scalars.
pub(super) fn corner(op: &'static str, starts: &Array, axes: &[isize]) -> Result<Vec<Array>> {
    starts.check()?;
    if *starts.shape() != Shape::from([axes.len()]) {
        return Err(Error::shape(
            op,
            format!("starts {starts:?} for the axes {axes:?}"),
        ));
    }
    (0..axes.len())
        .map(|k| starts.narrow(0, k, k + 1)?.reshape(Shape::default()))
        .collect()
}
