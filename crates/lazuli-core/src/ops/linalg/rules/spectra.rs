//! Singular values, eigenvalues and their vectors, of real and complex matrices.
//!
//! Singular vectors: Townsend, "Differentiating the singular value decomposition", 2016, and of complex
//! matrices Wan and Zhang, "Automatic differentiation for complex valued SVD", 2019 (arXiv 1909.02659).
//! Eigenvectors: Boeddeker et al., "On the computation of complex-valued gradients with application to
//! statistically optimum beamforming", 2017 (arXiv 1701.00392), section 4, less the part that would
//! change their length, which is one.
//!
//! A vector's phase (sign), and the basis of what no singular value belongs to, are the
//! decomposition's choice. Here they do not turn: `v* dv` is zero where it is free, and a free phase of
//! a pair of singular vectors is shared by both. A function that does not depend on the choice has its
//! derivative; another has none.

use super::super::Linalg::{SelfAdjointEigen, Svd};
use super::{adjoint, product, solve};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::linalg::matrix::{diagonal, of_diagonal, scale_columns, scale_rows};

/// `1 / (x_j - x_i)` off the diagonal, zero on it.
fn gaps(x: &Array) -> Result<Array> {
    let rank = x.rank();
    let difference = x.expand_dims(rank - 1)?.subtract(&x.expand_dims(rank)?)?;
    let on = Array::identity(x.dim(rank - 1), Dtype::Bool)?;
    let (zero, one) = (
        Array::scalar_of(0.0, x.dtype()),
        Array::scalar_of(1.0, x.dtype()),
    );
    // A divisor of one keeps the diagonal finite in derivatives of this too.
    let inverse = one.divide(&Array::select(&on, &one, &difference)?)?;
    Array::select(&on, &zero, &inverse)
}

/// `x` less its part in the columns of `u`.
fn outside(u: &Array, x: &Array) -> Result<Array> {
    x.subtract(&product(&[u, &adjoint(u)?.matmul(x)?])?)
}

/// Half of the imaginary part of complex numbers, times `i`.
fn half_imaginary(x: &Array) -> Result<Array> {
    let quarter = Array::scalar_of(0.25, x.dtype());
    x.subtract(&x.conjugate()?)?.multiply(&quarter)
}

fn width(a: &Array) -> usize {
    a.dim(a.rank() - 1)
}

pub(super) fn singular_values_vjp(a: &Array, g: &Array) -> Result<Array> {
    // The vectors are needed only for the derivative.
    let usv = Svd { full: false }.outputs(&[a])?;
    product(&[&scale_columns(&usv[0], g)?, &usv[2]])
}

pub(super) fn singular_values_jvp(a: &Array, d: &Array) -> Result<Array> {
    let usv = Svd { full: false }.outputs(&[a])?;
    let inner = product(&[&adjoint(&usv[0])?, d, &adjoint(&usv[2])?])?;
    diagonal(&inner)?.real()
}

/// The first `k` vectors, and what reaches them with what reaches the others, `w`: those move as
/// `-v dv* w`.
fn first(vectors: &Array, g: &Array, k: usize) -> Result<(Array, Array)> {
    let all = width(vectors);
    if all == k {
        return Ok((vectors.clone(), g.clone()));
    }
    let (v, w) = (vectors.narrow(-1, 0, k)?, vectors.narrow(-1, k, all)?);
    let through = product(&[&w, &adjoint(&g.narrow(-1, k, all)?)?, &v])?;
    let g = g.narrow(-1, 0, k)?.subtract(&through)?;
    Ok((v, g))
}

pub(super) fn svd_vjp(y: &[Array], g: &[Array]) -> Result<Array> {
    let s = &y[1];
    let k = width(s);
    let (u, to_u) = first(&y[0], &g[0], k)?;
    let (v, to_v) = first(&adjoint(&y[2])?, &adjoint(&g[2])?, k)?;
    let gaps = gaps(&s.square()?)?;
    let inverse = Array::scalar_of(1.0, s.dtype()).divide(s)?;
    let (by_u, by_v) = (adjoint(&u)?.matmul(&to_u)?, adjoint(&v)?.matmul(&to_v)?);
    let turn = |p: &Array| gaps.multiply(&p.subtract(&adjoint(p)?)?);
    let mut inner = scale_columns(&turn(&by_u)?, s)?
        .add(&scale_rows(&turn(&by_v)?, s)?)?
        .add(&of_diagonal(&g[1])?)?;
    if u.dtype() == Dtype::C64 {
        let phases = half_imaginary(&diagonal(&by_u.subtract(&by_v)?)?)?;
        inner = inner.add(&of_diagonal(&phases.multiply(&inverse)?)?)?;
    }
    let mut out = product(&[&u, &inner, &adjoint(&v)?])?;
    if u.dim(u.rank() - 2) > k {
        let left = scale_columns(&outside(&u, &to_u)?, &inverse)?;
        out = out.add(&left.matmul(&adjoint(&v)?)?)?;
    }
    if v.dim(v.rank() - 2) > k {
        let right = scale_columns(&outside(&v, &to_v)?, &inverse)?;
        out = out.add(&u.matmul(&adjoint(&right)?)?)?;
    }
    Ok(out)
}

