//! Places of values in a sorted sequence.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// Which of the places that keep the sequence sorted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// Before equal elements.
    Left,
    /// After equal elements.
    Right,
}

/// For each value how many elements of a sorted sequence go before it; `uint32`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct SearchSorted(pub Side);

impl Family for SearchSorted {
    fn name(&self) -> &'static str {
        "searchsorted"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (sorted, values) = (&inputs[0], &inputs[1]);
        if sorted.rank() != 1 || sorted.elements() > u32::MAX as usize {
            return Err(Error::shape(
                self.name(),
                format!(
                    "the sorted sequence must have one axis, its shape is {}",
                    sorted.shape()
                ),
            ));
        }
        if sorted.dtype() != values.dtype() {
            return Err(Error::dtype(
                self.name(),
                format!("operands differ: {sorted:?} and {values:?}"),
            ));
        }
        Ok(smallvec![(values.shape().clone(), Dtype::U32)])
    }

    fn vjp(&self, _: &[Array], _: &[Array], _: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None, None])
    }

    fn jvp(&self, _: &[Array], _: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        if axes[0].is_some() {
            // Each example has a sequence of its own.
            return Err(Error::unsupported(self.name(), "no vmap rule"));
        }
        let out = Array::from_op(*self, &[&inputs[0], &inputs[1]])?;
        Ok(vec![(out, axes[1])])
    }
}

impl Array {
    /// For each of `values` its place in this sorted sequence, `uint32`: how many elements go before
    /// it, equal ones among them on [`Side::Right`]. NaN is the largest. Operands are promoted.
    ///
    /// # Errors
    /// [`Error::Shape`] when the sequence does not have one axis.
    pub fn searchsorted(&self, values: &Array, side: Side) -> Result<Array> {
        self.check()?;
        values.check()?;
        let dtype = self.dtype().promote(values.dtype());
        let (sorted, values) = (self.astype(dtype)?, values.astype(dtype)?);
        Array::from_op(SearchSorted(side), &[&sorted, &values])
    }
}
