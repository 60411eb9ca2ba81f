//! Linear equations, inverses and determinants.

use super::matrix::scale_columns;
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::ops::linalg::Linalg;
use crate::shape::Shape;

/// `x` of `a x = b`. `a`: `[.., n, n]`; `b`: `[n]` or `[.., n, k]`; leading axes broadcast.
///
/// # Errors
/// [`Error::Shape`] when the operands do not fit, [`Error::Dtype`] unless they promote to `float32` or
/// `float64`; when evaluated, [`Error::Value`] when a matrix is singular.
pub fn solve(a: &Array, b: &Array) -> Result<Array> {
    solution(Linalg::Solve, "solve", a, b)
}

/// As [`solve`], of the triangle of `a` at and above the diagonal, or at and below it.
///
/// # Errors
/// As [`solve`].
pub fn solve_triangular(a: &Array, b: &Array, upper: bool) -> Result<Array> {
    let op = Linalg::SolveTriangular { upper };
    solution(op, "solve_triangular", a, b)
}

fn solution(op: Linalg, name: &'static str, a: &Array, b: &Array) -> Result<Array> {
    a.check()?;
    b.check()?;
    let dtype = a.dtype().promote(b.dtype());
    if !matches!(dtype, Dtype::F32 | Dtype::F64) {
        return Err(Error::dtype(
            name,
            format!(
                "takes what promotes to float32 or float64, not {} and {}",
                a.dtype(),
                b.dtype()
            ),
        ));
    }
    let (rank, vector) = (a.rank(), b.rank() == 1);
    let rows = b.rank().wrapping_sub(if vector { 1 } else { 2 });
    let fits = rank >= 2
        && b.rank() > 0
        && a.dim(rank - 1) == a.dim(rank - 2)
        && b.dim(rows) == a.dim(rank - 1);
    if !fits {
        return Err(Error::shape(
            name,
            format!(
                "{} and {} are not [.., n, n] and [n] or [.., n, k]",
                a.shape(),
                b.shape()
            ),
        ));
    }
    let (a, mut b) = (a.astype(dtype)?, b.astype(dtype)?);
    if vector {
        b = b.expand_dims(1)?;
    }
    let lead = |x: &Array| -> Shape { x.shape()[..x.rank() - 2].into() };
    let batch = lead(&a).broadcast(name, &lead(&b))?;
    let whole = |x: &Array| -> Result<Array> {
        let own = &x.shape()[x.rank() - 2..];
        x.broadcast_to(batch.iter().chain(own).copied().collect::<Shape>())
    };
    let x = Array::from_op(op, &[&whole(&a)?, &whole(&b)?])?;
    if vector {
        return x.reshape(x.shape().without(x.rank() - 1));
    }
    Ok(x)
}

/// The identity that an inverse is solved for, checked as the inverse's operand must be.
fn identity_for(name: &'static str, a: &Array) -> Result<Array> {
    a.check()?;
    let rank = a.rank();
    if rank < 2 || a.dim(rank - 1) != a.dim(rank - 2) {
        return Err(Error::shape(
            name,
            format!("needs square matrices, the shape is {}", a.shape()),
        ));
    }
    if !matches!(a.dtype(), Dtype::F32 | Dtype::F64) {
        return Err(Error::dtype(
            name,
            format!("takes float32 or float64, not {}", a.dtype()),
        ));
    }
    Array::identity(a.dim(rank - 1), a.dtype())
}

/// The inverse.
///
/// # Errors
/// [`Error::Shape`] unless square, [`Error::Dtype`] unless `float32` or `float64`; when evaluated,
/// [`Error::Value`] when a matrix is singular.
pub fn inv(a: &Array) -> Result<Array> {
    solve(a, &identity_for("inv", a)?)
}

/// The inverse of the triangle of `a` at and above the diagonal, or at and below it.
///
/// # Errors
/// As [`inv`].
pub fn tri_inv(a: &Array, upper: bool) -> Result<Array> {
    solve_triangular(a, &identity_for("tri_inv", a)?, upper)
}

/// The inverse of the matrix whose factor [`super::cholesky`] gave as `a`.
///
/// # Errors
/// As [`inv`].
pub fn cholesky_inv(a: &Array, upper: bool) -> Result<Array> {
    let eye = identity_for("cholesky_inv", a)?;
    let inverse = solve_triangular(a, &eye, upper)?;
    let transposed = inverse.matrix_transpose()?;
    if upper {
        inverse.matmul(&transposed)
    } else {
        transposed.matmul(&inverse)
    }
}

/// The Moore-Penrose inverse: `[.., m, n]` to `[.., n, m]`. Singular values below `10 max(m, n) ε` of
/// the largest count as zero.
///
/// # Errors
/// [`Error::Shape`] below two axes, [`Error::Dtype`] unless `float32` or `float64`; when evaluated,
/// [`Error::Value`] for NaN and infinity.
pub fn pinv(a: &Array) -> Result<Array> {
    a.check()?;
    let rank = a.rank();
    if rank < 2 {
        let what = format!("needs matrices, the shape is {}", a.shape());
        return Err(Error::shape("pinv", what));
    }
    let eps = match a.dtype() {
        Dtype::F32 => f64::from(f32::EPSILON),
        Dtype::F64 => f64::EPSILON,
        other => {
            let what = format!("takes float32 or float64, not {other}");
            return Err(Error::dtype("pinv", what));
        }
    };
    let (m, n) = (a.dim(rank - 2), a.dim(rank - 1));
    if m.min(n) == 0 {
        return Array::full(a.matrix_transpose()?.shape(), 0.0, a.dtype());
    }
    let usv = Array::outputs_of(Linalg::Svd { full: false }, &[a])?;
    let (u, s, v) = (&usv[0], &usv[1], &usv[2]);
    let number = |x: f64| Array::scalar_of(x, a.dtype());
    let least = s
        .max([-1], true)?
        .multiply(&number(10.0 * m.max(n) as f64 * eps))?;
    let used = s.greater(&least)?;
    // A divisor of one where nothing is divided keeps derivatives finite.
    let inverse = number(1.0).divide(&Array::select(&used, s, &number(1.0))?)?;
    let inverse = Array::select(&used, &inverse, &number(0.0))?;
    scale_columns(&v.matrix_transpose()?, &inverse)?.matmul(&u.matrix_transpose()?)
}

/// The dtype in which a determinant is computed, and that of the result.
fn determinant_dtypes(name: &'static str, a: &Array) -> Result<(Dtype, Dtype)> {
    a.check()?;
    let out = a.dtype().at_least_float();
    match out {
        Dtype::C64 => Err(Error::dtype(name, "takes real numbers, not complex64")),
        Dtype::F64 => Ok((out, out)),
        _ => Ok((Dtype::F32, out)),
    }
}

/// The determinant; integers become `float32`.
///
/// # Errors
/// [`Error::Shape`] unless square, [`Error::Dtype`] for `complex64`.
pub fn det(a: &Array) -> Result<Array> {
    let (inner, out) = determinant_dtypes("det", a)?;
    Array::from_op(Linalg::Determinant, &[&a.astype(inner)?])?.astype(out)
}

/// The sign of the determinant and the logarithm of its magnitude; integers become `float32`.
///
/// # Errors
/// As [`det`].
pub fn slogdet(a: &Array) -> Result<(Array, Array)> {
    let (inner, out) = determinant_dtypes("slogdet", a)?;
    let both = Array::outputs_of(Linalg::LogDeterminant, &[&a.astype(inner)?])?;
    Ok((both[0].astype(out)?, both[1].astype(out)?))
}
