//! Matrix product over the last two axes.
//!
//! One arithmetic for any number of rows: what a row of the result is depends on that row of the left
//! operand alone. Half types are accumulated in `f32`.

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// `[.., m, k] x [.., k, n] -> [.., m, n]` with equal leading axes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Matmul;

impl Family for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (a, b) = (&inputs[0], &inputs[1]);
        let rank = a.rank();
        if rank < 2 || b.rank() != rank || a.shape()[..rank - 2] != b.shape()[..rank - 2] {
            return Err(Error::shape(
                "matmul",
                format!("operands do not fit: {a:?} x {b:?}"),
            ));
        }
        if a.dim(rank - 1) != b.dim(rank - 2) {
            return Err(Error::shape(
                "matmul",
                format!(
                    "inner dimensions differ: {} x {} ({} against {})",
                    a.shape(),
                    b.shape(),
                    a.dim(rank - 1),
                    b.dim(rank - 2)
                ),
            ));
        }
        if !a.dtype().is_inexact() || a.dtype() != b.dtype() {
            return Err(Error::dtype(
                "matmul",
                format!(
                    "does not take {} x {}: convert to a float",
                    a.dtype(),
                    b.dtype()
                ),
            ));
        }
        Ok(smallvec![(
            a.shape().with(rank - 1, b.dim(rank - 1)),
            a.dtype()
        )])
    }

    fn vjp(&self, x: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let adjoint = |x: &Array| x.matrix_transpose()?.conjugate();
        let to_a = Array::from_op(Matmul, &[&g[0], &adjoint(&x[1])?])?;
        let to_b = Array::from_op(Matmul, &[&adjoint(&x[0])?, &g[0]])?;
        Ok(vec![Some(to_a), Some(to_b)])
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let left = tangents[0]
            .as_ref()
            .map(|t| Array::from_op(Matmul, &[t, &x[1]]));
        let right = tangents[1]
            .as_ref()
            .map(|t| Array::from_op(Matmul, &[&x[0], t]));
        Ok(vec![match (left.transpose()?, right.transpose()?) {
            (Some(l), Some(r)) => Some(l.add(&r)?),
            (l, r) => l.or(r),
        }])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (i, axis) = batch::all_to_front(inputs, axes)?;
        Ok(vec![(Array::from_op(Matmul, &[&i[0], &i[1]])?, axis)])
    }
}

impl Array {
    /// Matrix product of `self [.., m, k]` and `other [.., k, n]`: `[.., m, n]` in the promoted dtype.
    /// Leading axes broadcast; a vector is taken as one row (left) or one column (right), and its axis
    /// is missing from the result. Half types are summed in `f32`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a scalar, when the inner dimensions differ or the leading ones do not
    /// broadcast; [`Error::Dtype`] when both are integers or truth values.
    pub fn matmul(&self, other: &Array) -> Result<Array> {
        self.check()?;
        other.check()?;
        if self.rank() == 0 || other.rank() == 0 {
            return Err(Error::shape("matmul", "a scalar has no rows: use multiply"));
        }
        let dtype = self.dtype().promote(other.dtype());
        let (mut a, mut b) = (self.astype(dtype)?, other.astype(dtype)?);
        let (row, column) = (a.rank() == 1, b.rank() == 1);
        if row {
            a = a.expand_dims(0)?;
        }
        if column {
            b = b.expand_dims(1)?;
        }
        let lead = |x: &Array| -> Shape { x.shape()[..x.rank() - 2].into() };
        let shape = lead(&a).broadcast("matmul", &lead(&b))?;
        let whole = |x: &Array| -> Shape {
            shape
                .iter()
                .chain(&x.shape()[x.rank() - 2..])
                .copied()
                .collect()
        };
        let (a, b) = (a.broadcast_to(whole(&a))?, b.broadcast_to(whole(&b))?);
        let mut out = Array::from_op(Matmul, &[&a, &b])?;
        if row {
            out = out.reshape(out.shape().without(out.rank() - 2))?;
        }
        if column {
            out = out.reshape(out.shape().without(out.rank() - 1))?;
        }
        Ok(out)
    }
}
