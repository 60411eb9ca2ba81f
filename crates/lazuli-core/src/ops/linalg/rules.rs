//! Derivatives of decompositions and solutions, of real matrices.
//!
//! Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
//! differentiation", 2008; Townsend, "Differentiating the singular value decomposition", 2016. Where
//! eigenvalues or singular values coincide, the vectors have no derivative and the result is not finite.

use super::Linalg::{self, *};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::linalg::matrix::{diagonal, of_diagonal, scale_columns, scale_rows};
use crate::op::Family;

fn t(a: &Array) -> Result<Array> {
    a.matrix_transpose()
}

/// The product of several matrices.
fn product(factors: &[&Array]) -> Result<Array> {
    let (first, rest) = (factors[0].clone(), &factors[1..]);
    rest.iter().try_fold(first, |p, f| p.matmul(f))
}

fn solve(a: &Array, b: &Array) -> Result<Array> {
    Array::from_op(Solve, &[a, b])
}

fn solve_triangular(a: &Array, upper: bool, b: &Array) -> Result<Array> {
    Array::from_op(SolveTriangular { upper }, &[a, b])
}

/// The triangle of `a` that a solution reads.
fn triangle(op: Linalg, a: &Array) -> Result<Array> {
    match op {
        SolveTriangular { upper: true } => a.triu(0),
        SolveTriangular { upper: false } => a.tril(0),
        _ => Ok(a.clone()),
    }
}

/// The lower triangle with half of the diagonal.
fn half_lower(a: &Array) -> Result<Array> {
    let half = Array::scalar_of(0.5, a.dtype());
    a.tril(0)?
        .subtract(&of_diagonal(&diagonal(a)?.multiply(&half)?)?)
}

/// `1 / (x_j - x_i)` off the diagonal, zero on it.
fn gaps(x: &Array) -> Result<Array> {
    let rank = x.rank();
    let difference = x.expand_dims(rank - 1)?.subtract(&x.expand_dims(rank)?)?;
    let eye = Array::identity(x.dim(rank - 1), x.dtype())?;
    let (zero, one) = (
        Array::scalar_of(0.0, x.dtype()),
        Array::scalar_of(1.0, x.dtype()),
    );
    let on = eye.equal(&one)?;
    // A divisor of one keeps the diagonal finite in derivatives of this too.
    let inverse = one.divide(&Array::select(&on, &one, &difference)?)?;
    Array::select(&on, &zero, &inverse)
}

/// `x` less its part in the columns of `u`.
fn outside(u: &Array, x: &Array) -> Result<Array> {
    x.subtract(&product(&[u, &t(u)?.matmul(x)?])?)
}

fn none(op: Linalg, why: &str) -> Error {
    Error::unsupported(op.name(), format!("has no derivative {why}"))
}

fn check(op: Linalg, a: &Array) -> Result<()> {
    if a.dtype() == Dtype::C64 {
        return Err(none(op, "of complex matrices"));
    }
    let (m, n) = (a.dim(a.rank() - 2), a.dim(a.rank() - 1));
    match op {
        Eigenvalues | Eigen => Err(none(op, "here: use eigh where the matrix is symmetric")),
        Qr if m < n => Err(none(op, "of matrices wider than they are high")),
        Lu if m != n => Err(none(op, "of matrices that are not square")),
        Svd { full: true } if m != n => Err(none(
            op,
            "of matrices that are not square: vectors beyond the values are not determined",
        )),
        _ => Ok(()),
    }
}

