//! Products of matrices that indices pick, and of parts of matrices: `gather_mm`, `segmented_mm`, and
//! the sums of outer products that are the former's gradient.
//!
//! The right matrices are never gathered: rows go to the matrix that they name (see `experts`).

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::ops::experts::GatherMatmul;
use crate::shape::Shape;

/// `y [t, n]`, `x [t, k]` and ids `[t]` (`uint32`) to `[experts, n, k]`: each row's outer product,
/// added to the matrix that its id names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct ScatterOuter {
    /// Matrices of the result.
    pub experts: usize,
}

impl Family for ScatterOuter {
    fn name(&self) -> &'static str {
        "scatter_outer"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (y, x, ids) = (&inputs[0], &inputs[1], &inputs[2]);
        let fits = y.rank() == 2
            && x.rank() == 2
            && ids.rank() == 1
            && y.dim(0) == x.dim(0)
            && y.dim(0) == ids.dim(0)
            && y.dtype() == x.dtype()
            && y.dtype().is_float()
            && ids.dtype() == Dtype::U32;
        if !fits {
            return Err(Error::shape(
                "scatter_outer",
                format!("rows {y:?}, {x:?} and ids {ids:?} do not fit"),
            ));
        }
        Ok(smallvec![(
            Shape::from([self.experts, y.dim(1), x.dim(1)]),
            y.dtype()
        )])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let (y, x, ids) = (&inputs[0], &inputs[1], &inputs[2]);
            let (rows, n, k) = (y.dim(0), y.dim(1), x.dim(1));
            let wide = y.dtype().accumulator();
            let all: Vec<u32> = (0..self.experts as u32).collect();
            let all = Array::from_slice(&all, [1, self.experts])?;
            let hot = ids.reshape([rows, 1])?.equal(&all)?.astype(wide)?;
            // [rows, experts, n], zero but at the row's expert.
            let spread = hot
                .reshape([rows, self.experts, 1])?
                .multiply(&y.astype(wide)?.reshape([rows, 1, n])?)?
                .reshape([rows, self.experts * n])?;
            let sums = spread.matrix_transpose()?.matmul(&x.astype(wide)?)?;
            Ok(vec![sums.reshape([self.experts, n, k])?.astype(y.dtype())?])
        })())
    }

    fn vjp(&self, i: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let ids = i[2].reshape([i[2].dim(0), 1])?;
        let op = GatherMatmul { quantization: None };
        let rows = |x: &Array, w: &Array| -> Result<Array> {
            let y = Array::from_op(op, &[x, &ids, w])?;
            y.reshape([y.dim(0), y.dim(2)])
        };
        let to_y = rows(&i[1], &g[0])?;
        let to_x = rows(&i[0], &g[0].matrix_transpose()?)?;
        Ok(vec![Some(to_y), Some(to_x), None])
    }

    fn jvp(&self, i: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let of = |y: &Array, x: &Array| Array::from_op(*self, &[y, x, &i[2]]);
        let left = tangents[0].as_ref().map(|t| of(t, &i[1])).transpose()?;
        let right = tangents[1].as_ref().map(|t| of(&i[0], t)).transpose()?;
        Ok(vec![match (left, right) {
            (Some(l), Some(r)) => Some(l.add(&r)?),
            (l, r) => l.or(r),
        }])
    }
}

/// `a [m, k]`, `b [k, n]` and segments `[s, 2]` (`uint32`) to `[s, m, n]`: the product over each
/// segment `start..end` of the inner axis. A segment ends at the axis' end at the latest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct SegmentedMatmul;

impl Family for SegmentedMatmul {
    fn name(&self) -> &'static str {
        "segmented_mm"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (a, b, segments) = (&inputs[0], &inputs[1], &inputs[2]);
        let fits = a.rank() == 2
            && b.rank() == 2
            && a.dim(1) == b.dim(0)
            && a.dtype() == b.dtype()
            && a.dtype().is_float()
            && segments.rank() == 2
            && segments.dim(1) == 2
            && segments.dtype() == Dtype::U32;
        if !fits {
            return Err(Error::shape(
                "segmented_mm",
                format!("{a:?} x {b:?} in segments {segments:?} do not fit"),
            ));
        }
        Ok(smallvec![(
            Shape::from([segments.dim(0), a.dim(0), b.dim(1)]),
            a.dtype()
        )])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let (a, b, segments) = (&inputs[0], &inputs[1], &inputs[2]);
            let k = a.dim(1);
            let at: Vec<u32> = (0..k as u32).collect();
            let at = Array::from_slice(&at, [1, k])?;
            let inside = at
                .greater_equal(&segments.narrow(1, 0, 1)?)?
                .logical_and(&at.less(&segments.narrow(1, 1, 2)?)?)?;
            let count = segments.dim(0);
            let zero = Array::scalar_of(0.0, a.dtype());
            // Both sides: zero times an infinity outside the segment is not zero.
            let left = Array::select(&inside.reshape([count, 1, k])?, a, &zero)?;
            let right = Array::select(&inside.reshape([count, k, 1])?, b, &zero)?;
            Ok(vec![left.matmul(&right)?])
        })())
    }
}

