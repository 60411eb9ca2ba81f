//! Decompositions of one dense matrix, row-major, in `f64` or complex numbers of `f64`, on one thread.
//!
//! Narrower elements are widened by the caller: one set of instances to compile, and singularity is
//! judged after rounding that single precision does not see. The price is time: half of the lanes.

mod factor;
mod lu;
mod spectral;

use std::fmt;

use faer::{Mat, MatRef};

pub use factor::{cholesky, qr};
pub use faer::c64 as Complex64;
pub use lu::{Lu, determinant, lu, solve, solve_triangular};
pub use spectral::{eig, eigh, svd};

/// An element.
pub trait Scalar: faer::traits::ComplexField<Real = f64> + Copy {
    /// Nothing.
    fn zero() -> Self;
    /// Not a number.
    fn nan() -> Self;
    /// Whether it is a number and not infinite.
    fn finite(self) -> bool;
    /// Eigenvalues and, as columns, eigenvectors of a square matrix.
    #[doc(hidden)]
    fn eigen(a: MatRef<'_, Self>) -> Option<(Vec<Complex64>, Mat<Complex64>)>;
    /// Eigenvalues of a square matrix.
    #[doc(hidden)]
    fn eigenvalues(a: MatRef<'_, Self>) -> Option<Vec<Complex64>>;
}

/// Why there is no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The matrix has no inverse.
    Singular,
    /// The matrix is not positive definite.
    Indefinite,
    /// The matrix holds NaN or infinity.
    NotFinite,
    /// The iteration did not converge.
    NoConvergence,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Singular => "is singular",
            Failure::Indefinite => "is not positive definite",
            Failure::NotFinite => "holds NaN or infinity",
            Failure::NoConvergence => "gave an iteration that does not converge",
        })
    }
}

impl std::error::Error for Failure {}

/// The matrix of `rows` rows in a row-major slice.
fn matrix<T>(a: &[T], rows: usize, columns: usize) -> MatRef<'_, T> {
    assert_eq!(a.len(), rows * columns, "a matrix of {rows} x {columns}");
    MatRef::from_row_major_slice(a, rows, columns)
}

/// The elements of a matrix in row-major order.
fn write<T: Copy>(from: MatRef<'_, T>, to: &mut [T]) {
    assert_eq!(to.len(), from.nrows() * from.ncols(), "an output that fits");
    if from.ncols() == 0 {
        return;
    }
    for (i, row) in to.chunks_exact_mut(from.ncols()).enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            *x = from[(i, j)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[n, n]` numbers without structure.
    fn some(n: usize) -> Vec<f64> {
        (0..n * n)
            .map(|k| ((k * 37 + 11) % 29) as f64 - 14.0)
            .collect()
    }

    #[test]
    fn exchanges_are_those_of_the_largest_pivots() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0];
        let (mut factors, mut pivots, mut rows) = ([0.0; 9], [0; 3], [0; 3]);
        let out = Lu {
            factors: &mut factors,
            pivots: &mut pivots,
            rows: &mut rows,
        };
        lu(&a, 3, 3, out);
        // LAPACK's, counted from zero.
        assert_eq!((pivots, rows), ([2, 2, 2], [1, 2, 0]));
        assert!((factors[8] + 0.5).abs() < 1e-12);
    }

    #[test]
    fn determinants_have_sign_magnitude_and_limits() {
        let (sign, log, whole) = determinant(&[0.0, 2.0, 3.0, 4.0], 2);
        assert_eq!((sign, whole), (-1.0, -6.0));
        assert!((log - 6f64.ln()).abs() < 1e-12);
        assert_eq!(
            determinant(&[1.0, 2.0, 2.0, 4.0], 2),
            (0.0, f64::NEG_INFINITY, 0.0)
        );
        assert_eq!(determinant(&[], 0), (1.0, 0.0, 1.0));
    }

    #[test]
    fn what_has_no_result_says_why() {
        let mut b = [1.0, 1.0];
        let singular = [1.0, 2.0, 2.0, 4.0];
        assert_eq!(solve(&singular, 2, &mut b, 1), Err(Failure::Singular));
        let zero = [0.0, 2.0, 2.0, 4.0];
        assert_eq!(
            solve_triangular(&zero, 2, true, &mut b, 1),
            Err(Failure::Singular)
        );
        assert_eq!(cholesky(&zero, 2, &mut [0.0; 4]), Err(Failure::Indefinite));
        let mut values = [0.0; 2];
        let broken = [f64::NAN; 4];
        assert_eq!(
            svd(&broken, 2, 2, &mut values, None),
            Err(Failure::NotFinite)
        );
        assert_eq!(eigh(&broken, 2, &mut values, None), Ok(()));
        assert!(values.iter().all(|x| x.is_nan()));
    }

    #[test]
    fn eigenvectors_of_a_rotation_are_complex() {
        let turn = [0.0, -1.0, 1.0, 0.0];
        let (mut values, mut vectors) = ([Complex64::default(); 2], [Complex64::default(); 4]);
        eig(&turn, 2, &mut values, Some(&mut vectors)).unwrap_or_else(|e| panic!("{e}"));
        for (k, value) in values.iter().enumerate() {
            assert!((value.re.abs() < 1e-12) && ((value.im.abs() - 1.0).abs() < 1e-12));
            // a v = λ v, and v has length one.
            let (x, y) = (vectors[k], vectors[2 + k]);
            assert!((-y - value * x).norm() < 1e-12 && (x - value * y).norm() < 1e-12);
            assert!((x.norm_sqr() + y.norm_sqr() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn complex_systems_are_solved() {
        let z = Complex64::new;
        let a = [z(0.0, 1.0), z(2.0, 0.0), z(1.0, -1.0), z(0.0, 3.0)];
        let x = [z(1.0, 2.0), z(-1.0, 1.0)];
        let mut b = [a[0] * x[0] + a[1] * x[1], a[2] * x[0] + a[3] * x[1]];
        assert_eq!(solve(&a, 2, &mut b, 1), Ok(()));
        assert!(b.iter().zip(&x).all(|(b, x)| (b - x).norm() < 1e-12));
    }

    /// Large enough for the blocked algorithms.
    #[test]
    fn a_large_system_is_solved() {
        let n = 150;
        let mut a = some(n);
        (0..n).for_each(|i| a[i * n + i] += 400.0);
        let x: Vec<f64> = (0..n).map(|i| i as f64 / 50.0 - 1.0).collect();
        let mut b: Vec<f64> = (a.chunks(n))
            .map(|row| row.iter().zip(&x).map(|(a, x)| a * x).sum())
            .collect();
        assert_eq!(solve(&a, n, &mut b, 1), Ok(()));
        assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() < 1e-10));
    }
}
