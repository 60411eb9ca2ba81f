//! Derivatives of decompositions and solutions.
//!
//! Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
//! differentiation", 2008, for real matrices; the files beside this one name the sources of the rest.
//! The gradient of a real function of complex matrices is `∂/∂re + i ∂/∂im`, as everywhere. Where
//! eigenvalues or singular values coincide, their vectors have no derivative and the result is not finite.

mod factors;
mod solutions;
mod spectra;

use super::Linalg::{self, *};
use crate::array::Array;
use crate::error::Result;

/// The adjoint: transposed, and complex elements conjugated.
fn adjoint(a: &Array) -> Result<Array> {
    a.matrix_transpose()?.conjugate()
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

pub(super) fn vjp(op: Linalg, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
    let a = &x[0];
    Ok(vec![Some(match op {
        Qr => factors::qr_vjp(a, y, g)?,
        Cholesky => factors::cholesky_vjp(&y[0], &g[0])?,
        Lu => factors::lu_vjp(y, &g[0])?,
        SingularValues => spectra::singular_values_vjp(a, &g[0])?,
        Svd { .. } => spectra::svd_vjp(y, g)?,
        SelfAdjointEigenvalues => spectra::self_adjoint_values_vjp(a, &g[0])?,
        SelfAdjointEigen => spectra::self_adjoint_vjp(y, g)?,
        // The vectors are needed only for the derivative.
        Eigenvalues => spectra::eigen_vjp(a, &Eigen.outputs(&[a])?, &g[0], None)?,
        Eigen => spectra::eigen_vjp(a, y, &g[0], Some(&g[1]))?,
        Determinant => solutions::determinant_vjp(a, &g[0].multiply(&y[0])?)?,
        LogDeterminant => solutions::determinant_vjp(a, &g[1])?,
        Solve | SolveTriangular { .. } => return solutions::vjp(op, a, &y[0], &g[0]),
    })])
}

pub(super) fn jvp(
    op: Linalg,
    x: &[Array],
    tangents: &[Option<Array>],
) -> Result<Vec<Option<Array>>> {
    let a = &x[0];
    if matches!(op, Solve | SolveTriangular { .. }) {
        return solutions::jvp(op, x, tangents);
    }
    let y = op.outputs(&[a])?;
    let Some(d) = &tangents[0] else {
        return Ok(vec![None; y.len()]);
    };
    let all = |of: Vec<Array>| of.into_iter().map(Some).collect();
    Ok(match op {
        Qr => all(factors::qr_jvp(a, &y, d)?),
        Cholesky => vec![Some(factors::cholesky_jvp(&y[0], d)?)],
        Lu => vec![Some(factors::lu_jvp(&y, d)?), None, None],
        SingularValues => vec![Some(spectra::singular_values_jvp(a, d)?)],
        Svd { .. } => all(spectra::svd_jvp(&y, d)?),
        SelfAdjointEigenvalues => vec![Some(spectra::self_adjoint_values_jvp(a, d)?)],
        SelfAdjointEigen => all(spectra::self_adjoint_jvp(&y, d)?),
        Eigenvalues => all(spectra::eigen_jvp(&Eigen.outputs(&[a])?, d)?[..1].to_vec()),
        Eigen => all(spectra::eigen_jvp(&y, d)?),
        LogDeterminant => vec![None, Some(solutions::trace_of_ratio(a, d)?)],
        // `jvp` of solutions has returned: the determinant is left.
        Determinant | Solve | SolveTriangular { .. } => {
            vec![Some(solutions::trace_of_ratio(a, d)?.multiply(&y[0])?)]
        }
    })
}
