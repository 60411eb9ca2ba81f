//! Linear algebra. Symmetric and definite matrices are made of any, so that a function of one triangle
//! has the derivative that its differences show.

use lazuli_core::linalg::*;
use lazuli_core::{Array, Dtype, Result};

use super::{Case, of};

/// `x` and more on the diagonal: well away from singular, with eigenvalues and singular values apart.
fn regular(x: &Array) -> Result<Array> {
    let n = x.dim(x.rank() - 1);
    let more = Array::arange(2.0, 2.0 + n as f64, 1.0, x.dtype())?;
    x.add(&Array::identity(n, x.dtype())?.multiply(&more)?)
}

/// A regular matrix and more columns.
fn widened(x: &Array, more: &Array) -> Result<Array> {
    Array::concatenate(&[regular(x)?, more.clone()], 1)
}

/// What does not depend on signs, nor on the basis of what no singular value belongs to: the larger
/// vectors' squares, and the projection on the vectors beyond.
fn parts_of_svd(larger: &Array, s: &Array, smaller: &Array) -> Result<Array> {
    let (k, n) = (s.dim(0), larger.dim(1));
    let of_values = larger.narrow(1, 0, k)?.square()?.sum([-2], false)?;
    let beyond = larger.narrow(1, k, n)?;
    let beyond = beyond.matmul(&beyond.matrix_transpose()?)?;
    let first = larger.narrow(1, 0, 1)?.square()?;
    let sums = of_values.add(s)?.add(&smaller.square()?.narrow(0, 0, 1)?)?;
    Array::concatenate(
        &[beyond, first, sums.sum(.., false)?.broadcast_to([n, 1])?],
        1,
    )
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
        ("qr q wide", of(|x| Ok(qr(&x[0])?.0)), vec![vec![2, 4]]),
        ("qr r wide", of(|x| Ok(qr(&x[0])?.1)), vec![vec![2, 2, 3]]),
        (
            "lu wide",
            of(|x| lu_factor(&widened(&x[0], &x[1])?).map(|both| both.0)),
            vec![square(), vec![3, 2]],
        ),
        (
            "lu tall",
            of(|x| {
                let small = &x[1] * 0.1;
                let a = Array::concatenate(&[regular(&x[0])?, small.matrix_transpose()?], 0)?;
                Ok(lu_factor(&a)?.0)
            }),
            vec![square(), vec![3, 2]],
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
            "svd tall",
            of(|x| {
                let (u, s, v) = svd(&widened(&x[0], &x[1])?.matrix_transpose()?)?;
                parts_of_svd(&u, &s, &v)
            }),
            vec![square(), vec![3, 2]],
        ),
        (
            "svd wide",
            of(|x| {
                let (u, s, v) = svd(&widened(&x[0], &x[1])?)?;
                parts_of_svd(&v.matrix_transpose()?, &s, &u.matrix_transpose()?)
            }),
            vec![square(), vec![3, 2]],
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

/// A complex matrix of two real ones.
fn complex(x: &[Array]) -> Result<Array> {
    let i = Array::scalar([0.0f32, 1.0]);
    regular(&x[0])?.add(&x[1].multiply(&i)?)
}

/// `|x|²`, which no phase changes.
fn power(x: &Array) -> Result<Array> {
    x.real()?.square()?.add(&x.imag()?.square()?)
}

/// The part that both matrices of a pair of vectors turn together: rows of `u` by columns of `v`.
fn pairs(u: &Array, v: &Array) -> Result<Array> {
    let weights = Array::from_slice(&[1.0f32, 0.5, -1.0], [3])?;
    let product = u.multiply(&weights)?.matmul(v)?;
    product.real()?.add(&product.imag()?)
}

/// Of complex matrices, which hold single precision.
pub(super) fn single_precision_functions() -> Vec<Case> {
    let two = || vec![vec![3, 3], vec![3, 3]];
    vec![
        (
            "matmul complex",
            of(|x| {
                let (a, b) = (complex(&x[..2])?, complex(&x[2..])?);
                power(&a.matmul(&b)?)
            }),
            [two(), two()].concat(),
        ),
        (
            "eig",
            of(|x| {
                let (w, v) = eig(&regular(&x[0])?)?;
                w.real()?.add(&power(&v)?)
            }),
            vec![vec![3, 3]],
        ),
        (
            "eig complex",
            of(|x| {
                let (w, v) = eig(&complex(x)?)?;
                w.real()?.add(&w.imag()?)?.add(&power(&v)?)
            }),
            two(),
        ),
        (
            "eigvals",
            of(|x| {
                let w = eigvals(&complex(x)?)?;
                w.real()?.multiply(&w.imag()?)
            }),
            two(),
        ),
        (
            "eigvalsh complex",
            of(|x| eigvalsh(&complex(x)?, Side::Upper)),
            two(),
        ),
        (
            "eigh complex",
            of(|x| {
                let (w, v) = eigh(&complex(x)?, Side::Lower)?;
                let projections = pairs(&v, &v.matrix_transpose()?.conjugate()?)?;
                projections.add(&power(&v)?)?.add(&w)
            }),
            two(),
        ),
        ("svdvals complex", of(|x| svdvals(&complex(x)?)), two()),
        (
            "svd complex",
            of(|x| {
                let (u, s, v) = svd(&complex(x)?)?;
                pairs(&u, &v)?.add(&s)?.add(&power(&v)?)
            }),
            two(),
        ),
        (
            "svd complex wide",
            of(|x| {
                let a = Array::concatenate(&[complex(x)?, x[2].astype(Dtype::C64)?], 1)?;
                let (u, s, v) = svd(&a)?;
                let first = pairs(&u, &v.narrow(0, 0, 3)?)?;
                let last = power(&v.narrow(0, 3, 4)?)?;
                first.add(&last)?.add(&s.sum(.., false)?)
            }),
            vec![vec![3, 3], vec![3, 3], vec![3, 1]],
        ),
    ]
}
