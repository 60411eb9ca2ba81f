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
