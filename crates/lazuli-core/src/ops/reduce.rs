//! Reductions over axes. The reduced axes are kept with length 1; the builder drops them on request.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::batch;

/// How elements are combined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    Sum,
    Prod,
    Max,
    Min,
}

/// A reduction over `axes`, which are sorted and not empty.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reduce {
    /// How elements are combined. Half types are accumulated in `f32`.
    pub kind: Kind,
    /// The axes that become 1.
    pub axes: SmallVec<[u8; 8]>,
}

impl Reduce {
    /// The dtype of the result for elements of `dtype`.
    fn result(&self, dtype: Dtype) -> Result<Dtype> {
        match (self.kind, dtype) {
            (Kind::Sum | Kind::Prod, Dtype::Bool | Dtype::I8 | Dtype::I16) => Ok(Dtype::I32),
            (Kind::Sum | Kind::Prod, Dtype::U8 | Dtype::U16) => Ok(Dtype::U32),
            (Kind::Prod | Kind::Max | Kind::Min, Dtype::C64) => {
                Err(Error::dtype(self.name(), "does not take complex64"))
            }
            (_, dtype) => Ok(dtype),
        }
    }
}

impl Family for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Prod => "prod",
            Kind::Max => "max",
            Kind::Min => "min",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let mut shape = inputs[0].shape().clone();
        for &axis in &self.axes {
            let axis = shape.axis(self.name(), axis as isize)?;
            if shape[axis] == 0 && matches!(self.kind, Kind::Max | Kind::Min) {
                return Err(Error::shape(
                    self.name(),
                    format!("axis {axis} of {shape} has no elements to choose from"),
                ));
            }
            shape.dims_mut()[axis] = 1;
        }
        let dtype = self.result(inputs[0].dtype())?;
        Ok(smallvec![(shape, dtype)])
    }

    fn vjp(&self, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        if !x[0].dtype().is_inexact() {
            return Ok(vec![None]);
        }
        Ok(vec![Some(match self.kind {
            Kind::Sum => g[0].broadcast_to(x[0].shape())?,
            Kind::Prod => g[0].multiply(&y[0])?.divide(&x[0])?,
            // Ties share the cotangent.
            Kind::Max | Kind::Min => {
                let hit = x[0].equal(&y[0])?.astype(x[0].dtype())?;
                let axes: Vec<usize> = self.axes.iter().map(|&a| a as usize).collect();
                hit.divide(&hit.sum(&axes, true)?)?.multiply(&g[0])?
            }
        })])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let Some(t) = &tangents[0] else {
            return Ok(vec![None]);
        };
        let axes: Vec<usize> = self.axes.iter().map(|&a| a as usize).collect();
        let y = Array::from_op(self.clone(), &[&x[0]])?;
        Ok(vec![Some(match self.kind {
            Kind::Sum => t.sum(&axes, true)?,
            Kind::Prod => t.divide(&x[0])?.sum(&axes, true)?.multiply(&y)?,
            Kind::Max | Kind::Min => {
                let hit = x[0].equal(&y)?.astype(x[0].dtype())?;
                let share = hit.divide(&hit.sum(&axes, true)?)?;
                share.multiply(t)?.sum(&axes, true)?
            }
        })])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let shift = axis.is_some() as u8;
        let op = Reduce {
            kind: self.kind,
            axes: self.axes.iter().map(|a| a + shift).collect(),
        };
        Ok(vec![(Array::from_op(op, &[&inputs[0]])?, axis)])
    }
}

/// Position of the first extreme along one axis, kept with length 1; `uint32`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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
        if inputs[0].dim(axis) == 0 || inputs[0].dtype() == Dtype::C64 {
            return Err(Error::shape(
                self.name(),
                format!("does not take {:?}", inputs[0]),
            ));
        }
        Ok(smallvec![(inputs[0].shape().with(axis, 1), Dtype::U32)])
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
    fn reduce(&self, kind: Kind, axes: Axes, keep: bool) -> Result<Array> {
        self.check()?;
        let rank = self.rank();
        let mut op = Reduce {
            kind,
            axes: SmallVec::new(),
        };
        let at = axes.resolve(op.name(), rank)?;
        if at.is_empty() {
            return self.astype(op.result(self.dtype())?);
        }
        op.axes = at.iter().map(|&a| a as u8).collect();
        let out = Array::from_op(op, &[self])?;
        if keep {
            return Ok(out);
        }
        let kept = (0..rank).filter(|a| !at.contains(a));
        out.reshape(kept.map(|a| self.dim(a)).collect::<crate::Shape>())
    }

    /// Sum over `axes`; with `keep` they stay with length 1. Small integers and truth values are
    /// summed as `int32` or `uint32`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there is no such axis or one is named twice.
    pub fn sum(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.reduce(Kind::Sum, axes.into(), keep)
    }

    /// Product over `axes`.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn prod(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.reduce(Kind::Prod, axes.into(), keep)
    }

    /// Largest element over `axes`; NaN if there is one.
    ///
    /// # Errors
    /// As [`Array::sum`], and when an axis has no elements.
    pub fn max(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.reduce(Kind::Max, axes.into(), keep)
    }

    /// Smallest element over `axes`; NaN if there is one.
    ///
    /// # Errors
    /// As [`Array::max`].
    pub fn min(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.reduce(Kind::Min, axes.into(), keep)
    }

    /// Mean over `axes`; integers become `float32`.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn mean(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        let x = self.astype(self.dtype().at_least_float())?;
        let sum = x.sum(axes, keep)?;
        let count = x.elements() as f64 / (sum.elements().max(1)) as f64;
        sum.multiply(&Array::scalar_of(1.0 / count, x.dtype()))
    }

    /// Position of the first largest element along one axis, or of the flattened array for `..`,
    /// `uint32`; NaN is the largest. With `keep` all searched axes stay with length 1.
    ///
    /// # Errors
    /// [`Error::Shape`] when there is no such axis or it has no elements.
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
                (out, crate::Shape::default())
            }
        };
        if keep { Ok(out) } else { out.reshape(to) }
    }
}
