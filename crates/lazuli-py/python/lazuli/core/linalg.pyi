# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

from . import DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar, float32, int32

def inv(a: array, *, stream: StreamOrDevice = None) -> array:
    """The inverse."""
    ...

def pinv(a: array, *, stream: StreamOrDevice = None) -> array:
    """The Moore-Penrose inverse."""
    ...

def eigvals(a: array, *, stream: StreamOrDevice = None) -> array:
    """The eigenvalues of a square matrix, complex."""
    ...

def det(a: array, *, stream: StreamOrDevice = None) -> array:
    """The determinant."""
    ...

def qr(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """Columns that are orthonormal, and the triangle that makes the matrix of them."""
    ...

def eig(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """The eigenvalues of a square matrix and its eigenvectors as columns, complex."""
    ...

def lu_factor(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """Both factors of `lu` in one matrix, and the exchanges of rows."""
    ...

def slogdet(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """The sign of the determinant and the logarithm of its magnitude."""
    ...

def lu(a: array, *, stream: StreamOrDevice = None) -> tuple[array, array, array]:
    """The order of rows, and a lower and an upper triangle whose product has them in it."""
    ...

def tri_inv(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The inverse of a triangular matrix."""
    ...

def cholesky(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The triangular factor of a positive definite matrix."""
    ...

def cholesky_inv(a: array, upper: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The inverse of the matrix that `cholesky` factored."""
    ...

def norm(a: array, /, ord: None | int | float | str = None, axis: None | int | list[int] = None, keepdims: bool = False, *, stream: StreamOrDevice = None) -> array:
    """The norm of a vector or a matrix over axes."""
    ...

def svd(a: array, compute_uv: bool = True, *, stream: StreamOrDevice = None) -> Any:
    """The singular value decomposition `(u, s, vt)`, or only the singular values."""
    ...

def cross(a: array, b: array, axis: int = -1, *, stream: StreamOrDevice = None) -> array:
    """The cross product of vectors of two or three elements."""
    ...

def eigh(a: array, UPLO: str = 'L', *, stream: StreamOrDevice = None) -> tuple[array, array]:
    """The eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns."""
    ...

def eigvalsh(a: array, UPLO: str = 'L', *, stream: StreamOrDevice = None) -> array:
    """The eigenvalues of a symmetric matrix, ascending."""
    ...

def solve(a: array, b: array, *, stream: StreamOrDevice = None) -> array:
    """The solution `x` of `a @ x = b`."""
    ...

def solve_triangular(a: array, b: array, *, upper: bool = False, stream: StreamOrDevice = None) -> array:
    """The solution `x` of `a @ x = b` with `a` triangular."""
    ...