pub(super) fn vjp(op: Linalg, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
    let a = &x[0];
    check(op, a)?;
    Ok(vec![Some(match op {
        Qr => {
            let (q, r) = (&y[0], &y[1]);
            // M = r r̄ᵀ - q̄ᵀ q, of which the lower triangle is mirrored.
            let m = r.matmul(&t(&g[1])?)?.subtract(&t(&g[0])?.matmul(q)?)?;
            let mirrored = m.tril(0)?.add(&t(&m.tril(-1)?)?)?;
            let left = g[0].add(&q.matmul(&mirrored)?)?;
            t(&solve_triangular(r, true, &t(&left)?)?)?
        }
        SingularValues => {
            // The vectors are needed only for the derivative.
            let usv = Svd { full: false }.outputs(&[a])?;
            product(&[&scale_columns(&usv[0], &g[0])?, &usv[2]])?
        }
        Svd { .. } => of_svd(y, g)?,
        Cholesky => {
            let l = &y[0];
            let p = half_lower(&t(l)?.matmul(&g[0])?)?;
            // l⁻ᵀ p l⁻¹, of whose mirror image the half is taken.
            let p = solve_triangular(&t(l)?, true, &p)?;
            let p = t(&solve_triangular(&t(l)?, true, &t(&p)?)?)?;
            let half = Array::scalar_of(0.5, p.dtype());
            p.add(&t(&p)?)?.multiply(&half)?
        }
        SelfAdjointEigenvalues => {
            let v = &SelfAdjointEigen.outputs(&[a])?[1];
            scale_columns(v, &g[0])?.matmul(&t(v)?)?
        }
        SelfAdjointEigen => {
            let (w, v) = (&y[0], &y[1]);
            let turned = gaps(w)?.multiply(&t(v)?.matmul(&g[1])?)?;
            product(&[v, &turned.add(&of_diagonal(&g[0])?)?, &t(v)?])?
        }
        Lu => {
            let (l, u) = unpacked(&y[0])?;
            let by_l = t(&l)?.matmul(&g[0].tril(-1)?)?.tril(-1)?;
            let by_u = g[0].triu(0)?.matmul(&t(&u)?)?.triu(0)?;
            // l⁻ᵀ (..) u⁻ᵀ, the rows put back.
            let p = solve_triangular(&t(&l)?, true, &by_l.add(&by_u)?)?;
            let p = t(&solve_triangular(&u, true, &t(&p)?)?)?;
            t(&exchanged(&y[2], p.dtype())?)?.matmul(&p)?
        }
        Solve | SolveTriangular { .. } => {
            let to_b = match op {
                SolveTriangular { upper } => solve_triangular(&t(a)?, !upper, &g[0])?,
                _ => solve(&t(a)?, &g[0])?,
            };
            let to_a = triangle(op, &to_b.matmul(&t(&y[0])?)?.negative()?)?;
            return Ok(vec![Some(to_a), Some(to_b)]);
        }
        Determinant => of_determinant(a, &g[0].multiply(&y[0])?)?,
        LogDeterminant => of_determinant(a, &g[1])?,
        Eigenvalues | Eigen => return Err(none(op, "here")),
    })])
}

/// The inverse of each transposed matrix times a number.
fn of_determinant(a: &Array, factor: &Array) -> Result<Array> {
    let n = a.dim(a.rank() - 1);
    let factor = factor
        .expand_dims(factor.rank())?
        .expand_dims(factor.rank() + 1)?;
    let right = Array::identity(n, a.dtype())?
        .multiply(&factor)?
        .broadcast_to(a.shape())?;
    solve(&t(a)?, &right)
}

fn of_svd(y: &[Array], g: &[Array]) -> Result<Array> {
    let (u, s, v) = (&y[0], &y[1], t(&y[2])?);
    let (to_u, to_v) = (&g[0], t(&g[2])?);
    let gaps = gaps(&s.square()?)?;
    let turn = |x: &Array, g: &Array| {
        let p = t(x)?.matmul(g)?;
        gaps.multiply(&p.subtract(&t(&p)?)?)
    };
    let inner = scale_columns(&turn(u, to_u)?, s)?
        .add(&scale_rows(&turn(&v, &to_v)?, s)?)?
        .add(&of_diagonal(&g[1])?)?;
    let mut out = product(&[u, &inner, &t(&v)?])?;
    let (m, n, k) = (
        u.dim(u.rank() - 2),
        v.dim(v.rank() - 2),
        s.dim(s.rank() - 1),
    );
    let inverse = Array::scalar_of(1.0, s.dtype()).divide(s)?;
    if m > k {
        let left = scale_columns(&outside(u, to_u)?, &inverse)?;
        out = out.add(&left.matmul(&t(&v)?)?)?;
    }
    if n > k {
        let right = scale_columns(&outside(&v, &to_v)?, &inverse)?;
        out = out.add(&u.matmul(&t(&right)?)?)?;
    }
    Ok(out)
}

/// The lower factor, whose diagonal is one, and the upper one.
fn unpacked(lu: &Array) -> Result<(Array, Array)> {
    let n = lu.dim(lu.rank() - 1);
    Ok((
        lu.tril(-1)?.add(&Array::identity(n, lu.dtype())?)?,
        lu.triu(0)?,
    ))
}

/// The matrix that takes each row of another to its place.
fn exchanged(places: &Array, dtype: Dtype) -> Result<Array> {
    let n = places.dim(places.rank() - 1);
    let at: Vec<u32> = (0..n as u32).collect();
    let at = Array::from_slice(&at, [n, 1])?;
    at.equal(&places.expand_dims(places.rank() - 1)?)?
        .astype(dtype)
}

