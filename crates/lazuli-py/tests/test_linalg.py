"""Decompositions whose results are right in more than one way: held by what they mean."""

import lazuli.core as mx
import numpy as np
import pytest

RNG = np.random.default_rng(3)


def near(a, b, limit=1e-4):
    assert np.allclose(np.array(a), np.array(b), atol=limit, rtol=limit)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3)])
def test_factors_multiply_to_the_matrix(shape):
    a = mx.array(RNG.normal(size=shape).astype(np.float32))
    q, r = mx.linalg.qr(a)
    near(q @ r, a)
    near(q.swapaxes(-1, -2) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], q.shape[-1], q.shape[-1])))
    u, s, vt = mx.linalg.svd(a)
    k = s.shape[-1]
    near((u[..., :k] * s[..., None, :]) @ vt[..., :k, :], a)
    near(s, np.linalg.svd(np.array(a), compute_uv=False))
    assert mx.linalg.svd(a, compute_uv=False).shape == s.shape
    p, lower, upper = mx.linalg.lu(a)
    near(mx.take_along_axis(lower, p[..., None].astype(mx.int32), axis=-2) @ upper, a)


def test_eigenvectors_keep_their_direction():
    a = RNG.normal(size=(2, 4, 4)).astype(np.float32)
    w, v = mx.linalg.eig(mx.array(a))
    assert w.dtype == v.dtype == mx.complex64
    near(np.array(a) @ np.array(v), np.array(v) * np.array(w)[..., None, :], 1e-3)
    near(sorted(np.array(mx.linalg.eigvals(mx.array(a[0]))).tolist(), key=lambda z: (z.real, z.imag)),
         sorted(np.linalg.eigvals(a[0]).tolist(), key=lambda z: (z.real, z.imag)), 1e-3)
    symmetric = a + a.swapaxes(-1, -2)
    w, v = mx.linalg.eigh(mx.array(symmetric))
    near(symmetric @ np.array(v), np.array(v) * np.array(w)[..., None, :], 1e-3)
    near(mx.linalg.eigvalsh(mx.array(np.triu(symmetric)), UPLO="U"), w, 1e-3)
    with pytest.raises(ValueError):
        mx.linalg.eigh(mx.array(symmetric), "X")


def test_gradients_flow_through():
    a = mx.array([[2.0, 1.0], [1.0, 3.0]])
    near(mx.grad(lambda x: mx.linalg.det(x))(a), 5 * np.linalg.inv(np.array(a)).T)
    near(mx.grad(lambda x: mx.linalg.inv(x).sum())(a), -np.linalg.inv(np.array(a)).T @ np.ones((2, 2)) @ np.linalg.inv(np.array(a)).T)
    assert mx.matrix_norm is mx.linalg.norm


def test_what_cannot_be_computed_is_said():
    with pytest.raises(ValueError, match="singular"):
        mx.eval(mx.linalg.inv(mx.ones((2, 2))))
