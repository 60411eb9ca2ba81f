//! Reductions over axes. The reduced axes are kept with length 1; the builder drops them on request.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::ops::merge::Merged;
use crate::transforms::batch;

/// How elements are combined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum Kind {
    Sum,
    Prod,
    Max,
    Min,
    /// Of truth values.
    All,
    /// Of truth values.
    Any,
}

/// A reduction over `axes`, which are sorted and not empty.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Reduce {
    /// How elements are combined. Half types are accumulated in `f32`.
    pub kind: Kind,
    /// The axes that become 1.
    pub axes: SmallVec<[u8; 8]>,
}

impl Reduce {
    /// The dtype of the result for elements of `dtype`.
    fn result(&self, dtype: Dtype) -> Dtype {
        match (self.kind, dtype) {
            (Kind::Sum | Kind::Prod, Dtype::Bool | Dtype::I8 | Dtype::I16) => Dtype::I32,
            (Kind::Sum | Kind::Prod, Dtype::U8 | Dtype::U16) => Dtype::U32,
            (_, dtype) => dtype,
        }
    }

    fn axes(&self) -> Axes {
        let axes: SmallVec<[usize; 8]> = self.axes.iter().map(|&a| a as usize).collect();
        Axes::from(&axes[..])
    }

    /// The derivative of the result by each element, in the accumulator's precision.
    fn slopes(&self, x: &Array, y: &Array) -> Result<Array> {
        let wide = x.dtype().accumulator();
        match self.kind {
            // The product of all others, which division could not give where an element is zero.
            Kind::Prod => {
                let (flat, merged) = Merged::of(self.name(), &x.astype(wide)?, &self.axes())?;
                let before = flat.cumprod(-1, false, false)?;
                merged.split(&before.multiply(&flat.cumprod(-1, true, false)?)?)
            }
            // Ties share.
            Kind::Max | Kind::Min => {
                let hit = x.equal(y)?.astype(wide)?;
                hit.divide(&hit.sum(self.axes(), true)?)
            }
            _ => Ok(Array::scalar_of(1.0, wide)),
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
            Kind::All => "all",
            Kind::Any => "any",
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
        let dtype = inputs[0].dtype();
        if matches!(self.kind, Kind::All | Kind::Any) && dtype != Dtype::Bool {
            return Err(Error::dtype(self.name(), format!("does not take {dtype}")));
        }
        let dtype = self.result(dtype);
        Ok(smallvec![(shape, dtype)])
    }

    fn vjp(&self, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        if !x[0].dtype().is_inexact() {
            return Ok(vec![None]);
        }
        if self.kind == Kind::Sum {
            return Ok(vec![Some(g[0].broadcast_to(x[0].shape())?)]);
        }
        let back = self.slopes(&x[0], &y[0])?.conjugate()?.multiply(&g[0])?;
        Ok(vec![Some(back.astype(x[0].dtype())?)])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let Some(t) = tangents[0].as_ref().filter(|_| x[0].dtype().is_inexact()) else {
            return Ok(vec![None]);
        };
        let moved = match self.kind {
            Kind::Sum => t.clone(),
            _ => {
                let y = Array::from_op(self.clone(), &[&x[0]])?;
                self.slopes(&x[0], &y)?.multiply(t)?
            }
        };
        Ok(vec![Some(
            moved.sum(self.axes(), true)?.astype(x[0].dtype())?,
        )])
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
            return self.astype(op.result(self.dtype()));
        }
        op.axes = at.iter().map(|&a| a as u8).collect();
        let out = Array::from_op(op, &[self])?;
        if keep {
            return Ok(out);
        }
        let kept = (0..rank).filter(|a| !at.contains(a));
        out.reshape(kept.map(|a| self.dim(a)).collect::<crate::Shape>())
    }

    /// Sum over `axes`; with `keep` they stay with length 1. Truth values and signed integers of fewer
    /// than 32 bits are summed as `int32`, unsigned ones as `uint32`, half types in `f32`.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when one is named twice.
    pub fn sum(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.reduce(Kind::Sum, axes.into(), keep)
    }

    /// Product over `axes`, in the dtype of [`Array::sum`].
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn prod(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.reduce(Kind::Prod, axes.into(), keep)
    }

    /// Largest element over `axes`; NaN if there is one. Complex numbers are ordered by their real,
    /// then by their imaginary parts.
    ///
    /// # Errors
    /// As [`Array::sum`]; [`Error::Shape`] when an axis has no elements.
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

    /// Whether all elements over `axes` are true or not zero; true where there are none.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn all(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.astype(Dtype::Bool)?
            .reduce(Kind::All, axes.into(), keep)
    }

    /// Whether any element over `axes` is true or not zero; false where there are none.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn any(&self, axes: impl Into<Axes>, keep: bool) -> Result<Array> {
        self.astype(Dtype::Bool)?
            .reduce(Kind::Any, axes.into(), keep)
    }
}