pub(super) fn jvp(
    op: Linalg,
    x: &[Array],
    tangents: &[Option<Array>],
) -> Result<Vec<Option<Array>>> {
    let a = &x[0];
    check(op, a)?;
    if matches!(op, Solve | SolveTriangular { .. }) {
        return of_solution(op, x, tangents);
    }
    let Some(d) = &tangents[0] else {
        return Ok(vec![None; op.outputs(&[a])?.len()]);
    };
    let y = op.outputs(&[a])?;
    Ok(match op {
        Qr => {
            let (q, r) = (&y[0], &y[1]);
            let right = t(&solve_triangular(&t(r)?, false, &t(d)?)?)?;
            let inner = t(q)?.matmul(&right)?;
            let lower = inner.tril(-1)?;
            let turn = lower.subtract(&t(&lower)?)?;
            let to_q = q.matmul(&turn.subtract(&inner)?)?.add(&right)?;
            vec![Some(to_q), Some(inner.subtract(&turn)?.matmul(r)?)]
        }
        SingularValues => {
            let usv = Svd { full: false }.outputs(&[a])?;
            let inner = product(&[&t(&usv[0])?, d, &t(&usv[2])?])?;
            vec![Some(diagonal(&inner)?)]
        }
        Svd { .. } => along_svd(&y, d)?,
        Cholesky => {
            let l = &y[0];
            let left = solve_triangular(l, false, d)?;
            let both = t(&solve_triangular(l, false, &t(&left)?)?)?;
            vec![Some(l.matmul(&half_lower(&both)?)?)]
        }
        SelfAdjointEigenvalues => {
            let v = &SelfAdjointEigen.outputs(&[a])?[1];
            vec![Some(diagonal(&product(&[&t(v)?, d, v])?)?)]
        }
        SelfAdjointEigen => {
            let (w, v) = (&y[0], &y[1]);
            let inner = product(&[&t(v)?, d, v])?;
            let turned = v.matmul(&gaps(w)?.multiply(&inner)?)?;
            vec![Some(diagonal(&inner)?), Some(turned)]
        }
        Lu => {
            let (l, u) = unpacked(&y[0])?;
            let d = exchanged(&y[2], d.dtype())?.matmul(d)?;
            let left = solve_triangular(&l, false, &d)?;
            let inner = t(&solve_triangular(&t(&u)?, false, &t(&left)?)?)?;
            let to_l = l.matmul(&inner.tril(-1)?)?;
            let to_u = inner.triu(0)?.matmul(&u)?;
            vec![Some(to_l.add(&to_u)?), None, None]
        }
        Determinant => vec![Some(trace_of_ratio(a, d)?.multiply(&y[0])?)],
        LogDeterminant => vec![None, Some(trace_of_ratio(a, d)?)],
        Eigenvalues | Eigen | Solve | SolveTriangular { .. } => return Err(none(op, "here")),
    })
}

fn trace_of_ratio(a: &Array, d: &Array) -> Result<Array> {
    diagonal(&solve(a, d)?)?.sum([-1], false)
}

fn along_svd(y: &[Array], d: &Array) -> Result<Vec<Option<Array>>> {
    let (u, s, v) = (&y[0], &y[1], t(&y[2])?);
    let inner = product(&[&t(u)?, d, &v])?;
    let gaps = gaps(&s.square()?)?;
    let columns = scale_columns(&inner, s)?;
    let rows = scale_rows(&inner, s)?;
    let mut to_u = u.matmul(&gaps.multiply(&columns.add(&t(&columns)?)?)?)?;
    let mut to_v = v.matmul(&gaps.multiply(&rows.add(&t(&rows)?)?)?)?;
    let (m, n, k) = (
        u.dim(u.rank() - 2),
        v.dim(v.rank() - 2),
        s.dim(s.rank() - 1),
    );
    let inverse = Array::scalar_of(1.0, s.dtype()).divide(s)?;
    if m > k {
        let moved = outside(u, &d.matmul(&v)?)?;
        to_u = to_u.add(&scale_columns(&moved, &inverse)?)?;
    }
    if n > k {
        let moved = outside(&v, &t(d)?.matmul(u)?)?;
        to_v = to_v.add(&scale_columns(&moved, &inverse)?)?;
    }
    Ok(vec![Some(to_u), Some(diagonal(&inner)?), Some(t(&to_v)?)])
}

/// `a⁻¹ (db - da x)`.
fn of_solution(op: Linalg, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
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
