//! Linear algebra of the matrices in the last two axes: what cannot be made of products and sums.
//!
//! One family, because the operations differ in arithmetic and derivatives but not in anything that
//! the graph sees. What is a composition of these (inverses, norms, pseudo-inverses) is in
//! [`crate::linalg`].

mod rules;

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::shape::Shape;
use crate::transforms::batch;

/// An operation on matrices `a`, `[.., m, n]`, with `k` the smaller of `m` and `n`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Linalg {
    /// `q`, `[.., m, k]`, and `r`, `[.., k, n]`.
    Qr,
    /// Singular values, `[.., k]`.
    SingularValues,
    /// `u`, singular values, and `v` transposed (and conjugated).
    Svd {
        /// Whether `u` and `v` are square, else they have `k` columns.
        full: bool,
    },
    /// The lower factor of a positive definite matrix, which must be symmetric.
    Cholesky,
    /// Eigenvalues of a self-adjoint matrix, ascending.
    SelfAdjointEigenvalues,
    /// Those and the eigenvectors as columns.
    SelfAdjointEigen,
    /// Eigenvalues, `complex64`.
    Eigenvalues,
    /// Those and the eigenvectors as columns.
    Eigen,
    /// Both triangular factors in one, the rows exchanged in order, `[.., k]`, and where each row
    /// went, `[.., m]`.
    Lu,
    /// `x` of `a x = b`; `b` is `[.., n, columns]`.
    Solve,
    /// As above, of one triangle of `a`.
    SolveTriangular {
        /// Which triangle.
        upper: bool,
    },
    /// The determinant.
    Determinant,
    /// Its sign and the logarithm of its magnitude.
    LogDeterminant,
}

use Linalg::*;

impl Linalg {
    fn outputs(self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Array::outputs_of(self, inputs)
    }

    fn is_square(self) -> bool {
        !matches!(self, Qr | SingularValues | Svd { .. } | Lu)
    }

    fn takes_complex(self) -> bool {
        use Linalg as L;
        matches!(
            self,
            L::SingularValues
                | L::Svd { .. }
                | L::SelfAdjointEigenvalues
                | L::SelfAdjointEigen
                | L::Eigenvalues
                | L::Eigen
                // For the derivatives of eigenvectors.
                | L::Solve
        )
    }

    fn check(self, a: &Array) -> Result<()> {
        let name = self.name();
        if a.rank() < 2 {
            return Err(Error::shape(
                name,
                format!("needs matrices, the shape is {}", a.shape()),
            ));
        }
        if self.is_square() && a.dim(a.rank() - 1) != a.dim(a.rank() - 2) {
            return Err(Error::shape(
                name,
                format!("needs square matrices, the shape is {}", a.shape()),
            ));
        }
        let complex = self.takes_complex();
        match a.dtype() {
            Dtype::F32 | Dtype::F64 => Ok(()),
            Dtype::C64 if complex => Ok(()),
            other => {
                let more = if complex {
                    ", float64 or complex64"
                } else {
                    " or float64"
                };
                let what = format!("takes float32{more}, not {other}");
                Err(Error::dtype(name, what))
            }
        }
    }
}

impl Family for Linalg {
    fn name(&self) -> &'static str {
        match self {
            Qr => "qr",
            SingularValues | Svd { .. } => "svd",
            Cholesky => "cholesky",
            SelfAdjointEigenvalues => "eigvalsh",
            SelfAdjointEigen => "eigh",
            Eigenvalues => "eigvals",
            Eigen => "eig",
            Lu => "lu",
            Solve => "solve",
            SolveTriangular { .. } => "solve_triangular",
            Determinant => "det",
            LogDeterminant => "slogdet",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let a = &inputs[0];
        self.check(a)?;
        let rank = a.rank();
        let lead: Shape = a.shape()[..rank - 2].into();
        let (m, n) = (a.dim(rank - 2), a.dim(rank - 1));
        let k = m.min(n);
        let shape = |more: &[usize]| -> Shape { lead.iter().chain(more).copied().collect() };
        let dtype = a.dtype();
        let real = match dtype {
            Dtype::C64 => Dtype::F32,
            other => other,
        };
        Ok(match self {
            Qr => smallvec![(shape(&[m, k]), dtype), (shape(&[k, n]), dtype)],
            SingularValues => smallvec![(shape(&[k]), real)],
            Svd { full } => {
                let (u, v) = if *full { (m, n) } else { (k, k) };
                smallvec![
                    (shape(&[m, u]), dtype),
                    (shape(&[k]), real),
                    (shape(&[v, n]), dtype)
                ]
            }
            Cholesky => smallvec![(shape(&[n, n]), dtype)],
            SelfAdjointEigenvalues => smallvec![(shape(&[n]), real)],
            SelfAdjointEigen => smallvec![(shape(&[n]), real), (shape(&[n, n]), dtype)],
            Eigenvalues => smallvec![(shape(&[n]), Dtype::C64)],
            Eigen => smallvec![(shape(&[n]), Dtype::C64), (shape(&[n, n]), Dtype::C64)],
            Lu => smallvec![
                (shape(&[m, n]), dtype),
                (shape(&[k]), Dtype::U32),
                (shape(&[m]), Dtype::U32)
            ],
            Solve | SolveTriangular { .. } => {
                let b = &inputs[1];
                let fits = b.rank() == rank
                    && b.shape()[..rank - 1] == a.shape()[..rank - 1]
                    && b.dtype() == dtype;
                if !fits {
                    let what = format!("operands do not fit: {a:?} and {b:?}");
                    return Err(Error::shape(self.name(), what));
                }
                smallvec![(b.shape().clone(), dtype)]
            }
            Determinant => smallvec![(lead, dtype)],
            LogDeterminant => smallvec![(lead.clone(), dtype), (lead, dtype)],
        })
    }

    fn vjp(&self, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        rules::vjp(*self, x, y, g)
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        rules::jvp(*self, x, tangents)
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (inputs, axis) = batch::all_to_front(inputs, axes)?;
        let refs: Vec<&Array> = inputs.iter().collect();
        let outs = self.outputs(&refs)?;
        Ok(outs.into_iter().map(|out| (out, axis)).collect())
    }
}
