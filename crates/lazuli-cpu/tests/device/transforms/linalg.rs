//! Linear algebra. Symmetric and definite matrices are made of any, so that a function of one triangle
//! has the derivative that its differences show.

use lazuli_core::linalg::*;
use lazuli_core::{Array, Result};

use super::{Case, of};

/// `x` and more on the diagonal: well away from singular, with eigenvalues and singular values apart.
fn regular(x: &Array) -> Result<Array> {
    let n = x.dim(x.rank() - 1);
    let more = Array::arange(2.0, 2.0 + n as f64, 1.0, x.dtype())?;
    x.add(&Array::identity(n, x.dtype())?.multiply(&more)?)
}

pub(super) fn functions() -> Vec<Case> {
    let square = || vec![3, 3];
    vec![
        ("inv", of(|x| inv(&regular(&x[0])?)), vec![square()]),
        (
            "solve",
            of(|x| solve(&regular(&x[0])?, &x[1])),
            vec![vec![2, 3, 3], vec![3, 2]],
        ),
        (
            "solve vector",
            of(|x| solve(&regular(&x[0])?, &x[1])),
            vec![square(), vec![3]],
        ),
        (
            "solve_triangular",
            of(|x| solve_triangular(&regular(&x[0])?, &x[1], false)),
            vec![square(), vec![3, 2]],
        ),
        (
            "solve_triangular upper",
            of(|x| solve_triangular(&regular(&x[0])?, &x[1], true)),
            vec![square(), vec![3, 2]],
        ),
        ("tri_inv", of(|x| tri_inv(&x[0], true)), vec![square()]),
        (
            "cholesky",
            of(|x| cholesky(&regular(&x[0])?, false)),
            vec![square()],
        ),
        (
            "cholesky upper",
            of(|x| cholesky(&regular(&x[0])?, true)),
            vec![vec![2, 2, 2]],
        ),
        (
            "cholesky_inv",
            of(|x| cholesky_inv(&x[0], false)),
            vec![square()],
        ),
        ("det", of(|x| det(&regular(&x[0])?)), vec![vec![2, 2, 2]]),
        (
            "slogdet",
            of(|x| Ok(slogdet(&regular(&x[0])?)?.1)),
            vec![square()],
        ),
        ("qr q", of(|x| Ok(qr(&regular(&x[0])?)?.0)), vec![square()]),
        ("qr r", of(|x| Ok(qr(&x[0])?.1)), vec![vec![4, 2]]),
        (
            "lu",
            of(|x| Ok(lu_factor(&regular(&x[0])?)?.0)),
            vec![square()],
        ),
        (
            "eigvalsh",
            of(|x| eigvalsh(&regular(&x[0])?, Side::Lower)),
            vec![square()],
        ),
        (
            "eigh",
            of(|x| {
                let (w, v) = eigh(&regular(&x[0])?, Side::Upper)?;
                // Each vector's sign is free: its square is not.
                w.add(&v.square()?)
            }),
            vec![square()],
        ),
        ("svdvals", of(|x| svdvals(&regular(&x[0])?)), vec![square()]),
        (
            "svd",
            of(|x| {
                let (u, s, v) = svd(&regular(&x[0])?)?;
                u.square()?.add(&s)?.add(&v.square()?)
            }),
            vec![square()],
        ),
        (
            "pinv",
            of(|x| {
                let (a, b) = (regular(&x[0])?, x[1].expand_dims(0)?);
                pinv(&Array::concatenate(&[a, b], 0)?)
            }),
            vec![square(), vec![3]],
        ),
        (
            "norm",
            of(|x| norm(&x[0], None, Some(&[1]), false)),
            vec![vec![2, 4]],
        ),
        (
            "norm 3",
            of(|x| norm(&x[0], Some(Ord::P(3.0)), Some(&[0]), true)),
            vec![vec![2, 4]],
        ),
        (
            "norm of matrices",
            of(|x| {
                let x = regular(&x[0])?;
                let largest = norm(&x, Some(Ord::P(2.0)), None, false)?;
                largest.add(&norm(&x, Some(Ord::Nuclear), None, false)?)
            }),
            vec![square()],
        ),
        (
            "cross",
            of(|x| cross(&x[0], &x[1], 0)),
            vec![vec![3, 4], vec![3, 1]],
        ),
    ]
}
