//! Linear algebra, as `mlx.core.linalg` names it, of the matrices in the last two axes.
//!
//! Runs where other operations run; leading axes are batches. Decompositions take `float32` and
//! `float64` (spectra `complex64` too), are computed in double precision, and rounded once.

mod decompose;
pub(crate) mod matrix;
mod norm;
mod solve;

pub use decompose::{
    Side, cholesky, eig, eigh, eigvals, eigvalsh, lu, lu_factor, qr, svd, svdvals,
};
pub use norm::{Ord, cross, norm};
pub use solve::{cholesky_inv, det, inv, pinv, slogdet, solve, solve_triangular, tri_inv};
