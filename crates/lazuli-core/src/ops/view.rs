//! Views: the same elements under another shape or order. Nothing is computed; a reshape of a layout
//! that cannot be seen so becomes a copy when it is evaluated.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::op::{Family, Op, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// A view.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum View {
    /// The same array as a new node.
    Identity,
    /// The same array, a constant to derivatives.
    StopGradient,
    /// The elements in row-major order under another shape.
    Reshape(Shape),
    /// The axes in another order.
    Permute(SmallVec<[usize; 4]>),
    /// Every `step`-th element from `start`, `len` of them, along each axis.
    Slice {
        /// First element along each axis.
        start: SmallVec<[usize; 4]>,
        /// Distance along each axis; may be negative.
        step: SmallVec<[isize; 4]>,
        /// The result's shape.
        len: Shape,
    },
    /// Axes of length 1 and new leading axes repeated.
    Broadcast(Shape),
}

impl View {
    /// Where the elements of the view lie, if none has to move. `shape` is the operand's, `to` the result's.
    pub fn layout(&self, layout: &Layout, shape: &Shape, to: &Shape) -> Option<Layout> {
        match self {
            View::Identity | View::StopGradient => Some(layout.clone()),
            View::Reshape(_) => layout.reshape(shape, to),
            View::Permute(perm) => Some(layout.permute(shape, perm)),
            View::Slice { start, step, .. } => Some(layout.slice(shape, start, step, to)),
            View::Broadcast(_) => Some(layout.broadcast(shape, to)),
        }
    }
}

impl Family for View {
    fn name(&self) -> &'static str {
        match self {
            View::Identity => "identity",
            View::StopGradient => "stop_gradient",
            View::Reshape(_) => "reshape",
            View::Permute(_) => "transpose",
            View::Slice { .. } => "slice",
            View::Broadcast(_) => "broadcast_to",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let from = inputs[0].shape();
        let shape = match self {
            View::Identity | View::StopGradient => from.clone(),
            View::Reshape(to) if to.elements() == from.elements() => to.clone(),
            View::Reshape(to) => {
                return Err(Error::shape(
                    "reshape",
                    format!(
                        "{from} has {} elements, {to} has {}",
                        from.elements(),
                        to.elements()
                    ),
                ));
            }
            View::Permute(perm) => {
                let mut sorted = perm.to_vec();
                sorted.sort_unstable();
                if sorted.iter().copied().ne(0..from.len()) {
                    return Err(Error::shape(
                        "transpose",
                        format!("{perm:?} is no order of the axes of {from}"),
                    ));
                }
                perm.iter().map(|&p| from[p]).collect()
            }
            View::Slice { start, step, len } => {
                check_slice(from, start, step, len)?;
                len.clone()
            }
            View::Broadcast(to) => {
                if from.broadcast("broadcast_to", to)? != *to {
                    return Err(Error::shape(
                        "broadcast_to",
                        format!("{from} does not broadcast to {to}"),
                    ));
                }
                to.clone()
            }
        };
        Ok(smallvec![(shape, inputs[0].dtype())])
    }

    fn vjp(
        &self,
        inputs: &[Array],
        _: &[Array],
        cotangents: &[Array],
    ) -> Result<Vec<Option<Array>>> {
        let (x, g) = (&inputs[0], &cotangents[0]);
        let from = x.shape();
        let back = match self {
            View::Identity => g.clone(),
            View::StopGradient => return Ok(vec![None]),
            View::Reshape(_) => g.reshape(from)?,
            View::Permute(perm) => {
                let mut inverse: SmallVec<[usize; 4]> = smallvec![0; perm.len()];
                for (to, &p) in perm.iter().enumerate() {
                    inverse[p] = to;
                }
                g.permute(&inverse)?
            }
            View::Slice { start, step, len } => spread(g, from, start, step, len)?,
            View::Broadcast(to) => {
                let lead = to.len() - from.len();
                let axes: Vec<isize> = (0..to.len())
                    .filter(|&a| a < lead || from[a - lead] != to[a])
                    .map(|a| a as isize)
                    .collect();
                g.sum(&axes, true)?.reshape(from)?
            }
        };
        Ok(vec![Some(back)])
    }

