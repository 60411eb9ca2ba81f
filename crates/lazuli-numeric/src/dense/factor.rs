//! Cholesky's factor and an orthogonal basis of the columns.

use faer::Side;
use faer::linalg::solvers::{Llt, Qr};

use super::{Failure, matrix, write};

/// The lower factor of a positive definite `[n, n]` matrix, of which the lower triangle is read.
///
/// # Errors
/// [`Failure::Indefinite`].
pub fn cholesky(a: &[f64], n: usize, lower: &mut [f64]) -> Result<(), Failure> {
    let factor = Llt::new(matrix(a, n, n), Side::Lower).map_err(|_| Failure::Indefinite)?;
    write(factor.L(), lower);
    Ok(())
}

/// `q`, `[m, k]`, with orthonormal columns, and `r`, `[k, n]`, upper triangular, whose product is the
/// `[m, n]` matrix; `k` is the smaller of `m` and `n`.
pub fn qr(a: &[f64], m: usize, n: usize, q: &mut [f64], r: &mut [f64]) {
    let factors = Qr::new(matrix(a, m, n));
    write(factors.compute_thin_Q().as_ref(), q);
    let upper = factors.thin_R();
    for (i, row) in r.chunks_exact_mut(n.max(1)).enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            *x = if j < i { 0.0 } else { upper[(i, j)] };
        }
    }
}
