//! Solutions of linear equations, and determinants.

use super::super::Linalg::{self, *};
use super::{adjoint, solve, solve_triangular};
use crate::array::Array;
use crate::error::Result;
use crate::linalg::matrix::diagonal;

/// The triangle of `a` that a solution reads.
fn triangle(op: Linalg, a: &Array) -> Result<Array> {
    match op {
        SolveTriangular { upper: true } => a.triu(0),
        SolveTriangular { upper: false } => a.tril(0),
        _ => Ok(a.clone()),
    }
}

pub(super) fn vjp(op: Linalg, a: &Array, y: &Array, g: &Array) -> Result<Vec<Option<Array>>> {
    let to_b = match op {
        SolveTriangular { upper } => solve_triangular(&adjoint(a)?, !upper, g)?,
        _ => solve(&adjoint(a)?, g)?,
    };
    let to_a = triangle(op, &to_b.matmul(&adjoint(y)?)?.negative()?)?;
    Ok(vec![Some(to_a), Some(to_b)])
}

/// `a⁻¹ (db - da x)`.
pub(super) fn jvp(
    op: Linalg,
    x: &[Array],
    tangents: &[Option<Array>],
) -> Result<Vec<Option<Array>>> {
    let mut right = tangents[1].clone();
    if let Some(d) = &tangents[0] {
        let y = Array::from_op(op, &[&x[0], &x[1]])?;
        let moved = triangle(op, d)?.matmul(&y)?.negative()?;
        right = Some(match right {
            Some(d) => d.add(&moved)?,
            None => moved,
        });
    }
    let of = |right: &Array| Array::from_op(op, &[&x[0], right]);
    Ok(vec![right.as_ref().map(of).transpose()?])
}

/// The inverse of each transposed matrix times a number.
pub(super) fn determinant_vjp(a: &Array, factor: &Array) -> Result<Array> {
    let n = a.dim(a.rank() - 1);
    let factor = factor
        .expand_dims(factor.rank())?
        .expand_dims(factor.rank() + 1)?;
    let right = Array::identity(n, a.dtype())?
        .multiply(&factor)?
        .broadcast_to(a.shape())?;
    solve(&a.matrix_transpose()?, &right)
}

pub(super) fn trace_of_ratio(a: &Array, d: &Array) -> Result<Array> {
    diagonal(&solve(a, d)?)?.sum([-1], false)
}