impl Array {
    /// The products of matrices of `self [.., m, k]` and `other [.., k, n]` that indices into their
    /// flattened leading axes pick: `[.., m, n]` for indices `[..]`, which broadcast to one another.
    /// Without indices the matrices follow one another.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit, [`Error::Dtype`] when they are not real floats
    /// or the indices not integers. An index out of range is an error when it is evaluated.
    pub fn gather_mm(
        &self,
        other: &Array,
        lhs_indices: Option<&Array>,
        rhs_indices: Option<&Array>,
    ) -> Result<Array> {
        self.check()?;
        other.check()?;
        if lhs_indices.is_none() && rhs_indices.is_none() {
            return self.matmul(other);
        }
        let dtype = self.dtype().promote(other.dtype());
        let (a_rank, b_rank) = (self.rank(), other.rank());
        if a_rank < 2 || b_rank < 2 || self.dim(a_rank - 1) != other.dim(b_rank - 2) {
            return Err(Error::shape(
                "gather_mm",
                format!("inner dimensions differ: {self:?} x {other:?}"),
            ));
        }
        if !dtype.is_float() {
            return Err(Error::dtype(
                "gather_mm",
                format!("needs real floats, not {self:?} and {other:?}"),
            ));
        }
        let (a, b) = (
            self.astype(dtype)?,
            other.astype(dtype)?.matrix_transpose()?,
        );
        let (n, k) = (b.dim(b_rank - 2), b.dim(b_rank - 1));
        let matrices: usize = b.shape()[..b_rank - 2].iter().product();
        let picked = Picked::new(
            "gather_mm",
            &a,
            &b.shape()[..b_rank - 2],
            lhs_indices,
            rhs_indices,
        )?;
        let flat = b.reshape([matrices, n, k])?;
        let op = GatherMatmul { quantization: None };
        let out = Array::from_op(op, &[&picked.rows, &picked.ids, &flat])?;
        out.reshape(picked.result(n))
    }

    /// The products of `self [m, k]` and `other [k, n]` over segments `[.., 2]` of `k`, each from its
    /// start up to its end: `[.., m, n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands are no matrices or the segments no pairs, [`Error::Dtype`]
    /// when the operands are not real floats or the segments not integers.
    pub fn segmented_mm(&self, other: &Array, segments: &Array) -> Result<Array> {
        for x in [self, other, segments] {
            x.check()?;
        }
        let pairs = segments.rank() > 0 && segments.dim(segments.rank() - 1) == 2;
        if !pairs || !segments.dtype().is_integer() {
            return Err(Error::shape(
                "segmented_mm",
                format!("segments must be pairs of integers, not {segments:?}"),
            ));
        }
        let dtype = self.dtype().promote(other.dtype());
        let lead = &segments.shape()[..segments.rank() - 1];
        let flat = segments
            .astype(Dtype::U32)?
            .reshape([lead.iter().product(), 2])?;
        let (a, b) = (self.astype(dtype)?, other.astype(dtype)?);
        let out = Array::from_op(SegmentedMatmul, &[&a, &b, &flat])?;
        let shape: Shape = lead
            .iter()
            .copied()
            .chain([out.dim(1), out.dim(2)])
            .collect();
        out.reshape(shape)
    }
}

/// The left rows of a gathered product and the matrix of each.
pub(super) struct Picked {
    /// `[rows, k]`.
    pub(super) rows: Array,
    /// `[rows, 1]`.
    pub(super) ids: Array,
    lead: Shape,
    m: usize,
}

impl Picked {
    /// Of matrices `a [.., m, k]` and right matrices with leading axes `b_lead`.
    pub(super) fn new(
        op: &'static str,
        a: &Array,
        b_lead: &[usize],
        lhs_indices: Option<&Array>,
        rhs_indices: Option<&Array>,
    ) -> Result<Picked> {
        let a_lead = &a.shape()[..a.rank() - 2];
        let (m, k) = (a.dim(a.rank() - 2), a.dim(a.rank() - 1));
        let count: usize = a_lead.iter().product();
        let lhs = indices(op, lhs_indices, a_lead)?;
        let rhs = indices(op, rhs_indices, b_lead)?;
        let lead = lhs.shape().broadcast(op, rhs.shape())?;
        let picks = lead.elements();
        let in_order = lhs_indices.is_none() && lead[..] == *a_lead;
        let rows = if in_order {
            a.reshape([picks * m, k])?
        } else {
            let lhs = lhs.broadcast_to(&lead)?.reshape([picks])?;
            a.reshape([count, m, k])?
                .take(&lhs, 0)?
                .reshape([picks * m, k])?
        };
        let ids = rhs
            .broadcast_to(&lead)?
            .reshape([picks, 1])?
            .broadcast_to([picks, m])?
            .reshape([picks * m, 1])?;
        Ok(Picked { rows, ids, lead, m })
    }

    /// The shape of the result, whose matrices have `n` columns.
    pub(super) fn result(&self, n: usize) -> Shape {
        self.lead.iter().copied().chain([self.m, n]).collect()
    }
}

/// The indices as `uint32`, or all positions of the leading axes.
fn indices(op: &'static str, given: Option<&Array>, lead: &[usize]) -> Result<Array> {
    match given {
        Some(x) => {
            x.check()?;
            if !x.dtype().is_integer() {
                return Err(Error::dtype(
                    op,
                    format!("indices must be integers, not {x:?}"),
                ));
            }
            x.astype(Dtype::U32)
        }
        None => {
            let count: usize = lead.iter().product();
            let all: Vec<u32> = (0..count as u32).collect();
            Array::from_slice(&all, lead)
        }
    }
}
