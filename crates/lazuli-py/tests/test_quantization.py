"""Quantized arrays: round trips, products, and mistakes."""

import lazuli.core as mx
import numpy as np
import pytest

RNG = np.random.default_rng(11)
MODES = [("affine", 64, 4), ("mxfp4", 32, 4), ("mxfp8", 32, 8), ("nvfp4", 16, 4)]


def normal(*shape, dtype=mx.float32):
    return mx.array(RNG.normal(size=shape).astype(np.float32)).astype(dtype)


@pytest.mark.parametrize(("mode", "group", "bits"), MODES)
def test_the_defaults_of_a_mode_are_its_own(mode, group, bits):
    w = normal(3, 128)
    parts = mx.quantize(w, mode=mode)
    assert isinstance(parts, list) and len(parts) == (3 if mode == "affine" else 2)
    assert parts[0].dtype == mx.uint32 and parts[0].shape == (3, 128 * bits // 32) and parts[1].shape == (3, 128 // group)
    assert parts[1].dtype == (mx.float32 if mode == "affine" else mx.uint8)
    same = mx.quantize(w, group, bits, mode)
    assert all(mx.array_equal(a, b).item() for a, b in zip(parts, same))
    back = mx.dequantize(*parts, mode=mode)
    assert back.dtype == (mx.float32 if mode == "affine" else mx.bfloat16)
    assert mx.dequantize(*parts, mode=mode, dtype=mx.float16).dtype == mx.float16
    limit = {"affine": 0.3, "mxfp4": 1.1, "mxfp8": 0.3, "nvfp4": 0.6}[mode]
    assert mx.max(mx.abs(back.astype(mx.float32) - w)).item() < limit


@pytest.mark.parametrize(("mode", "group", "bits"), MODES)
def test_products_are_those_of_the_floats(mode, group, bits):
    w, x = normal(2, 5, 128), normal(3, 128)
    parts = mx.quantize(w, mode=mode)
    floats = mx.dequantize(*parts, mode=mode, dtype=mx.float32)
    one = [p[0] for p in parts]
    assert mx.allclose(mx.quantized_matmul(x, *one, mode=mode), x @ floats[0].T, atol=1e-3)
    assert mx.allclose(mx.quantized_matmul(normal(2, 5) * 0 + 1, *one, transpose=False, mode=mode), mx.ones((2, 5)) @ floats[0], atol=1e-3)
    rows = mx.gather_qmm(x[:, None], *parts, rhs_indices=mx.array([1, 0, 1]), mode=mode, sorted_indices=False)
    wanted = mx.stack([x[i : i + 1] @ floats[e].T for i, e in enumerate([1, 0, 1])])
    assert mx.allclose(rows, wanted, atol=1e-3)
    assert mx.quantized_matmul(x.astype(mx.float16), *one, mode=mode).dtype == (mx.float32 if mode == "affine" else mx.float16)


@pytest.mark.parametrize("mode", ["mxfp4", "mxfp8", "nvfp4"])
def test_both_sides_are_rounded_to_a_mode_of_floats(mode):
    x, w = normal(4, 64), normal(3, 64)
    rounded = [mx.dequantize(*mx.quantize(a, mode=mode), mode=mode, dtype=mx.float32) for a in (x, w)]
    wanted = rounded[0] @ rounded[1].T
    packed, scales = mx.quantize(w, mode=mode)
    assert mx.allclose(mx.qqmm(x, packed, scales, mode=mode), wanted, atol=1e-3)
    assert mx.allclose(mx.qqmm(x, w, mode=mode), wanted, atol=1e-3)
    many = mx.stack([w, -w])
    for operands in ((many,), mx.quantize(many, mode=mode)):
        out = mx.gather_qqmm(x[:, None], *operands, rhs_indices=mx.array([0, 1, 1, 0]), mode=mode)
        signs = mx.array([1.0, -1.0, -1.0, 1.0])[:, None]
        assert mx.allclose(out[:, 0], wanted * signs, atol=1e-3)
    gradient = mx.grad(lambda a: mx.qqmm(a, w, mode=mode).sum())(x)
    assert mx.allclose(gradient, mx.broadcast_to(rounded[1].sum(axis=0), x.shape), atol=1e-3)


def test_a_row_times_a_quantized_matrix_is_the_reference_s():
    reference = pytest.importorskip("mlx.core")
    w = RNG.normal(size=(3, 64)).astype(np.float32)
    x = RNG.normal(size=(1, 64)).astype(np.float32)
    packed, scales = reference.quantize(reference.array(w), mode="mxfp8")
    theirs = reference.qqmm(reference.array(x), packed, scales, mode="mxfp8")
    ours = mx.qqmm(mx.array(x), mx.array(np.array(packed)), mx.array(np.array(scales)), mode="mxfp8")
    # Scales of the row may be rounded another way.
    assert np.allclose(np.array(ours), np.array(theirs), atol=0.5)


def test_a_global_scale_belongs_to_nvfp4():
    w, scale = normal(2, 32) * 100, mx.array(500.0)
    parts = mx.quantize(w, mode="nvfp4", global_scale=scale)
    back = mx.dequantize(*parts, mode="nvfp4", global_scale=scale, dtype=mx.float32)
    assert mx.max(mx.abs(back - w) / mx.max(mx.abs(w))).item() < 0.2
    x = normal(3, 32)
    assert mx.allclose(mx.qqmm(x, *parts, mode="nvfp4", global_scale_w=scale), mx.qqmm(x, *parts, None, None, "nvfp4", None, scale))
    with pytest.raises(ValueError, match="global scale"):
        mx.quantize(w, global_scale=scale)


def test_bytes_of_floats():
    assert mx.to_fp8(mx.array([1.0, 2.0, -448.0, 1e9])).tolist() == [56, 64, 254, 126]
    assert mx.from_fp8(mx.array([56, 64, 254], mx.uint8)).tolist() == [1, 2, -448]
    assert mx.from_fp8(mx.array([56], mx.uint8)).dtype == mx.bfloat16


W = normal(2, 64)
PACKED, SCALES, BIASES = mx.quantize(W)


@pytest.mark.parametrize(
    "make",
    [
        lambda: mx.quantize(W, mode="foo"),
        lambda: mx.quantize(W, bits=7),
        lambda: mx.quantize(W, group_size=48),
        lambda: mx.quantize(W, group_size=-32),
        lambda: mx.quantize(W.astype(mx.int32)),
        lambda: mx.quantize(W[0]),
        lambda: mx.quantize(W[:, :40]),
        lambda: mx.dequantize(PACKED, SCALES),
        lambda: mx.dequantize(PACKED, SCALES[:1], BIASES),
        lambda: mx.dequantize(PACKED.astype(mx.int32), SCALES, BIASES),
        lambda: mx.dequantize(PACKED, SCALES, BIASES, mode="mxfp8"),
        lambda: mx.quantized_matmul(W, PACKED, SCALES),
        lambda: mx.quantized_matmul(W[:, :32], PACKED, SCALES, BIASES),
        lambda: mx.gather_qmm(W, PACKED, SCALES, BIASES, rhs_indices=mx.array([1.0])),
        lambda: mx.qqmm(W, PACKED, mode="mxfp8"),
        lambda: mx.to_fp8(mx.array([1])),
        lambda: mx.from_fp8(mx.array([1])),
        lambda: mx.from_fp8(mx.array([1], mx.uint8), mx.int32),
    ],
)
def test_what_is_wrong_is_a_value_error(make):
    with pytest.raises(ValueError):
        mx.eval(make())
