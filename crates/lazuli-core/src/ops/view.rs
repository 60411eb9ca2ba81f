//! Views: the same elements under another shape or order. Nothing is computed; a reshape of a layout
//! that cannot be seen so becomes a copy when it is evaluated.

use smallvec::{SmallVec, smallvec};

use super::scatter::Mode;
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::op::{Family, Op, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// A view.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
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
    /// Any strides, in elements, over the elements in row-major order.
    Strided {
        /// The result's shape.
        shape: Shape,
        /// Distance along each axis.
        strides: SmallVec<[isize; 4]>,
        /// First element.
        offset: usize,
    },
    /// The bytes as elements of another dtype; the last axis has as many as they make.
    Bits {
        /// The operand's dtype.
        from: Dtype,
        /// The result's dtype.
        to: Dtype,
    },
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
            View::Strided {
                strides, offset, ..
            } => {
                let first = layout.offset + offset;
                let row_major = layout.is_contiguous();
                row_major.then(|| Layout::strided(first, strides.clone(), to))
            }
            View::Bits { from, to } if from.size() == to.size() => Some(layout.clone()),
            View::Bits { from, to } => {
                let first = layout.offset * from.size();
                let whole = layout.is_contiguous() && first.is_multiple_of(to.size());
                whole.then(|| Layout::contiguous(first / to.size()))
            }
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
            View::Strided { .. } => "as_strided",
            View::Bits { .. } => "view",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let from = inputs[0].shape();
        let shape = match self {
            View::Identity | View::StopGradient => from.clone(),
            View::Reshape(to) if to.checked_bytes(1).is_none() => {
                let what = format!("{to} does not fit in memory");
                return Err(Error::shape("reshape", what));
            }
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
            View::Strided {
                shape,
                strides,
                offset,
            } => {
                check_strided(from, shape, strides, *offset)?;
                shape.clone()
            }
            View::Bits { to, .. } => {
                return Ok(smallvec![(bits_shape(&inputs[0], *to)?, *to)]);
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
            View::Slice { start, step, .. } => {
                Array::full(from, 0.0, g.dtype())?.slice_update(g, start, step, Mode::Set)?
            }
            View::Strided {
                shape,
                strides,
                offset,
            } => {
                let at = positions(shape, strides, *offset)?;
                let zeros = Array::full([from.elements()], 0.0, g.dtype())?;
                zeros.put(&[0], &[at], 0, g, Mode::Add)?.reshape(from)?
            }
            View::Bits { .. } => return Ok(vec![None]),
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
        if matches!(self, View::StopGradient | View::Bits { .. }) {
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
            View::Strided {
                shape,
                strides,
                offset,
            } => {
                let example = (x.elements() / b.max(1)) as isize;
                View::Strided {
                    shape: shape.insert(0, b),
                    strides: std::iter::once(example)
                        .chain(strides.iter().copied())
                        .collect(),
                    offset: *offset,
                }
            }
            View::Bits { .. } => self.clone(),
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

pub(super) fn check_slice(
    from: &Shape,
    start: &[usize],
    step: &[isize],
    len: &Shape,
) -> Result<()> {
    let fits = start.len() == from.len()
        && step.len() == from.len()
        && len.len() == from.len()
        && (0..from.len()).all(|axis| {
            // Wide enough for whatever an imported function says.
            let span = step[axis] as i128 * (len[axis].max(1) as i128 - 1);
            let last = start[axis] as i128 + span;
            len[axis] == 0
                || (step[axis] != 0
                    && start[axis] < from[axis]
                    && (0..from[axis] as i128).contains(&last))
        });
    if fits {
        return Ok(());
    }
    Err(Error::index(
        "slice",
        format!("start {start:?}, step {step:?}, length {len} leave {from}"),
    ))
}

/// Checks that strides stay within the elements of `from`.
fn check_strided(from: &Shape, shape: &Shape, strides: &[isize], offset: usize) -> Result<()> {
    let inside = || {
        let mut ends = [offset as i128; 2];
        for (&dim, &stride) in shape.iter().zip(strides) {
            let span = (stride as i128).checked_mul(dim as i128 - 1)?;
            let end = &mut ends[(span > 0) as usize];
            *end = end.checked_add(span)?;
        }
        (ends[0] >= 0 && ends[1] < from.elements() as i128).then_some(())
    };
    let fits = shape.len() == strides.len()
        && shape.checked_bytes(1).is_some()
        && (shape.elements() == 0 || inside().is_some());
    if fits {
        return Ok(());
    }
    Err(Error::index(
        "as_strided",
        format!(
            "shape {shape}, strides {strides:?}, offset {offset} leave the {} elements of {from}",
            from.elements()
        ),
    ))
}

/// The row-major positions that strides name.
fn positions(shape: &Shape, strides: &[isize], offset: usize) -> Result<Array> {
    let mut at = Array::scalar(offset as i64);
    for (axis, (&dim, &stride)) in shape.iter().zip(strides).enumerate() {
        let mut column: Shape = std::iter::repeat_n(1, shape.len()).collect();
        column.dims_mut()[axis] = dim;
        let steps = Array::counting(dim)?.multiply(&Array::scalar(stride as i64))?;
        at = at.add(&steps.reshape(column)?)?;
    }
    at.broadcast_to(shape)
}

/// The shape of `x` seen as elements of another dtype.
fn bits_shape(x: &Array, to: Dtype) -> Result<Shape> {
    let (have, want) = (x.dtype().size(), to.size());
    if have == want {
        return Ok(x.shape().clone());
    }
    let last = x.rank().checked_sub(1);
    let bytes = last.and_then(|axis| x.dim(axis).checked_mul(have));
    match (last, bytes) {
        (Some(axis), Some(bytes)) if bytes.is_multiple_of(want) => {
            Ok(x.shape().with(axis, bytes / want))
        }
        _ => Err(Error::shape(
            "view",
            format!("the last axis of {x:?} does not make whole elements of {to}"),
        )),
    }
}

impl Array {
    /// The bytes as elements of another dtype. Where the size of an element differs, the last axis
    /// gets longer or shorter.
    ///
    /// # Errors
    /// [`Error::Shape`] when the last axis does not make whole elements.
    pub fn view_as(&self, dtype: Dtype) -> Result<Array> {
        if dtype == self.dtype() {
            self.check()?;
            return Ok(self.clone());
        }
        let from = self.dtype();
        self.view(View::Bits { from, to: dtype })
    }

    /// The elements, in row-major order, under any shape and strides from the element `offset` on.
    ///
    /// # Errors
    /// [`Error::Index`] when an element lies outside.
    pub fn as_strided(
        &self,
        shape: impl Into<Shape>,
        strides: &[isize],
        offset: usize,
    ) -> Result<Array> {
        self.view(View::Strided {
            shape: shape.into(),
            strides: strides.into(),
            offset,
        })
    }

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

    /// The last two axes exchanged. (In `mlx.core` this name reverses all axes: `transpose(..)`.)
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
    /// [`Error::Index`] when there is no such axis.
    pub fn moveaxis(&self, from: isize, to: isize) -> Result<Array> {
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

    /// Elements `start..stop` along `axis`.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis or the range leaves it.
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
