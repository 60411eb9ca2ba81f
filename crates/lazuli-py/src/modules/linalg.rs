//! `linalg`: decompositions, equations and norms of the matrices in the last two axes.

use lazuli_core::Array;
use lazuli_core::linalg::{self, Ord, Side};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::argument::{FromArgument, Integers};
use crate::call::{Entry, row};
use crate::error::value_error;
use crate::reply::Reply;

/// Which norm: a number, `fro` or `nuc`.
struct Order(Ord);

impl FromArgument for Order {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(name) = value.cast::<PyString>() {
            return match name.to_str()? {
                "fro" => Ok(Order(Ord::Frobenius)),
                "nuc" => Ok(Order(Ord::Nuclear)),
                other => Err(value_error(
                    "norm",
                    format!("no norm `{other}`; there are fro, nuc and numbers"),
                )),
            };
        }
        f64::from_argument(value).map(|p| Order(Ord::P(p)))
    }
}

fn norm(
    a: Array,
    ord: Option<Order>,
    axis: Option<Integers>,
    keepdims: bool,
) -> lazuli_core::Result<Array> {
    let axes = axis.map(|axis| axis.to_vec());
    linalg::norm(&a, ord.map(|o| o.0), axes.as_deref(), keepdims)
}

/// `(u, s, vt)`, or only `s`.
fn svd(a: Array, compute_uv: bool) -> PyResult<Py<PyAny>> {
    Python::attach(|py| match compute_uv {
        true => linalg::svd(&a).reply(py),
        false => linalg::svdvals(&a).reply(py),
    })
}

/// A triangle by its name, which may be in small letters.
struct Triangle(Side);

impl FromArgument for Triangle {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        match String::from_argument(value)?.as_str() {
            "L" | "l" => Ok(Triangle(Side::Lower)),
            "U" | "u" => Ok(Triangle(Side::Upper)),
            other => Err(value_error(
                "eigh",
                format!("no triangle `{other}`; there are L and U"),
            )),
        }
    }
}

macro_rules! of_matrices {
    ($returned:literal: $($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            concat!("(a: array, *, stream: StreamOrDevice = None) -> ", $returned),
            $doc,
            |a: Array| linalg::$method(&a)
        )),*]
    };
}

macro_rules! of_triangles {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, upper: bool| linalg::$method(&a, upper)
        )),*]
    };
}

/// The rows.
pub(super) fn functions() -> Vec<Entry> {
    let mut rows = of_matrices! {
        "array":
        "inv" inv "The inverse.";
        "pinv" pinv "The Moore-Penrose inverse.";
        "eigvals" eigvals "The eigenvalues of a square matrix, complex.";
        "det" det "The determinant.";
    };
    rows.extend(of_matrices! {
        "tuple[array, array]":
        "qr" qr "Columns that are orthonormal, and the triangle that makes the matrix of them.";
        "eig" eig "The eigenvalues of a square matrix and its eigenvectors as columns, complex.";
        "lu_factor" lu_factor "Both factors of `lu` in one matrix, and the exchanges of rows.";
        "slogdet" slogdet "The sign of the determinant and the logarithm of its magnitude.";
    });
    rows.extend(of_matrices! {
        "tuple[array, array, array]":
        "lu" lu "The order of rows, and a lower and an upper triangle whose product has them in it.";
    });
    rows.extend(of_triangles! {
        "tri_inv" tri_inv "The inverse of a triangular matrix.";
        "cholesky" cholesky "The triangular factor of a positive definite matrix.";
        "cholesky_inv" cholesky_inv "The inverse of the matrix that `cholesky` factored.";
    });
    rows.extend([
        row!(
            "norm",
            "(a: array, /, ord: None | int | float | str = None, axis: None | int | list[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array",
            "The norm of a vector or a matrix over axes.",
            norm
        ),
        row!(
            "svd",
            "(a: array, compute_uv: bool = True, *, stream: StreamOrDevice = None) -> Any",
            "The singular value decomposition `(u, s, vt)`, or only the singular values.",
            svd
        ),
        row!(
            "cross",
            "(a: array, b: array, axis: int = -1, *, stream: StreamOrDevice = None) -> array",
            "The cross product of vectors of two or three elements.",
            |a: Array, b: Array, axis: isize| linalg::cross(&a, &b, axis)
        ),
        row!(
            "eigh",
            "(a: array, UPLO: str = 'L', *, stream: StreamOrDevice = None) -> tuple[array, array]",
            "The eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns.",
            |a: Array, side: Triangle| linalg::eigh(&a, side.0)
        ),
        row!(
            "eigvalsh",
            "(a: array, UPLO: str = 'L', *, stream: StreamOrDevice = None) -> array",
            "The eigenvalues of a symmetric matrix, ascending.",
            |a: Array, side: Triangle| linalg::eigvalsh(&a, side.0)
        ),
        row!(
            "solve",
            "(a: array, b: array, *, stream: StreamOrDevice = None) -> array",
            "The solution `x` of `a @ x = b`.",
            |a: Array, b: Array| linalg::solve(&a, &b)
        ),
        row!(
            "solve_triangular",
            "(a: array, b: array, *, upper: bool = False, stream: StreamOrDevice = None) -> array",
            "The solution `x` of `a @ x = b` with `a` triangular.",
            |a: Array, b: Array, upper: bool| linalg::solve_triangular(&a, &b, upper)
        ),
    ]);
    rows
}
