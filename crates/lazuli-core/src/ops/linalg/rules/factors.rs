//! Triangular factors of real matrices: QR, Cholesky, LU.
//!
//! Wide matrices by QR: Roberts and Roberts, "QR and LQ decomposition matrix backpropagation algorithms
//! for square, wide, and deep matrices", 2020 (arXiv 2009.10071). LU by blocks: what is beyond the
//! square of `k` rows and columns is a solution with the square's other factor.

use super::{adjoint, solve_triangular};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::linalg::matrix::{diagonal, of_diagonal};

/// The lower triangle with half of the diagonal.
fn half_lower(a: &Array) -> Result<Array> {
    let half = Array::scalar_of(0.5, a.dtype());
    a.tril(0)?
        .subtract(&of_diagonal(&diagonal(a)?.multiply(&half)?)?)
}

/// `x` of `x a = b`.
fn solve_right(a: &Array, upper: bool, b: &Array) -> Result<Array> {
    adjoint(&solve_triangular(&adjoint(a)?, !upper, &adjoint(b)?)?)
}

/// The first `k` rows or columns and the others, if there are others.
fn split(a: &Array, axis: isize, k: usize) -> Result<(Array, Option<Array>)> {
    let all = a.dim(a.shape().axis("slice", axis)?);
    if all == k {
        return Ok((a.clone(), None));
    }
    Ok((a.narrow(axis, 0, k)?, Some(a.narrow(axis, k, all)?)))
}

fn join(first: Array, others: Option<Array>, axis: isize) -> Result<Array> {
    match others {
        Some(others) => Array::concatenate(&[first, others], axis),
        None => Ok(first),
    }
}

pub(super) fn cholesky_vjp(l: &Array, g: &Array) -> Result<Array> {
    let p = half_lower(&adjoint(l)?.matmul(g)?)?;
    // l⁻ᵀ p l⁻¹, of whose mirror image the half is taken.
    let p = solve_triangular(&adjoint(l)?, true, &p)?;
    let p = solve_right(l, false, &p)?;
    let half = Array::scalar_of(0.5, p.dtype());
    p.add(&adjoint(&p)?)?.multiply(&half)
}

pub(super) fn cholesky_jvp(l: &Array, d: &Array) -> Result<Array> {
    let left = solve_triangular(l, false, d)?;
    l.matmul(&half_lower(&solve_right(&adjoint(l)?, true, &left)?)?)
}

/// Columns beyond the square, `b`, have `r` of `qᵀ b`: what reaches them goes on to `q`.
pub(super) fn qr_vjp(a: &Array, y: &[Array], g: &[Array]) -> Result<Array> {
    let q = &y[0];
    let k = q.dim(q.rank() - 1);
    let (r, _) = split(&y[1], -1, k)?;
    let (to_r, to_others) = split(&g[1], -1, k)?;
    let (_, b) = split(a, -1, k)?;
    let mut to_q = g[0].clone();
    let mut to_b = None;
    if let (Some(b), Some(to_others)) = (b, to_others) {
        to_q = to_q.add(&b.matmul(&adjoint(&to_others)?)?)?;
        to_b = Some(q.matmul(&to_others)?);
    }
    // M = r r̄ᵀ - q̄ᵀ q, of which the lower triangle is mirrored.
    let m = r
        .matmul(&adjoint(&to_r)?)?
        .subtract(&adjoint(&to_q)?.matmul(q)?)?;
    let mirrored = m.tril(0)?.add(&adjoint(&m.tril(-1)?)?)?;
    let left = to_q.add(&q.matmul(&mirrored)?)?;
    let square = solve_right(&adjoint(&r)?, false, &left)?;
    join(square, to_b, -1)
}

pub(super) fn qr_jvp(a: &Array, y: &[Array], d: &Array) -> Result<Vec<Array>> {
    let q = &y[0];
    let k = q.dim(q.rank() - 1);
    let (r, _) = split(&y[1], -1, k)?;
    let (d, d_others) = split(d, -1, k)?;
    let (_, b) = split(a, -1, k)?;
    let right = solve_right(&r, true, &d)?;
    let inner = adjoint(q)?.matmul(&right)?;
    let lower = inner.tril(-1)?;
    let turn = lower.subtract(&adjoint(&lower)?)?;
    let to_q = q.matmul(&turn.subtract(&inner)?)?.add(&right)?;
    let to_r = inner.subtract(&turn)?.matmul(&r)?;
    let mut to_others = None;
    if let (Some(b), Some(d)) = (b, d_others) {
        let turned = adjoint(&to_q)?.matmul(&b)?;
        to_others = Some(turned.add(&adjoint(q)?.matmul(&d)?)?);
    }
    let to_r = join(to_r, to_others, -1)?;
    Ok(vec![to_q, to_r])
}

