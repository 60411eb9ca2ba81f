//! Decompositions.

use super::matrix::mirrored;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::ops::linalg::Linalg;

/// The triangle of a symmetric matrix that is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Side {
    /// At and below the diagonal.
    #[default]
    Lower,
    /// At and above the diagonal.
    Upper,
}

fn outputs<const N: usize>(op: Linalg, a: &Array) -> Result<[Array; N]> {
    let outs = Array::outputs_of(op, &[a])?;
    outs.try_into().map_err(|outs: Vec<Array>| {
        Error::value("linalg", format!("{} results, not {N}", outs.len()))
    })
}

/// `q` with orthonormal columns and `r` upper triangular, whose product is `a`.
///
/// `[.., m, n]` to `[.., m, k]` and `[.., k, n]`, with `k` the smaller of `m` and `n`.
///
/// # Errors
/// [`Error::Shape`] below two axes, [`Error::Dtype`] unless `float32` or `float64`.
pub fn qr(a: &Array) -> Result<(Array, Array)> {
    let [q, r] = outputs(Linalg::Qr, a)?;
    Ok((q, r))
}

/// `u`, `s` and `vᵀ` with `a = u[.., :k] diag(s) vᵀ[.., :k, :]`; `u` and `v` are square, `s` descends.
///
/// # Errors
/// [`Error::Shape`] below two axes, [`Error::Dtype`] unless `float32`, `float64` or `complex64`; when
/// evaluated, [`Error::Value`] for NaN and infinity.
pub fn svd(a: &Array) -> Result<(Array, Array, Array)> {
    let [u, s, v] = outputs(Linalg::Svd { full: true }, a)?;
    Ok((u, s, v))
}

/// The singular values of `a`, descending: [`svd`] with `compute_uv` false.
///
/// # Errors
/// As [`svd`].
pub fn svdvals(a: &Array) -> Result<Array> {
    Array::from_op(Linalg::SingularValues, &[a])
}

/// The triangular factor of a positive definite matrix: `l lᵀ = a`, or `uᵀ u = a` where `upper`. That
/// triangle of `a` is read.
///
/// # Errors
/// [`Error::Shape`] unless square, [`Error::Dtype`] unless `float32` or `float64`; when evaluated,
/// [`Error::Value`] when a matrix is not positive definite.
pub fn cholesky(a: &Array, upper: bool) -> Result<Array> {
    let lower = Array::from_op(Linalg::Cholesky, &[&symmetric(Linalg::Cholesky, a, upper)?])?;
    if upper {
        lower.matrix_transpose()
    } else {
        Ok(lower)
    }
}

/// The matrix that a triangle of `a` stands for, once `op` is known to take `a`.
fn symmetric(op: Linalg, a: &Array, upper: bool) -> Result<Array> {
    use crate::op::Family;
    a.check()?;
    op.infer(std::slice::from_ref(a))?;
    mirrored(a, upper)
}

/// Eigenvalues of a symmetric (complex: self-adjoint) matrix, ascending, and eigenvectors as columns.
/// One triangle of `a` is read.
///
/// # Errors
/// [`Error::Shape`] unless square, [`Error::Dtype`] unless `float32`, `float64` or `complex64`.
pub fn eigh(a: &Array, side: Side) -> Result<(Array, Array)> {
    let op = Linalg::SelfAdjointEigen;
    let [w, v] = outputs(op, &symmetric(op, a, side == Side::Upper)?)?;
    Ok((w, v))
}

/// The eigenvalues of [`eigh`].
///
/// # Errors
/// As [`eigh`].
pub fn eigvalsh(a: &Array, side: Side) -> Result<Array> {
    let op = Linalg::SelfAdjointEigenvalues;
    Array::from_op(op, &[&symmetric(op, a, side == Side::Upper)?])
}

/// Eigenvalues of a square matrix and eigenvectors as columns, `complex64`.
///
/// # Errors
/// [`Error::Shape`] unless square, [`Error::Dtype`] unless `float32`, `float64` or `complex64`; when
/// evaluated, [`Error::Value`] for NaN and infinity.
pub fn eig(a: &Array) -> Result<(Array, Array)> {
    let [w, v] = outputs(Linalg::Eigen, a)?;
    Ok((w, v))
}

/// The eigenvalues of [`eig`].
///
/// # Errors
/// As [`eig`].
pub fn eigvals(a: &Array) -> Result<Array> {
    Array::from_op(Linalg::Eigenvalues, &[a])
}

/// `p`, `l` and `u` with `a[i] = (l u)[p[i]]`: `uint32`, lower triangular with ones on the diagonal,
/// upper triangular.
///
/// `[.., m, n]` to `[.., m]`, `[.., m, k]` and `[.., k, n]`, with `k` the smaller of `m` and `n`.
///
/// # Errors
/// [`Error::Shape`] below two axes, [`Error::Dtype`] unless `float32` or `float64`.
pub fn lu(a: &Array) -> Result<(Array, Array, Array)> {
    let [factors, _, rows] = outputs(Linalg::Lu, a)?;
    let (m, n) = (a.dim(a.rank() - 2), a.dim(a.rank() - 1));
    let k = m.min(n);
    let below = factors.narrow(-1, 0, k)?.tril(-1)?;
    let ones = Array::eye(m, k, 0, a.dtype())?;
    let upper = factors.narrow(-2, 0, k)?.triu(0)?;
    Ok((rows, below.add(&ones)?, upper))
}

/// Both factors of [`lu`] in one matrix, and the row that each row was exchanged with, in order;
/// `uint32`.
///
/// # Errors
/// As [`lu`].
pub fn lu_factor(a: &Array) -> Result<(Array, Array)> {
    let [factors, pivots, _] = outputs(Linalg::Lu, a)?;
    Ok((factors, pivots))
}
