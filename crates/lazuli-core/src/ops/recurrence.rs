//! A linear recurrence along an axis: what the derivatives of scans are made of.
//!
//! Derivatives of a running product by dividing it by its factors are wrong at zero, and those of a
//! running maximum need a scatter. Both are linear recurrences in the cotangent, and the derivatives
//! of a linear recurrence are linear recurrences again: one kernel, right to every order.

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::batch;

/// `h[k] = a[k] h[k - 1] + b[k]` along an axis; the first is `b`'s, whatever `a` says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Recurrence {
    /// The axis.
    pub axis: u8,
    /// From the last element to the first.
    pub reverse: bool,
}

impl Recurrence {
    pub(crate) fn of(self, a: &Array, b: &Array) -> Result<Array> {
        Array::from_op(self, &[a, b])
    }

    /// For each step what the step before has; `first` where there is none.
    pub(crate) fn before(self, x: &Array, first: f64) -> Result<Array> {
        shifted(x, self.axis, !self.reverse, first)
    }

    /// For each step what the next step has; 0 where there is none.
    pub(crate) fn after(self, x: &Array) -> Result<Array> {
        shifted(x, self.axis, self.reverse, 0.0)
    }

    pub(crate) fn reversed(self) -> Recurrence {
        Recurrence {
            reverse: !self.reverse,
            ..self
        }
    }
}

/// The elements moved by one place along an axis, forward or back, with `fill` in the place left.
fn shifted(x: &Array, axis: u8, forward: bool, fill: f64) -> Result<Array> {
    let (at, len) = (axis as isize, x.dim(axis as usize));
    if len == 0 {
        return Ok(x.clone());
    }
    let edge = Array::full(x.shape().with(axis as usize, 1), fill, x.dtype())?;
    if forward {
        Array::concatenate(&[edge, x.narrow(at, 0, len - 1)?], at)
    } else {
        Array::concatenate(&[x.narrow(at, 1, len)?, edge], at)
    }
}

impl Family for Recurrence {
    fn name(&self) -> &'static str {
        "recurrence"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (a, b) = (&inputs[0], &inputs[1]);
        a.shape().axis(self.name(), self.axis as isize)?;
        if a.shape() != b.shape() || a.dtype() != b.dtype() || !a.dtype().is_inexact() {
            return Err(Error::shape(
                self.name(),
                format!("needs floats of one shape, not {a:?} and {b:?}"),
            ));
        }
        Ok(smallvec![(a.shape().clone(), a.dtype())])
    }

    fn vjp(&self, x: &[Array], h: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let factors = self.after(&x[0])?.conjugate()?;
        let to_b = self.reversed().of(&factors, &g[0])?;
        let to_a = to_b.multiply(&self.before(&h[0], 0.0)?.conjugate()?)?;
        Ok(vec![Some(to_a), Some(to_b)])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let by_a = match &tangents[0] {
            Some(t) => Some(t.multiply(&self.before(&self.of(&x[0], &x[1])?, 0.0)?)?),
            None => None,
        };
        let pushed = match (by_a, &tangents[1]) {
            (Some(a), Some(b)) => a.add(b)?,
            (Some(a), None) => a,
            (None, Some(b)) => b.clone(),
            (None, None) => return Ok(vec![None]),
        };
        Ok(vec![Some(self.of(&x[0], &pushed)?)])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let op = Recurrence {
            axis: self.axis + axis.is_some() as u8,
            ..*self
        };
        Ok(vec![(op.of(&inputs[0], &inputs[1])?, axis)])
    }
}
