"""Printing, held against what the reference printed (values written here, made with mlx 0.32.4)."""

import lazuli.core as mx
import pytest


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2, 3], "array([1, 2, 3], dtype=int32)"),
        (1.5, "array(1.5, dtype=float32)"),
        ([1e10, 1, float("nan"), float("inf"), -0.0], "array([1e+10, 1, nan, inf, -0], dtype=float32)"),
        ([1e-5, 123456789.0, 0.123456789], "array([1e-05, 1.23457e+08, 0.123457], dtype=float32)"),
        ([[True, False]], "array([[True, False]], dtype=bool)"),
        ([1 + 2j, 3.5j, -1j], "array([1+2j, 0+3.5j, -0-1j], dtype=complex64)"),
        ([[1, 2], [3, 4]], "array([[1, 2],\n       [3, 4]], dtype=int32)"),
        ([[], []], "array([[],\n       []], dtype=float32)"),
        (list(range(9)), "array([0, 1, 2, ..., 6, 7, 8], dtype=int32)"),
    ],
)
def test_arrays_print_as_the_reference_prints_them(value, text):
    assert repr(mx.array(value)) == text == str(mx.array(value))


def test_print_options_hold_within_the_context():
    a = mx.array([1.23456, 1e-7])
    with mx.printoptions(precision=3):
        assert repr(a) == "array([1.235, 0.000], dtype=float32)"
        assert mx.get_printoptions().precision == 3
    assert repr(a) == "array([1.23456, 1e-07], dtype=float32)"


def test_dtypes_and_limits_print_as_the_reference_prints_them():
    assert [repr(d) for d in (mx.float32, mx.bool_)] == ["mlx.core.float32", "mlx.core.bool"]
    assert repr(mx.finfo(mx.float32)) == "finfo(min=-3.40282e+38, max=3.40282e+38, dtype=float32)"
    assert repr(mx.iinfo(mx.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    assert repr(mx.Device(mx.cpu)) == "Device(cpu, 0)" and repr(mx.cpu) == "DeviceType.cpu"


def test_formats_of_scalars():
    assert f"{mx.array(1.2345):.2f}" == "1.23" and f"{mx.array([1])}" == "array([1], dtype=int32)"