    fn jvp(&self, _: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        if *self == View::StopGradient {
            return Ok(vec![None]);
        }
        let of = |t: &Array| Array::from_op(Op::from(Box::new(self.clone())), &[t]);
        Ok(vec![tangents[0].as_ref().map(of).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let Some(axis) = axes[0] else {
            let out = Array::from_op(Op::from(Box::new(self.clone())), &[&inputs[0]])?;
            return Ok(vec![(out, None)]);
        };
        let x = batch::to_front(&inputs[0], axis)?;
        let b = x.dim(0);
        let view = match self {
            View::Identity | View::StopGradient => self.clone(),
            View::Reshape(to) => View::Reshape(to.insert(0, b)),
            View::Permute(p) => {
                View::Permute(std::iter::once(0).chain(p.iter().map(|p| p + 1)).collect())
            }
            View::Slice { start, step, len } => View::Slice {
                start: std::iter::once(0).chain(start.iter().copied()).collect(),
                step: std::iter::once(1).chain(step.iter().copied()).collect(),
                len: len.insert(0, b),
            },
            View::Broadcast(to) => {
                let rank = x.rank() - 1;
                let lead = std::iter::repeat_n(1, to.len() - rank);
                let shape: Shape = std::iter::once(b)
                    .chain(lead)
                    .chain(x.shape()[1..].iter().copied())
                    .collect();
                return Ok(vec![(
                    x.reshape(shape)?.broadcast_to(to.insert(0, b))?,
                    Some(0),
                )]);
            }
        };
        Ok(vec![(
            Array::from_op(Op::from(Box::new(view)), &[&x])?,
            Some(0),
        )])
    }
}

fn check_slice(from: &Shape, start: &[usize], step: &[isize], len: &Shape) -> Result<()> {
    let fits = start.len() == from.len()
        && step.len() == from.len()
        && len.len() == from.len()
        && (0..from.len()).all(|axis| {
            let last = start[axis] as isize + step[axis] * (len[axis].max(1) as isize - 1);
            len[axis] == 0
                || (step[axis] != 0
                    && start[axis] < from[axis]
                    && (0..from[axis] as isize).contains(&last))
        });
    if fits {
        return Ok(());
    }
    Err(Error::index(
        "slice",
        format!("start {start:?}, step {step:?}, length {len} leave {from}"),
    ))
}

/// The transpose of a slice: `g` put into zeros of shape `to`, axis by axis. Elements are moved, not
/// multiplied by zeros and ones: a NaN stays where it is.
fn spread(g: &Array, to: &Shape, start: &[usize], step: &[isize], len: &Shape) -> Result<Array> {
    if len.elements() == 0 {
        return Array::full(to, 0.0, g.dtype());
    }
    let mut out = g.clone();
    for axis in 0..to.len() {
        if len[axis] == to[axis] && step[axis] == 1 {
            continue;
        }
        let stride = step[axis].unsigned_abs();
        let last = (len[axis] - 1) * stride;
        let first = if step[axis] < 0 {
            let mut from: SmallVec<[usize; 4]> = smallvec![0; to.len()];
            let mut back: SmallVec<[isize; 4]> = smallvec![1; to.len()];
            (from[axis], back[axis]) = (len[axis] - 1, -1);
            out = out.slice(&from, &back, out.shape())?;
            start[axis] - last
        } else {
            start[axis]
        };
        let zeros = |shape: Shape| Array::full(shape, 0.0, g.dtype());
        if stride > 1 {
            // Each element and the gap after it, but for the last.
            let each = out.expand_dims(axis + 1)?;
            let gap = zeros(each.shape().with(axis + 1, stride - 1))?;
            let spaced = out.shape().with(axis, len[axis] * stride);
            out = Array::concatenate(&[each, gap], axis as isize + 1)?
                .reshape(spaced)?
                .narrow(axis as isize, 0, last + 1)?;
        }
        let before = zeros(out.shape().with(axis, first))?;
        let after = zeros(out.shape().with(axis, to[axis] - first - last - 1))?;
        out = Array::concatenate(&[before, out, after], axis as isize)?;
    }
    Ok(out)
}

impl Array {
    fn view(&self, view: View) -> Result<Array> {
        Array::from_op(Op::from(Box::new(view)), &[self])
    }

    /// The same array, which derivatives take for a constant.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn stop_gradient(&self) -> Result<Array> {
        self.view(View::StopGradient)
    }

    /// The elements in row-major order under another shape.
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of elements differs.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Array> {
        let shape = shape.into();
        if shape == *self.shape() {
            self.check()?;
            return Ok(self.clone());
        }
        self.view(View::Reshape(shape))
    }

    /// The axes in the order `perm`.
    ///
    /// # Errors
    /// [`Error::Shape`] when `perm` does not name each axis once.
    pub fn permute(&self, perm: &[usize]) -> Result<Array> {
        self.view(View::Permute(perm.into()))
    }

    /// The last two axes exchanged.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are fewer than two axes.
    pub fn matrix_transpose(&self) -> Result<Array> {
        let rank = self.rank();
        if rank < 2 {
            return Err(Error::shape(
                "transpose",
                format!("needs two axes, the shape is {}", self.shape()),
            ));
        }
        let mut perm: SmallVec<[usize; 4]> = (0..rank).collect();
        perm.swap(rank - 2, rank - 1);
        self.permute(&perm)
    }

    /// The axis `from` put at `to`, the others in order.
    ///
    /// # Errors
    /// [`Error::Shape`] when there is no such axis.
    pub fn move_axis(&self, from: isize, to: isize) -> Result<Array> {
        let from = self.shape().axis("moveaxis", from)?;
        let to = self.shape().axis("moveaxis", to)?;
        let mut perm: SmallVec<[usize; 4]> = (0..self.rank()).collect();
        let axis = perm.remove(from);
        perm.insert(to, axis);
        self.permute(&perm)
    }

    /// The array repeated along axes of length 1 and new leading axes.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shape does not broadcast to `shape`.
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Array> {
        let shape = shape.into();
        if shape == *self.shape() {
            self.check()?;
            return Ok(self.clone());
        }
        self.view(View::Broadcast(shape))
    }

    /// A new axis of length 1 at `axis`.
    ///
    /// # Errors
    /// [`Error::Shape`] when `axis` is beyond the rank.
    pub fn expand_dims(&self, axis: usize) -> Result<Array> {
        if axis > self.rank() {
            return Err(Error::shape(
                "expand_dims",
                format!("axis {axis} is out of range for shape {}", self.shape()),
            ));
        }
        self.reshape(self.shape().insert(axis, 1))
    }

    /// Elements `start..stop` along `axis`.
    ///
    /// # Errors
    /// [`Error::Index`] when the range leaves the axis; [`Error::Shape`] when there is no such axis.
    pub fn narrow(&self, axis: isize, start: usize, stop: usize) -> Result<Array> {
        let axis = self.shape().axis("slice", axis)?;
        if start > stop || stop > self.dim(axis) {
            return Err(Error::index(
                "slice",
                format!(
                    "{start}..{stop} leaves axis {axis} of shape {}",
                    self.shape()
                ),
            ));
        }
        let mut from: SmallVec<[usize; 4]> = smallvec![0; self.rank()];
        from[axis] = start;
        self.slice(
            &from,
            &vec![1; self.rank()],
            self.shape().with(axis, stop - start),
        )
    }

    /// Every `step`-th element from `start` along each axis, `len` of them.
    ///
    /// # Errors
    /// [`Error::Index`] when an element lies outside.
    pub fn slice(&self, start: &[usize], step: &[isize], len: impl Into<Shape>) -> Result<Array> {
        self.view(View::Slice {
            start: start.into(),
            step: step.into(),
            len: len.into(),
        })
    }
}