pub(super) fn svd_jvp(y: &[Array], d: &Array) -> Result<Vec<Array>> {
    let s = &y[1];
    let k = width(s);
    let (all_u, all_v) = (&y[0], adjoint(&y[2])?);
    let (u, v) = (all_u.narrow(-1, 0, k)?, all_v.narrow(-1, 0, k)?);
    let inner = product(&[&adjoint(&u)?, d, &v])?;
    let gaps = gaps(&s.square()?)?;
    let inverse = Array::scalar_of(1.0, s.dtype()).divide(s)?;
    let columns = scale_columns(&inner, s)?;
    let rows = scale_rows(&inner, s)?;
    let mut to_u = u.matmul(&gaps.multiply(&columns.add(&adjoint(&columns)?)?)?)?;
    let mut to_v = v.matmul(&gaps.multiply(&rows.add(&adjoint(&rows)?)?)?)?;
    if u.dtype() == Dtype::C64 {
        let phases = half_imaginary(&diagonal(&inner)?)?.multiply(&inverse)?;
        to_u = to_u.add(&scale_columns(&u, &phases)?)?;
        to_v = to_v.subtract(&scale_columns(&v, &phases)?)?;
    }
    if u.dim(u.rank() - 2) > k {
        let moved = outside(&u, &d.matmul(&v)?)?;
        to_u = to_u.add(&scale_columns(&moved, &inverse)?)?;
    }
    if v.dim(v.rank() - 2) > k {
        let moved = outside(&v, &adjoint(d)?.matmul(&u)?)?;
        to_v = to_v.add(&scale_columns(&moved, &inverse)?)?;
    }
    let to_u = with_others(all_u, &u, to_u)?;
    let to_v = with_others(&all_v, &v, to_v)?;
    Ok(vec![to_u, diagonal(&inner)?.real()?, adjoint(&to_v)?])
}

/// How all vectors move when the first ones, `v`, move by `d`: the others stay across them.
fn with_others(all: &Array, v: &Array, d: Array) -> Result<Array> {
    let (k, n) = (width(v), width(all));
    if k == n {
        return Ok(d);
    }
    let others = all.narrow(-1, k, n)?;
    let moved = product(&[v, &adjoint(&d)?, &others])?.negative()?;
    Array::concatenate(&[d, moved], -1)
}

pub(super) fn self_adjoint_values_vjp(a: &Array, g: &Array) -> Result<Array> {
    let v = &SelfAdjointEigen.outputs(&[a])?[1];
    scale_columns(v, g)?.matmul(&adjoint(v)?)
}

pub(super) fn self_adjoint_values_jvp(a: &Array, d: &Array) -> Result<Array> {
    let v = &SelfAdjointEigen.outputs(&[a])?[1];
    diagonal(&product(&[&adjoint(v)?, d, v])?)?.real()
}

pub(super) fn self_adjoint_vjp(y: &[Array], g: &[Array]) -> Result<Array> {
    let (w, v) = (&y[0], &y[1]);
    let turned = gaps(w)?.multiply(&adjoint(v)?.matmul(&g[1])?)?;
    let inner = turned.add(&of_diagonal(&g[0])?)?;
    product(&[v, &inner, &adjoint(v)?])
}

pub(super) fn self_adjoint_jvp(y: &[Array], d: &Array) -> Result<Vec<Array>> {
    let (w, v) = (&y[0], &y[1]);
    let inner = product(&[&adjoint(v)?, d, v])?;
    let turned = v.matmul(&gaps(w)?.multiply(&inner)?)?;
    Ok(vec![diagonal(&inner)?.real()?, turned])
}

/// The part of each column's derivative along the column that lengthens it.
fn lengthening(by: &Array) -> Result<Array> {
    diagonal(by)?.real()
}

pub(super) fn eigen_vjp(
    a: &Array,
    y: &[Array],
    to_values: &Array,
    to_vectors: Option<&Array>,
) -> Result<Array> {
    let (w, v) = (&y[0], &y[1]);
    let mut inner = of_diagonal(to_values)?;
    if let Some(g) = to_vectors {
        let by = adjoint(v)?.matmul(g)?;
        let fixed = product(&[&adjoint(v)?, &scale_columns(v, &lengthening(&by)?)?])?;
        let turned = gaps(w)?.conjugate()?.multiply(&by.subtract(&fixed)?)?;
        inner = inner.add(&turned)?;
    }
    let out = solve(&adjoint(v)?, &inner.matmul(&adjoint(v)?)?)?;
    match a.dtype() {
        Dtype::C64 => Ok(out),
        real => out.real()?.astype(real),
    }
}

pub(super) fn eigen_jvp(y: &[Array], d: &Array) -> Result<Vec<Array>> {
    let (w, v) = (&y[0], &y[1]);
    let inner = solve(v, &d.astype(Dtype::C64)?.matmul(v)?)?;
    let turned = v.matmul(&gaps(w)?.multiply(&inner)?)?;
    let along = lengthening(&adjoint(v)?.matmul(&turned)?)?;
    let to_vectors = turned.subtract(&scale_columns(v, &along)?)?;
    Ok(vec![diagonal(&inner)?, to_vectors])
}
