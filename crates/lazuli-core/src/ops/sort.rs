//! Order along the last axis: sorting, selection, and the positions that do it.
//!
//! Sorting is stable: equal elements, `-0` and `0` among them, keep their order; NaN is the largest.
//! Another axis is moved to the end and back, which costs less than sorting across strides.

use smallvec::smallvec;

use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::transforms::{batch, jvp_of_decomposition, vjp_of_decomposition};

/// Elements in order along the last axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Sort {
    /// Their positions, `uint32`, rather than themselves.
    pub positions: bool,
    /// Only the element of this rank is in its place: none larger before it, none smaller after it.
    pub kth: Option<usize>,
}

impl Sort {
    /// The elements picked by their positions. Both come from the same selection: a partition has
    /// many orders, and a derivative must follow the one that was taken.
    fn picked(self, x: &[Array]) -> Result<Vec<Array>> {
        let op = Sort {
            positions: true,
            ..self
        };
        let positions = Array::from_op(op, &[&x[0]])?;
        Ok(vec![x[0].take_along_axis(&positions, -1)?])
    }
}

impl Family for Sort {
    fn name(&self) -> &'static str {
        match (self.positions, self.kth.is_some()) {
            (false, false) => "sort",
            (true, false) => "argsort",
            (false, true) => "partition",
            (true, true) => "argpartition",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        let axis = x.shape().axis(self.name(), -1)?;
        let len = x.dim(axis);
        if len > u32::MAX as usize {
            return Err(Error::shape(
                self.name(),
                format!(
                    "axis {axis} of {} is longer than `uint32` counts",
                    x.shape()
                ),
            ));
        }
        if let Some(kth) = self.kth
            && kth >= len
        {
            return Err(Error::index(
                self.name(),
                format!("rank {kth} is out of range for an axis of {len} elements"),
            ));
        }
        let dtype = if self.positions {
            Dtype::U32
        } else {
            x.dtype()
        };
        Ok(smallvec![(x.shape().clone(), dtype)])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        if self.positions {
            return Ok(vec![None]);
        }
        vjp_of_decomposition(&|x| self.picked(x), x, g)
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        if self.positions {
            return Ok(vec![None]);
        }
        jvp_of_decomposition(&|x| self.picked(x), x, tangents)
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        Ok(vec![(Array::from_op(*self, &[&inputs[0]])?, axis)])
    }
}

impl Array {
    /// `f` of the array with `axis` last, or flattened for `..`; the result's last axis put back.
    fn along_last(
        &self,
        op: &'static str,
        axis: Axes,
        f: impl FnOnce(&Array) -> Result<Array>,
    ) -> Result<Array> {
        self.check()?;
        match axis.one(op, self.rank())? {
            None => f(&self.reshape([self.elements()])?),
            Some(axis) if axis + 1 == self.rank() => f(self),
            Some(axis) => f(&self.moveaxis(axis as isize, -1)?)?.moveaxis(-1, axis as isize),
        }
    }

    fn ordered(&self, positions: bool, kth: Option<isize>, axis: Axes) -> Result<Array> {
        let mut op = Sort {
            positions,
            kth: kth.map(|_| 0),
        };
        self.along_last(op.name(), axis, |x| {
            let len = x.dim(x.rank() - 1);
            if let Some(kth) = kth {
                let at = if kth < 0 { kth + len as isize } else { kth };
                let rank = usize::try_from(at).ok().filter(|&at| at < len);
                let missing =
                    || format!("rank {kth} is out of range for an axis of {len} elements");
                op.kth = Some(rank.ok_or_else(|| Error::index(op.name(), missing()))?);
            }
            Array::from_op(op, &[x])
        })
    }

    /// The elements in ascending order along one axis, or all of them flattened for `..`. Stable;
    /// NaN comes last; complex numbers by their real, then by their imaginary parts.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn sort(&self, axis: impl Into<Axes>) -> Result<Array> {
        self.ordered(false, None, axis.into())
    }

    /// The positions, `uint32`, that put the elements in the order of [`Array::sort`].
    ///
    /// # Errors
    /// As [`Array::sort`].
    pub fn argsort(&self, axis: impl Into<Axes>) -> Result<Array> {
        self.ordered(true, None, axis.into())
    }

    /// The elements so ordered along one axis, or flattened for `..`, that the one of rank `kth`
    /// (negative: from the end) is where [`Array::sort`] would put it, with none larger before it and
    /// none smaller after it.
    ///
    /// # Errors
    /// As [`Array::sort`]; [`Error::Index`] when there is no such rank.
    pub fn partition(&self, kth: isize, axis: impl Into<Axes>) -> Result<Array> {
        self.ordered(false, Some(kth), axis.into())
    }

    /// The positions, `uint32`, that put the elements in the order of [`Array::partition`].
    ///
    /// # Errors
    /// As [`Array::partition`].
    pub fn argpartition(&self, kth: isize, axis: impl Into<Axes>) -> Result<Array> {
        self.ordered(true, Some(kth), axis.into())
    }

    /// The `k` largest elements along one axis, or of the flattened array for `..`, in no order.
    ///
    /// # Errors
    /// As [`Array::sort`]; [`Error::Index`] when there are fewer than `k` elements.
    pub fn topk(&self, k: usize, axis: impl Into<Axes>) -> Result<Array> {
        self.along_last("topk", axis.into(), |x| {
            let len = x.dim(x.rank() - 1);
            let Some(rest) = len.checked_sub(k) else {
                return Err(Error::index(
                    "topk",
                    format!("{k} is more than the {len} elements of the axis"),
                ));
            };
            if k == 0 {
                return x.narrow(-1, 0, 0);
            }
            x.partition(rest as isize, -1)?.narrow(-1, rest, len)
        })
    }
}