/// The matrix that takes each row of another to its place.
fn exchanged(places: &Array, dtype: Dtype) -> Result<Array> {
    let n = places.dim(places.rank() - 1);
    let at: Vec<u32> = (0..n as u32).collect();
    let at = Array::from_slice(&at, [n, 1])?;
    at.equal(&places.expand_dims(places.rank() - 1)?)?
        .astype(dtype)
}

/// Both factors of `[m, n]` in one, apart: `[m, k]`, whose diagonal is one, and `[k, n]`, each as its
/// square and what is beyond, of which one at most has something.
struct Parts {
    lower: Array,
    below: Option<Array>,
    upper: Array,
    right: Option<Array>,
}

impl Parts {
    /// Of factors, or of what reaches them.
    fn of(packed: &Array) -> Result<Parts> {
        let rank = packed.rank();
        let k = packed.dim(rank - 2).min(packed.dim(rank - 1));
        let (square, below) = split(packed, -2, k)?;
        let (square, right) = split(&square, -1, k)?;
        Ok(Parts {
            lower: square.tril(-1)?,
            below,
            upper: square.triu(0)?,
            right,
        })
    }

    fn with_ones(mut self) -> Result<Parts> {
        let k = self.lower.dim(self.lower.rank() - 1);
        self.lower = self.lower.add(&Array::identity(k, self.lower.dtype())?)?;
        Ok(self)
    }
}

pub(super) fn lu_vjp(y: &[Array], g: &Array) -> Result<Array> {
    let Parts {
        lower,
        below,
        upper,
        right,
    } = Parts::of(&y[0])?.with_ones()?;
    let mut to = Parts::of(g)?;
    // below = (its rows of a) upper⁻¹, right = lower⁻¹ (its columns of a).
    if let (Some(below), Some(g)) = (&below, &to.below) {
        let moved = solve_right(&adjoint(&upper)?, false, g)?;
        to.upper = (to.upper).subtract(&adjoint(below)?.matmul(&moved)?.triu(0)?)?;
        to.below = Some(moved);
    }
    if let (Some(right), Some(g)) = (&right, &to.right) {
        let moved = solve_triangular(&adjoint(&lower)?, true, g)?;
        to.lower = (to.lower).subtract(&moved.matmul(&adjoint(right)?)?.tril(-1)?)?;
        to.right = Some(moved);
    }
    let by_lower = adjoint(&lower)?.matmul(&to.lower)?.tril(-1)?;
    let by_upper = to.upper.matmul(&adjoint(&upper)?)?.triu(0)?;
    // l⁻ᵀ (..) u⁻ᵀ
    let square = solve_triangular(&adjoint(&lower)?, true, &by_lower.add(&by_upper)?)?;
    let square = solve_right(&adjoint(&upper)?, false, &square)?;
    let rows = join(join(square, to.right, -1)?, to.below, -2)?;
    // The rows put back.
    adjoint(&exchanged(&y[2], rows.dtype())?)?.matmul(&rows)
}

pub(super) fn lu_jvp(y: &[Array], d: &Array) -> Result<Array> {
    let Parts {
        lower,
        below,
        upper,
        right,
    } = Parts::of(&y[0])?.with_ones()?;
    let k = lower.dim(lower.rank() - 1);
    let (square, d_below) = split(&exchanged(&y[2], d.dtype())?.matmul(d)?, -2, k)?;
    let (square, d_right) = split(&square, -1, k)?;
    let left = solve_triangular(&lower, false, &square)?;
    let inner = solve_right(&upper, true, &left)?;
    let to_lower = lower.matmul(&inner.tril(-1)?)?;
    let to_upper = inner.triu(0)?.matmul(&upper)?;
    let mut to_below = None;
    if let (Some(below), Some(d)) = (below, d_below) {
        let rest = d.subtract(&below.matmul(&to_upper)?)?;
        to_below = Some(solve_right(&upper, true, &rest)?);
    }
    let mut to_right = None;
    if let (Some(right), Some(d)) = (right, d_right) {
        let rest = d.subtract(&to_lower.matmul(&right)?)?;
        to_right = Some(solve_triangular(&lower, false, &rest)?);
    }
    join(join(to_lower.add(&to_upper)?, to_right, -1)?, to_below, -2)
}
