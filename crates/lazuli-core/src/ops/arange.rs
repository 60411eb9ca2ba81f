//! Evenly spaced numbers, made where they are used: nothing is uploaded.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// `start + k * step` for `k` in `0..len`, computed in 64 bits and rounded once.
///
/// `start` and `step` are the bits of an `i64` for integer dtypes, which wrap, and of an `f64` for the
/// others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Arange {
    /// The first number.
    pub start: u64,
    /// The distance between numbers.
    pub step: u64,
    /// How many.
    pub len: usize,
    /// Of what kind.
    pub dtype: Dtype,
}

impl Family for Arange {
    fn name(&self) -> &'static str {
        "arange"
    }

    fn infer(&self, _: &[Array]) -> Result<Outs> {
        if self.dtype == Dtype::Bool {
            return Err(Error::dtype("arange", "there is no range of truth values"));
        }
        let shape = crate::Shape::from([self.len]);
        if shape.checked_bytes(self.dtype.size()).is_none() {
            let what = format!("{} elements do not fit in memory", self.len);
            return Err(Error::shape("arange", what));
        }
        Ok(smallvec![(shape, self.dtype)])
    }

    fn vjp(&self, _: &[Array], _: &[Array], _: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(Vec::new())
    }

    fn jvp(&self, _: &[Array], _: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn vmap(&self, _: &[Array], _: &[Option<usize>]) -> Result<Vec<(Array, Option<usize>)>> {
        Ok(vec![(Array::from_op(*self, &[])?, None)])
    }
}

impl Array {
    /// The numbers from `start` on, before `stop`, `step` apart, as elements of `dtype`.
    ///
    /// # Errors
    /// [`Error::Value`] when the step is zero or a number is not finite; [`Error::Dtype`] for truth
    /// values.
    pub fn arange(start: f64, stop: f64, step: f64, dtype: Dtype) -> Result<Array> {
        let len = ((stop - start) / step).ceil();
        if step == 0.0 || !start.is_finite() || !step.is_finite() || !len.is_finite() {
            return Err(Error::value(
                "arange",
                format!("no numbers lie {step} apart from {start} to {stop}"),
            ));
        }
        let whole = |x: f64| if x < 0.0 { x as i64 as u64 } else { x as u64 };
        let (first, step) = if dtype.is_integer() {
            let first = whole(start);
            (first, whole(start + step).wrapping_sub(first))
        } else {
            (start.to_bits(), step.to_bits())
        };
        let op = Arange {
            start: first,
            step,
            len: len.max(0.0) as usize,
            dtype,
        };
        Array::from_op(op, &[])
    }

    /// `0..len` as positions.
    pub(crate) fn counting(len: usize) -> Result<Array> {
        let op = Arange {
            start: 0,
            step: 1,
            len,
            dtype: super::writes::POSITION,
        };
        Array::from_op(op, &[])
    }
}
