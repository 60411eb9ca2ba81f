//! Singular values and eigenvalues.

use faer::linalg::solvers::{Eigen, SelfAdjointEigen, Svd};
use faer::traits::math_utils::{conj, real};
use faer::{Mat, MatRef, Side};

use super::{Complex64, Failure, Scalar, matrix, write};

impl Scalar for f64 {
    fn zero() -> f64 {
        0.0
    }

    fn nan() -> f64 {
        f64::NAN
    }

    fn finite(self) -> bool {
        self.is_finite()
    }

    fn eigen(a: MatRef<'_, f64>) -> Option<(Vec<Complex64>, Mat<Complex64>)> {
        let eigen = Eigen::new_from_real(a).ok()?;
        Some((column(&eigen), eigen.U().to_owned()))
    }

    fn eigenvalues(a: MatRef<'_, f64>) -> Option<Vec<Complex64>> {
        a.eigenvalues().ok()
    }
}

impl Scalar for Complex64 {
    fn zero() -> Complex64 {
        Complex64::default()
    }

    fn nan() -> Complex64 {
        Complex64::new(f64::NAN, f64::NAN)
    }

    fn finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }

    fn eigen(a: MatRef<'_, Complex64>) -> Option<(Vec<Complex64>, Mat<Complex64>)> {
        let eigen = Eigen::new(a).ok()?;
        Some((column(&eigen), eigen.U().to_owned()))
    }

    fn eigenvalues(a: MatRef<'_, Complex64>) -> Option<Vec<Complex64>> {
        a.eigenvalues().ok()
    }
}

fn column(eigen: &Eigen<f64>) -> Vec<Complex64> {
    eigen.S().column_vector().iter().copied().collect()
}

/// Singular values of an `[m, n]` matrix, descending; into `vectors` the left ones as columns, and the
/// right ones as rows, conjugated. They are as many as the values, or all where the slices have room.
///
/// # Errors
/// [`Failure::NotFinite`], [`Failure::NoConvergence`].
pub fn svd<T: Scalar>(
    a: &[T],
    m: usize,
    n: usize,
    values: &mut [f64],
    vectors: Option<(&mut [T], &mut [T])>,
) -> Result<(), Failure> {
    if !a.iter().all(|x| x.finite()) {
        return Err(Failure::NotFinite);
    }
    let a = matrix(a, m, n);
    let Some((u, v)) = vectors else {
        let found = a.singular_values().map_err(|_| Failure::NoConvergence)?;
        values.copy_from_slice(&found);
        return Ok(());
    };
    let thin = u.len() == m * m.min(n) && v.len() == n * m.min(n);
    let svd = if thin { Svd::new_thin(a) } else { Svd::new(a) };
    let svd = svd.map_err(|_| Failure::NoConvergence)?;
    for (value, s) in values.iter_mut().zip(svd.S().column_vector().iter()) {
        *value = real(s);
    }
    write(svd.U(), u);
    write(svd.V().transpose(), v);
    v.iter_mut().for_each(|x| *x = conj(x));
    Ok(())
}

/// Eigenvalues of an `[n, n]` matrix that is its own adjoint, ascending, and eigenvectors as columns.
/// The lower triangle is read. All are NaN where the matrix holds NaN or infinity.
///
/// # Errors
/// [`Failure::NoConvergence`].
pub fn eigh<T: Scalar>(
    a: &[T],
    n: usize,
    values: &mut [f64],
    vectors: Option<&mut [T]>,
) -> Result<(), Failure> {
    if !a.iter().all(|x| x.finite()) {
        values.fill(f64::NAN);
        if let Some(v) = vectors {
            v.fill(T::nan());
        }
        return Ok(());
    }
    let a = matrix(a, n, n);
    let Some(vectors) = vectors else {
        let found = a.self_adjoint_eigenvalues(Side::Lower);
        values.copy_from_slice(&found.map_err(|_| Failure::NoConvergence)?);
        return Ok(());
    };
    let eigen = SelfAdjointEigen::new(a, Side::Lower).map_err(|_| Failure::NoConvergence)?;
    for (value, s) in values.iter_mut().zip(eigen.S().column_vector().iter()) {
        *value = real(s);
    }
    write(eigen.U(), vectors);
    Ok(())
}

/// Eigenvalues of an `[n, n]` matrix, and eigenvectors of length one as columns.
///
/// # Errors
/// [`Failure::NotFinite`], [`Failure::NoConvergence`].
pub fn eig<T: Scalar>(
    a: &[T],
    n: usize,
    values: &mut [Complex64],
    vectors: Option<&mut [Complex64]>,
) -> Result<(), Failure> {
    if !a.iter().all(|x| x.finite()) {
        return Err(Failure::NotFinite);
    }
    let a = matrix(a, n, n);
    let Some(vectors) = vectors else {
        let found = T::eigenvalues(a).ok_or(Failure::NoConvergence)?;
        values.copy_from_slice(&found);
        return Ok(());
    };
    let (found, mut columns) = T::eigen(a).ok_or(Failure::NoConvergence)?;
    values.copy_from_slice(&found);
    for column in columns.col_iter_mut() {
        let length = column.norm_l2();
        column.iter_mut().for_each(|x| *x /= length);
    }
    write(columns.as_ref(), vectors);
    Ok(())
}
