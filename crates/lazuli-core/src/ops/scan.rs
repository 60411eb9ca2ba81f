//! Running reductions: every prefix of an axis, or every suffix, reduced.

use smallvec::smallvec;

use super::recurrence::Recurrence;
use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::batch;

/// How elements are combined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum Kind {
    Sum,
    Prod,
    Max,
    Min,
    LogAddExp,
}

/// A running reduction, of the operand's shape and dtype.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Scan {
    /// How elements are combined. Half types are accumulated in `f32`, `f32` in `f64`.
    pub kind: Kind,
    /// The axis.
    pub axis: u8,
    /// From the last element to the first.
    pub reverse: bool,
    /// With the element itself; else the first result is what changes nothing.
    pub inclusive: bool,
}

impl Scan {
    fn of(self, x: &Array) -> Result<Array> {
        Array::from_op(self, &[x])
    }

    fn recurrence(self) -> Recurrence {
        Recurrence {
            axis: self.axis,
            reverse: self.reverse,
        }
    }

    /// The inclusive scan's tangent is a recurrence: its coefficients, and how an element's tangent
    /// enters it. Computed in the accumulator's precision.
    fn steps(self, x: &Array) -> Result<[Array; 2]> {
        let all = Scan {
            inclusive: true,
            ..self
        };
        match self.kind {
            Kind::Sum => {
                let one = Array::full(x.shape(), 1.0, x.dtype())?;
                Ok([one.clone(), one])
            }
            Kind::Prod => {
                let others = Scan {
                    inclusive: false,
                    ..self
                };
                Ok([x.clone(), others.of(x)?])
            }
            // The last of equals is the extreme.
            Kind::Max | Kind::Min => {
                let hit = x.equal(&all.of(x)?)?;
                Ok([
                    hit.logical_not()?.astype(x.dtype())?,
                    hit.astype(x.dtype())?,
                ])
            }
            Kind::LogAddExp => {
                let y = all.of(x)?;
                let least = Array::scalar_of(f64::NEG_INFINITY, x.dtype());
                let before = self.recurrence().before(&y, f64::NEG_INFINITY)?;
                let share = x.subtract(&y)?.exp()?;
                let zero = Array::scalar_of(0.0, x.dtype());
                let share = Array::select(&x.equal(&least)?, &zero, &share)?;
                Ok([before.subtract(&y)?.exp()?, share])
            }
        }
    }
}

impl Family for Scan {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "cumsum",
            Kind::Prod => "cumprod",
            Kind::Max => "cummax",
            Kind::Min => "cummin",
            Kind::LogAddExp => "logcumsumexp",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        x.shape().axis(self.name(), self.axis as isize)?;
        let takes = match self.kind {
            Kind::Sum => x.dtype() != Dtype::Bool,
            Kind::LogAddExp => x.dtype().is_float(),
            _ => true,
        };
        if !takes {
            let what = format!("does not take {}", x.dtype());
            return Err(Error::dtype(self.name(), what));
        }
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let dtype = x[0].dtype();
        if !dtype.is_inexact() {
            return Ok(vec![None]);
        }
        if self.kind == Kind::Sum {
            let back = Scan {
                reverse: !self.reverse,
                ..*self
            };
            return Ok(vec![Some(back.of(&g[0])?)]);
        }
        let steps = self.recurrence();
        let wide = dtype.accumulator();
        let mut g = g[0].astype(wide)?;
        if !self.inclusive {
            g = steps.after(&g)?;
        }
        let [a, share] = self.steps(&x[0].astype(wide)?)?;
        let sum = steps.reversed().of(&steps.after(&a)?.conjugate()?, &g)?;
        let back = sum.multiply(&share.conjugate()?)?;
        Ok(vec![Some(back.astype(dtype)?)])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let dtype = x[0].dtype();
        let Some(t) = tangents[0].as_ref().filter(|_| dtype.is_inexact()) else {
            return Ok(vec![None]);
        };
        if self.kind == Kind::Sum {
            return Ok(vec![Some(self.of(t)?)]);
        }
        let steps = self.recurrence();
        let [a, share] = self.steps(&x[0].astype(dtype.accumulator())?)?;
        let mut pushed = steps.of(&a, &share.multiply(t)?)?;
        if !self.inclusive {
            pushed = steps.before(&pushed, 0.0)?;
        }
        Ok(vec![Some(pushed.astype(dtype)?)])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let op = Scan {
            axis: self.axis + axis.is_some() as u8,
            ..*self
        };
        Ok(vec![(op.of(&inputs[0])?, axis)])
    }
}

impl Array {
    fn scan(&self, kind: Kind, axis: Axes, reverse: bool, inclusive: bool) -> Result<Array> {
        self.check()?;
        let mut op = Scan {
            kind,
            axis: 0,
            reverse,
            inclusive,
        };
        match axis.one(op.name(), self.rank())? {
            Some(axis) => {
                op.axis = axis as u8;
                op.of(self)
            }
            None => op.of(&self.reshape([self.elements()])?),
        }
    }

    /// Sum of each element and all before it along one axis, or of the flattened array for `..`.
    ///
    /// `reverse`: of all after it. Not `inclusive`: without the element itself, so that the first
    /// result is 0. In the array's dtype; truth values are counted in `int32`.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn cumsum(&self, axis: impl Into<Axes>, reverse: bool, inclusive: bool) -> Result<Array> {
        let x = match self.dtype() {
            Dtype::Bool => &self.astype(Dtype::I32)?,
            _ => self,
        };
        x.scan(Kind::Sum, axis.into(), reverse, inclusive)
    }

    /// Product of each element and all before it; not `inclusive`, the first result is 1. Arguments
    /// as [`Array::cumsum`]'s.
    ///
    /// # Errors
    /// As [`Array::cumsum`].
    pub fn cumprod(&self, axis: impl Into<Axes>, reverse: bool, inclusive: bool) -> Result<Array> {
        self.scan(Kind::Prod, axis.into(), reverse, inclusive)
    }

    /// Largest of each element and all before it, NaN after a NaN; not `inclusive`, the first result
    /// is the dtype's least. Arguments as [`Array::cumsum`]'s.
    ///
    /// # Errors
    /// As [`Array::cumsum`].
    pub fn cummax(&self, axis: impl Into<Axes>, reverse: bool, inclusive: bool) -> Result<Array> {
        self.scan(Kind::Max, axis.into(), reverse, inclusive)
    }

    /// Smallest of each element and all before it, NaN after a NaN; not `inclusive`, the first result
    /// is the dtype's greatest. Arguments as [`Array::cumsum`]'s.
    ///
    /// # Errors
    /// As [`Array::cumsum`].
    pub fn cummin(&self, axis: impl Into<Axes>, reverse: bool, inclusive: bool) -> Result<Array> {
        self.scan(Kind::Min, axis.into(), reverse, inclusive)
    }

    /// Logarithm of the sum of exponentials of each element and all before it; not `inclusive`, the
    /// first result is minus infinity. Integers become `float32`. Arguments as [`Array::cumsum`]'s.
    ///
    /// # Errors
    /// As [`Array::cumsum`]; [`Error::Dtype`] for complex numbers.
    pub fn logcumsumexp(
        &self,
        axis: impl Into<Axes>,
        reverse: bool,
        inclusive: bool,
    ) -> Result<Array> {
        let x = self.astype(self.dtype().at_least_float())?;
        x.scan(Kind::LogAddExp, axis.into(), reverse, inclusive)
    }
}
