"""How to draw a call of each operation: a row for an operation, or for many of one kind.

An operation that is not here is not held against the reference; `test_surface.py` says which those are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from draws import ALL, FLOATS, INTS, REAL, Draw, Drawn


@dataclass
class Call:
    """A function and its arguments, the arrays as descriptions."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass
class Case:
    """How calls of an operation are drawn, and how close floats are held, in units of the table."""

    arguments: Callable[[Draw], tuple[tuple[Any, ...], dict[str, Any]]]
    tolerance: float = 1.0
    function: str | None = None

    def draw(self, draw: Draw, name: str) -> Call:
        args, kwargs = self.arguments(draw)
        return Call(self.function or name, args, kwargs)


CASES: dict[str, Case] = {}


def case(names: str, arguments: Callable[[Draw], Any], tolerance: float = 1.0, function: str | None = None) -> None:
    """A row for each of `names`; `arguments` gives the arguments, or (arguments, keywords)."""

    def both(draw: Draw) -> tuple[tuple[Any, ...], dict[str, Any]]:
        drawn = arguments(draw)
        if isinstance(drawn, tuple) and len(drawn) == 2 and isinstance(drawn[0], tuple) and isinstance(drawn[1], dict):
            return drawn
        return tuple(drawn), {}

    for name in names.split():
        CASES[name] = Case(both, tolerance, function)


def number(d: Draw) -> Any:
    """A Python number."""
    return d.one([0, 1, 2, 3, -1, 1.5, -0.25, True, False, 2.0])


# Elementwise, one operand --------------------------------------------------------------------

case("abs sign square positive", lambda d: (d.array(dtypes=ALL, special=True),))
case("negative", lambda d: (d.array(dtypes=ALL, special=True),))
case("floor ceil trunc", lambda d: (d.array(dtypes=ALL, special=True),))
case("exp expm1 sinh cosh", lambda d: (d.array(dtypes=REAL, special=True),), 4)
case("sin cos tan arctan arcsinh tanh sigmoid erf", lambda d: (d.array(dtypes=REAL, special=True),), 4)
case("log log2 log10 log1p sqrt rsqrt reciprocal", lambda d: (d.array(dtypes=REAL, low=0.25, special=True),), 4)
case("arcsin arccos arctanh erfinv", lambda d: (d.array(dtypes=FLOATS, low=-0.9, high=0.9, special=True),), 8)
case("arccosh", lambda d: (d.array(dtypes=FLOATS, low=1.1, special=True),), 8)
case("degrees radians", lambda d: (d.array(dtypes=REAL),), 4)
case("isnan isinf isfinite isposinf isneginf logical_not", lambda d: (d.array(dtypes=ALL, special=True),))
case("bitwise_invert", lambda d: (d.array(dtypes=["bool_", *INTS]),))
case("conj conjugate real imag stop_gradient", lambda d: (d.array(dtypes=ALL),))
case("round", lambda d: (d.array(dtypes=REAL), *([d.int(-1, 2)] if d.chance(0.5) else [])), 4)
case("nan_to_num", lambda d: (d.array(dtypes=REAL, special=True), *([1.5] if d.chance(0.3) else [])))
case("contiguous", lambda d: (d.array(dtypes=ALL),))


def any_dtype(d: Draw) -> str:
    return "dtype:" + d.one(ALL)


def cast(d: Draw) -> Any:
    # Out of range of the target is undefined in the reference.
    return (d.array(dtypes=ALL, low=0, high=100), any_dtype(d))


case("astype array.astype", cast)


def viewed(d: Draw) -> Any:
    shape = (*d.shape(0, 2), d.one([1, 2, 4, 8]))
    return (d.array(shape, ["uint8", "int16", "float32", "uint32", "int64"]), "dtype:" + d.one(["uint8", "uint16", "int32", "uint64"]))


case("view array.view", viewed)

# Elementwise, two operands -------------------------------------------------------------------


def divisor(d: Draw) -> Any:
    """A Python number that may divide integers: the reference aborts on zero."""
    return d.one([1, 2, 3, 1.5, True, 2.0])


def two(
    dtypes: Any, low: float | None = None, high: float | None = None, special: bool = False, scalar: Callable[[Draw], Any] = number
) -> Callable[[Draw], Any]:
    def draw(d: Draw) -> Any:
        shape = d.shape()
        a = d.array(shape, dtypes, low, high, special)
        other = d.shape() if d.chance(0.05) else d.partner(shape)
        b = scalar(d) if d.chance(0.15) else d.array(other, dtypes, low, high, special)
        return (a, b) if d.chance(0.5) else (b, a)

    return draw


case("add subtract multiply", two(ALL), 2)
case("divide", two(REAL, low=1), 2)
case("maximum minimum", two(REAL, special=True))
case("equal not_equal", two(ALL, special=True))
case("less less_equal greater greater_equal", two(REAL, special=True))
case("logical_and logical_or logical_xor", two(REAL))
case("bitwise_and bitwise_or bitwise_xor", two(["bool_", *INTS]))
case("left_shift right_shift", two(INTS, low=0, high=6))
case("logaddexp", two(FLOATS, special=True), 4)
case("arctan2", two(FLOATS, low=0.5), 4)
case("floor_divide remainder divmod", two([*INTS, *FLOATS], low=1, scalar=divisor), 4)
case("power", two(FLOATS, low=0.5, high=3), 8)


def integer_power(d: Draw) -> Any:
    shape = d.shape()
    return (d.array(shape, INTS, -3, 3), d.array(d.partner(shape), INTS, 0, 3))


case("power_of_integers", integer_power, function="power")


def operator(d: Draw) -> Any:
    shape = d.shape()
    return (d.array(shape, REAL, low=1), number(d) if d.chance(0.5) else d.array(d.partner(shape), REAL, low=1))


def division(d: Draw) -> Any:
    shape = d.shape()
    dtypes = [*INTS, *FLOATS]
    return (d.array(shape, dtypes, low=1), divisor(d) if d.chance(0.5) else d.array(d.partner(shape), dtypes, low=1))


case("array.__add__ array.__sub__ array.__mul__ array.__truediv__ array.__radd__ array.__rsub__ array.__rmul__", operator, 2)
case("array.__rtruediv__ array.__floordiv__ array.__mod__ array.__rfloordiv__ array.__rmod__", division, 4)
case("array.__eq__ array.__ne__ array.__lt__ array.__le__ array.__gt__ array.__ge__", operator)
case("array.__iadd__ array.__isub__ array.__imul__ array.__itruediv__ array.__ifloordiv__ array.__imod__", division, 4)
case("array.__and__ array.__or__ array.__xor__", two(["bool_", *INTS]))
case("array.__neg__ array.__abs__ array.__pos__ array.__invert__", lambda d: (d.array(dtypes=REAL),))


def close(d: Draw) -> Any:
    a = d.array(dtypes=FLOATS, special=True)
    moved = a.values + a.values.dtype.type(d.one([0, 1e-6, 0.1]))
    b = Drawn(moved, "float32" if a.dtype == "bfloat16" else a.dtype, a.layout)
    return (a, b), d.one([{}, {"rtol": 1e-2}, {"atol": 0.5}, {"equal_nan": True}])


case("isclose allclose", close)
case("array_equal", lambda d: ((a := d.array(dtypes=REAL, special=True)), a if d.chance(0.5) else d.array()))


def chosen(d: Draw) -> Any:
    shape = d.shape()
    other = number(d) if d.chance(0.2) else d.array(d.partner(shape), ALL)
    return (d.array(d.partner(shape), ["bool_", "bool_", "int32", "float32"]), d.array(shape, ALL), other)


case("where", chosen)


def clipped(d: Draw) -> Any:
    shape = d.shape()
    bound = lambda: d.one([None, -1, 2, 0.5, d.array(d.partner(shape), FLOATS)])  # noqa: E731
    return (d.array(shape, REAL), bound(), bound())


case("clip", clipped)

# Reductions and scans ------------------------------------------------------------------------


def reduced(dtypes: Any, low: float | None = None, high: float | None = None, special: bool = False) -> Callable[[Draw], Any]:
    def draw(d: Draw) -> Any:
        # Of no elements the reference now and then never returns; test_array.py has those.
        shape = d.shape(zero=0)
        kwargs: dict[str, Any] = {} if d.chance(0.2) else {"axis": d.axes(len(shape))}
        if d.chance(0.4):
            kwargs["keepdims"] = d.chance(0.7)
        return (d.array(shape, dtypes, low, high, special),), kwargs

    return draw


case("sum array.sum", reduced(ALL), 8)
case("prod array.prod", reduced(REAL, -2, 2), 16)
case("mean array.mean", reduced(ALL), 8)
case("max min array.max array.min minmax", reduced(REAL, special=True))
case("all any array.all array.any count_nonzero", reduced(REAL, -1, 1))
case("logsumexp array.logsumexp", reduced(FLOATS), 8)
case("median", reduced(REAL, special=False), 4)


def variance(d: Draw) -> Any:
    args, kwargs = reduced(REAL)(d)
    return args, {**kwargs, **({"ddof": d.int(0, 1)} if d.chance(0.5) else {})}


case("var std array.var array.std", variance, 16)


def along(dtypes: Any, low: float | None = None, none: bool = True, special: bool = False) -> Callable[[Draw], Any]:
    def draw(d: Draw) -> Any:
        shape = d.shape()
        kwargs = {} if d.chance(0.3) else {"axis": None if none and d.chance(0.2) else d.axis(len(shape))}
        return (d.array(shape, dtypes, low, special=special),), kwargs

    return draw


def argument(d: Draw) -> Any:
    args, kwargs = along(REAL)(d)
    return args, {**kwargs, **({"keepdims": True} if d.chance(0.4) else {})}


case("argmax argmin array.argmax array.argmin", argument)


def scanned(dtypes: Any, low: float | None = None, high: float | None = None) -> Callable[[Draw], Any]:
    def draw(d: Draw) -> Any:
        shape = d.shape()
        kwargs: dict[str, Any] = {} if d.chance(0.3) else {"axis": d.axis(len(shape))}
        for name in ("reverse", "inclusive"):
            if d.chance(0.4):
                kwargs[name] = d.chance(0.5)
        return (d.array(shape, dtypes, low, high),), kwargs

    return draw


case("cumsum array.cumsum", scanned(REAL), 8)
case("cumprod array.cumprod", scanned(REAL, -2, 2), 16)
case("cummax cummin array.cummax array.cummin", scanned(REAL))
case("logcumsumexp array.logcumsumexp", scanned(FLOATS), 16)


def softmaxed(d: Draw) -> Any:
    shape = d.shape()
    return (d.array(shape, REAL), d.axes(len(shape))), ({"precise": True} if d.chance(0.3) else {})


case("softmax", softmaxed, 4)
case("sort argsort", along(REAL))


def partitioned(d: Draw) -> Any:
    # Every order within the parts is right: only one element of each row is held, through topk.
    shape = d.shape(1, 3, zero=0)
    axis = d.int(-len(shape), len(shape) - 1)
    return (d.array(shape, FLOATS), d.int(1, shape[axis]), axis)


def searched(d: Draw) -> Any:
    length = d.int(0, 8)
    dtype = d.one(["int32", "float32", "uint8"])
    values = np.sort(d.values((length,), dtype))
    return (Drawn(values, dtype), d.array(dtypes=dtype)), ({"side": d.one(["left", "right"])} if d.chance(0.6) else {})


case("searchsorted", searched)
case("diff", lambda d: ((d.array(d.shape(1, 3), REAL),), {"n": d.int(0, 2), "axis": d.one([-1, 0])}), 4)
case("trace", lambda d: ((d.array((d.int(2, 5), d.int(2, 5), *d.shape(0, 2, zero=0)), REAL),), {"offset": d.int(-1, 1)}), 4)



def distinct(d: Draw) -> Any:
    dtype = d.one(["int32", "uint8", "bool_", "float32", "int64"])
    a = Drawn(d.values(d.shape(zero=0.1), dtype, 0, 4), dtype)
    a.values[...] = np.round(np.real(a.values))
    kwargs = {name: True for name in ("return_index", "return_inverse", "return_counts") if d.chance(0.5)}
    if d.chance(0.4):
        kwargs["fill_value"] = d.one([7, 1, True])
    return (a, d.one([0, 1, 3, 8, -1])), kwargs


case("unique", distinct)

# Shapes --------------------------------------------------------------------------------------


def reshaped(d: Draw) -> Any:
    a = d.array(dtypes=ALL)
    size = int(a.values.size)
    options = [(size,), (-1,), (1, size), (size, 1, 1), (2, -1), (size + 1,), (-1, -1)]
    if size and size % 6 == 0:
        options += [(2, 3, size // 6), (-1, 6), (size // 2, 2)]
    return (a, d.one(options))


case("reshape array.reshape", reshaped)
case("flatten array.flatten", lambda d: ((a := d.array(dtypes=ALL)), *([d.axis(a.values.ndim)] if d.chance(0.5) else [])))


def unflattened(d: Draw) -> Any:
    shape = list(d.shape(1, 3, zero=0))
    axis = d.int(0, len(shape) - 1)
    shape[axis] = d.one([4, 6, 12])
    return (d.array(tuple(shape), ALL), axis, d.one([(2, -1), (-1, 2), (2, 2), (2, 3)]))


case("unflatten", unflattened)
case("squeeze array.squeeze", lambda d: ((a := d.array(tuple(d.one([1, 1, 2]) for _ in range(d.int(0, 4))), ALL)), *([d.axes(a.values.ndim)] if d.chance(0.6) else [])))
case("expand_dims", lambda d: ((a := d.array(d.shape(0, 3), ALL)), d.one([0, -1, a.values.ndim, a.values.ndim + 1, (0, 1), (0, -1)])))
case("flip", lambda d: ((a := d.array(dtypes=ALL)), *([d.axes(a.values.ndim)] if d.chance(0.7) else [])))


def rolled(d: Draw) -> Any:
    shape = d.shape(0, 3)
    if d.chance(0.3):
        return (d.array(shape, ALL), d.int(-7, 7))
    axes = d.axes(len(shape))
    if isinstance(axes, (list, tuple)):
        return (d.array(shape, ALL), tuple(d.int(-3, 3) for _ in axes), tuple(axes))
    return (d.array(shape, ALL), d.int(-7, 7), axes)


case("roll", rolled)


def permuted(d: Draw) -> Any:
    a = d.array(dtypes=ALL)
    if d.chance(0.25):
        return (a,)
    axes = [int(i) for i in d.rng.permutation(a.values.ndim)]
    if d.chance(0.1) and axes:
        axes[0] = axes[-1]
    return (a, [i - len(axes) if d.chance(0.2) else i for i in axes])


case("transpose permute_dims array.transpose", permuted)
case("moveaxis swapaxes array.moveaxis array.swapaxes", lambda d: ((a := d.array(dtypes=ALL)), d.axis(a.values.ndim), d.axis(a.values.ndim)))
case("matrix_transpose", lambda d: (d.array(dtypes=ALL),))


def broadcasted(d: Draw) -> Any:
    shape = d.shape()
    return (d.array(d.partner(shape), ALL), shape if d.chance(0.9) else d.shape())


case("broadcast_to", broadcasted)


def broadcast_many(d: Draw) -> Any:
    shape = d.shape()
    return tuple(d.array(d.partner(shape), ALL) for _ in range(d.int(1, 3)))


case("broadcast_arrays", broadcast_many)
case("broadcast_shapes", lambda d: tuple(d.partner((3, 4, 2)) for _ in range(d.int(1, 3))))
case("atleast_1d atleast_2d atleast_3d", lambda d: tuple(d.array(dtypes=ALL) for _ in range(d.int(1, 2))))


def joined(d: Draw) -> Any:
    shape = list(d.shape(1, 3))
    axis = d.int(0, len(shape) - 1)
    parts = []
    for _ in range(d.int(1, 3)):
        part = list(shape)
        part[axis] = d.int(0, 4)
        if d.chance(0.05):
            part[d.int(0, len(part) - 1)] += 1
        parts.append(d.array(tuple(part), ALL))
    return (parts, axis - len(shape) if d.chance(0.3) else axis)


case("concatenate concat", joined)


def stacked(d: Draw) -> Any:
    shape = d.shape(0, 3)
    return ([d.array(shape, ALL) for _ in range(d.int(1, 3))], d.int(-len(shape) - 1, len(shape)))


case("stack", stacked)
case("unstack", lambda d: ((d.array(d.shape(1, 3), ALL),), {"axis": d.one([0, -1])}))


def split_up(d: Draw) -> Any:
    shape = list(d.shape(1, 3, zero=0))
    axis = d.int(0, len(shape) - 1)
    shape[axis] = d.one([4, 6])
    return (d.array(tuple(shape), ALL), d.one([1, 2, 3, (1, 3), (2,), [0, 2, 2]]), axis)


case("split array.split", split_up)
case("repeat", lambda d: ((a := d.array(d.shape(0, 3), ALL)), d.int(0, 3), *([d.axis(a.values.ndim)] if d.chance(0.7) else [])))
case("tile", lambda d: (d.array(d.shape(0, 3), ALL), d.one([2, (2,), (1, 2), (2, 1, 3), (0,), 1])))


def padded(d: Draw) -> Any:
    shape = d.shape(1, 3, zero=0)
    width = d.one([0, 1, 2, (1,), (1, 2), [(d.int(0, 2), d.int(0, 2)) for _ in shape]])
    kwargs = d.one([{}, {"constant_values": 3}, {"mode": "edge"}])
    return (d.array(shape, REAL), width), kwargs


case("pad", padded)


def reflected(d: Draw) -> Any:
    shape = tuple(d.int(3, 5) for _ in range(d.int(1, 2)))
    return (d.array(shape, REAL), d.one([1, 2, (1, 2)])), {"mode": d.one(["reflect", "symmetric"])}


case("pad_mirrored", reflected, function="pad")
case("diagonal array.diagonal", lambda d: ((d.array(d.shape(2, 4, zero=0), ALL),), {"offset": d.int(-1, 1)}))
case("diag array.diag", lambda d: (d.array(d.shape(1, 2, zero=0), ALL), d.int(-1, 2)))
case("tril triu", lambda d: (d.array(d.shape(2, 3), ALL), d.int(-2, 2)))
case("meshgrid", lambda d: ((*(d.array((d.int(1, 4),), REAL) for _ in range(d.int(1, 3))),), d.one([{}, {"indexing": "ij"}, {"sparse": True}])))


def strided(d: Draw) -> Any:
    return (d.array((4, 6), ALL), d.one([(2, 3), (5,)]), d.one([(6, 2), (1, 1), (2,), (4,)]), d.int(0, 3))


case("as_strided", lambda d: (lambda c: c if len(c[1]) == len(c[2]) else (c[0], (2,), (3,), c[3]))(strided(d)))

# Creation ------------------------------------------------------------------------------------

case("arange", lambda d: d.one([(d.int(0, 9),), (d.int(-3, 3), d.int(0, 9)), (0, d.int(1, 20), d.int(1, 4)), (d.int(3, 9), -2, -2), (0.0, 3.0, 0.5), (5.0,)]))
case("linspace", lambda d: (d.int(-3, 3), d.one([1, 5.5, 10]), *([d.int(1, 9)] if d.chance(0.7) else [])), 2)
case("zeros ones", lambda d: (d.shape(), *([any_dtype(d)] if d.chance(0.6) else [])))
case("full", lambda d: (d.shape(), number(d), *([any_dtype(d)] if d.chance(0.5) else [])))
case("zeros_like ones_like", lambda d: (d.array(dtypes=ALL), *([any_dtype(d)] if d.chance(0.3) else [])))
case("full_like", lambda d: (d.array(dtypes=ALL), number(d)))
case("eye", lambda d: (d.int(0, 5), *([d.int(0, 5), d.int(-2, 2)] if d.chance(0.6) else [])))
case("identity", lambda d: (d.int(0, 5),))
case("tri", lambda d: (d.int(0, 5), *([d.int(0, 5), d.int(-2, 2)] if d.chance(0.6) else [])))
case("bartlett blackman hamming hanning", lambda d: (d.int(0, 9),), 4)

# Indexing ------------------------------------------------------------------------------------


def taken(d: Draw) -> Any:
    shape = d.shape(1, 3, zero=0)
    axis = d.int(0, len(shape) - 1)
    by_axis = d.chance(0.7)
    length = shape[axis] if by_axis else int(np.prod(shape))
    kind = d.one(["int32", "uint32", "int64"])
    low = 0 if kind[0] == "u" else -length
    indices = d.rng.integers(low, length, d.shape(0, 2)).astype(kind)
    return (d.array(shape, ALL), Drawn(indices, kind)), ({"axis": axis} if by_axis else {})


case("take", taken)


def taken_along(d: Draw) -> Any:
    shape = d.shape(1, 3, zero=0)
    axis = d.int(0, len(shape) - 1)
    picked = list(shape)
    picked[axis] = d.int(1, 5)
    indices = d.rng.integers(-shape[axis], shape[axis], picked).astype(np.int32)
    return (d.array(shape, ALL), Drawn(indices, "int32"), axis)


case("take_along_axis", taken_along)


def put_along(d: Draw) -> Any:
    shape = d.shape(1, 3, zero=0)
    axis = d.int(0, len(shape) - 1)
    count = d.int(1, shape[axis])
    # Each place at most once: which of two writers wins is not defined.
    indices = np.argsort(d.rng.random(shape), axis=axis).take(range(count), axis=axis).astype(np.int32)
    dtype = d.one(ALL)
    return (d.array(shape, dtype), Drawn(indices, "int32"), d.array(indices.shape, dtype), axis)


case("put_along_axis", put_along)


def index_of(d: Draw, shape: tuple[int, ...], writing: bool = False) -> Any:
    parts: list[Any] = []
    axes = list(shape[: d.int(0, len(shape))])
    for length in axes:
        kind = d.int(0, 5)
        if kind == 0 and length:
            parts.append(d.int(-length, length - 1))
        elif kind == 1 and length:
            count = d.int(1, min(3, length))
            picked = d.rng.permutation(length)[:count] if writing else d.rng.integers(-length, length, d.one([(2,), (1, 2), ()]))
            parts.append(Drawn(np.asarray(picked, np.int32), "int32"))
        elif kind == 2:
            parts.append(slice(None))
        else:
            step = d.one([None, 1, 2, -1, -2])
            ends = [None, 0, 1, -1, 3, length, -length, 9]
            parts.append(slice(d.one(ends), d.one(ends), step))
    arrays = [p for p in parts if isinstance(p, Drawn)]
    if len(arrays) > 1:
        parts = [slice(None) if isinstance(p, Drawn) and p is not arrays[0] else p for p in parts]
    if d.chance(0.2) and not writing:
        parts.insert(d.int(0, len(parts)), None)
    if d.chance(0.2):
        parts.append(...)
    if len(parts) == 1 and d.chance(0.5):
        return parts[0]
    return tuple(parts)


def read(d: Draw) -> Any:
    shape = d.shape(1, 4, zero=0.03)
    return (d.array(shape, ALL), index_of(d, shape))


case("array.__getitem__", read)

# Products ------------------------------------------------------------------------------------


def matrices(d: Draw) -> Any:
    m, k, n = d.int(1, 5), d.int(1, 6), d.int(1, 5)
    batch = d.shape(0, 2, longest=3, zero=0.05)
    dtypes = [*FLOATS, "complex64"] if d.chance(0.9) else REAL
    left = (k,) if d.chance(0.1) else (*d.partner(batch), m, k)
    right = (k,) if d.chance(0.1) else (*d.partner(batch), k + (1 if d.chance(0.05) else 0), n)
    dtype = d.one(dtypes) if d.chance(0.7) else dtypes
    return (d.array(left, dtype), d.array(right, dtype))


case("matmul array.__matmul__", matrices, 16)
case("addmm", lambda d: ((d.array((3, 4), "float32"), d.array((3, 2), "float32"), d.array((2, 4), "float32")), d.one([{}, {"alpha": 0.5, "beta": 2.0}])), 16)
case("inner", lambda d: (d.array((d.int(1, 3), 4), FLOATS), d.array((d.int(1, 3), 4), FLOATS)), 16)
case("outer", lambda d: (d.array((d.int(1, 4),), REAL), d.array((d.int(1, 4),), REAL)), 4)
case("vecdot", lambda d: (d.array((3, 4), FLOATS), d.array((3, 4), FLOATS)), 16)
case("kron", lambda d: (d.array(d.shape(1, 2, zero=0), FLOATS), d.array(d.shape(1, 2, zero=0), FLOATS)), 4)
case("tensordot", lambda d: (d.array((2, 3, 4), FLOATS), d.array((3, 4, 2), FLOATS), d.one([2, [[1, 2], [0, 1]], [[2], [1]], 0])), 16)


def summed(d: Draw) -> Any:
    text, shapes = d.one(
        [
            ("ij,jk->ik", [(2, 3), (3, 4)]),
            ("ij->ji", [(2, 3)]),
            ("ii->i", [(3, 3)]),
            ("ij->", [(2, 3)]),
            ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
            ("i,i", [(4,), (4,)]),
            ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
            ("i,j->ij", [(3,), (2,)]),
        ]
    )
    return (text, *(d.array(s, "float32") for s in shapes))


case("einsum", summed, 16)
case("hadamard_transform", lambda d: (d.array((d.int(1, 3), d.one([2, 4, 8, 12, 16])), ["float32", "float16"]),), 16)

# Random: equal words -------------------------------------------------------------------------


def keyed(d: Draw, **kwargs: Any) -> dict[str, Any]:
    words = d.rng.integers(0, 2**32, 2, dtype=np.uint64).astype(np.uint32)
    return {**kwargs, "key": Drawn(words, "uint32")}


case("random.key", lambda d: (d.int(0, 2**40),))
case("random.split", lambda d: ((Drawn(d.rng.integers(0, 2**32, 2, dtype=np.uint64).astype(np.uint32), "uint32"), d.int(1, 5)), {}))
case("random.uniform", lambda d: ((), keyed(d, shape=d.shape(), low=d.int(-3, 0), high=d.int(1, 3), **({"dtype": "dtype:" + d.one(["float16", "bfloat16", "float32"])} if d.chance(0.5) else {}))))
case("random.normal", lambda d: ((), keyed(d, shape=d.shape(), **({"loc": 1.0, "scale": 2.0} if d.chance(0.3) else {}))), 8)
case("random.randint", lambda d: ((d.int(-5, 0), d.int(1, 50)), keyed(d, shape=d.shape())))
case("random.bernoulli", lambda d: ((), keyed(d, p=0.3, shape=d.shape())))
case("random.truncated_normal", lambda d: ((-1.0, d.one([0.5, 2.0])), keyed(d, shape=d.shape())), 16)
case("random.gumbel random.laplace", lambda d: ((), keyed(d, shape=d.shape())), 16)
case("random.categorical", lambda d: ((d.array((d.int(1, 3), d.int(2, 6)), "float32"),), keyed(d, num_samples=d.int(1, 4))))
case("random.permutation", lambda d: ((d.int(1, 12),), keyed(d)))



def joint(d: Draw) -> Any:
    n = d.int(1, 3)
    a = d.rng.normal(size=(n, n))
    covariance = Drawn((a @ a.T + np.diag(np.arange(n) + 1)).astype(np.float32), "float32")
    batch = d.int(1, 3)
    mean = d.array((n,) if d.chance(0.5) else (batch, n), "float32")
    return (mean, covariance), keyed(d, **({"shape": (2, batch)} if d.chance(0.5) else {}))


case("random.multivariate_normal", joint, 100)

# Convolutions --------------------------------------------------------------------------------


def convolved(rank: int, transposed: bool = False) -> Callable[[Draw], Any]:
    def draw(d: Draw) -> Any:
        groups = 1 if transposed or rank == 3 else d.one([1, 1, 2])
        inner, outer = 2 * groups, 2 * groups
        input_shape = (d.int(1, 2), *(d.int(4, 7) for _ in range(rank)), inner)
        weight_shape = (outer, *(d.int(1, 3) for _ in range(rank)), inner // groups)
        kwargs: dict[str, Any] = {"stride": d.int(1, 2), "padding": d.int(0, 1), "dilation": d.int(1, 2)}
        if groups > 1:
            kwargs["groups"] = groups
        return (d.array(input_shape, "float32"), d.array(weight_shape, "float32")), kwargs

    return draw


for _rank in (1, 2, 3):
    case(f"conv{_rank}d", convolved(_rank), 32)
    case(f"conv_transpose{_rank}d", convolved(_rank, True), 32)
case("convolve", lambda d: ((d.array((d.int(3, 8),), "float32"), d.array((d.int(1, 3),), "float32")), d.one([{}, {"mode": "same"}, {"mode": "valid"}])), 16)

# Transforms of Fourier and linear algebra ----------------------------------------------------

case("fft.fft fft.ifft", lambda d: ((d.array((d.int(1, 3), d.int(1, 12)), ["float32", "complex64"]),), d.one([{}, {"n": 5}, {"axis": 0}, {"norm": "ortho"}])), 32)
case("fft.rfft", lambda d: ((d.array((d.int(1, 3), d.int(2, 12)), "float32"),), d.one([{}, {"n": 6}])), 32)
case("fft.irfft", lambda d: ((d.array((d.int(1, 3), d.int(2, 8)), "complex64"),), d.one([{}, {"n": 6}])), 32)
case("fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft2 fft.rfftn", lambda d: (d.array((d.int(2, 4), d.int(2, 5)), "float32"),), 32)
case("fft.irfft2 fft.irfftn", lambda d: (d.array((d.int(2, 4), d.int(2, 5)), "complex64"),), 32)
case("fft.fftshift fft.ifftshift", lambda d: (d.array(dtypes=["float32", "complex64"]),))
case("fft.fftfreq fft.rfftfreq", lambda d: (d.int(1, 9), d.one([1.0, 0.5])), 2)


def framed(d: Draw) -> Any:
    n = d.one([8, 9, 16])
    x = d.array((*d.shape(0, 1, longest=3, zero=0), d.int(20, 60)), ["float32", "float32", "int32", "complex64"])
    kwargs: dict[str, Any] = {"n_fft": n}
    if d.chance(0.4):
        kwargs["hop_length"] = d.int(1, 6)
    if d.chance(0.3):
        kwargs["window"] = d.array((d.int(2, n),), "float32", 0.1, 1)
    elif d.chance(0.3):
        kwargs["win_length"] = d.int(2, n + 1)
    if d.chance(0.3):
        kwargs["center"] = False
    if d.chance(0.4):
        kwargs["pad_mode"] = d.one(["constant", "edge", "reflect"])
    if d.chance(0.3):
        kwargs["norm"] = d.one(["ortho", "forward"])
    if d.chance(0.3):
        kwargs["onesided"] = d.chance(0.5)
    return (x,), kwargs


def framed_back(d: Draw) -> Any:
    n = d.one([8, 16])
    whole = d.chance(0.3)
    spectra = d.array((*d.shape(0, 1, longest=3, zero=0), n if whole else n // 2 + 1, d.int(2, 6)), "complex64")
    # Away from windows that leave places uncovered, where the result is rounding divided by almost nothing.
    kwargs = d.one([{}, {"n_fft": n}, {"hop_length": n // 2}, {"norm": "ortho"}, {"length": d.int(5, 60)}])
    return (spectra,), {**kwargs, **({"onesided": False} if whole else {}), **({"center": False} if d.chance(0.3) else {})}


case("fft.stft", framed, 64)
case("fft.istft", framed_back, 64)


def well_conditioned(d: Draw) -> Drawn:
    n = d.int(1, 5)
    return Drawn((d.rng.normal(size=(n, n)) + 4 * np.eye(n)).astype(np.float32), "float32")


def positive_definite(d: Draw) -> Drawn:
    a = d.rng.normal(size=(d.int(1, 5),) * 2)
    return Drawn((a @ a.T + 2 * np.eye(len(a))).astype(np.float32), "float32")


case("linalg.norm matrix_norm", lambda d: ((d.array(d.shape(1, 2, zero=0), "float32"),), d.one([{}, {"ord": 2, "axis": 0}, {"ord": 1, "axis": -1}, {"keepdims": True}, {"ord": float("inf"), "axis": 0}])), 16)
case("linalg.inv linalg.pinv linalg.det linalg.slogdet", lambda d: (well_conditioned(d),), 200)
case("linalg.cholesky linalg.eigvalsh", lambda d: (positive_definite(d),), 200)
case("linalg.solve", lambda d: ((a := well_conditioned(d)), d.array((len(a.values), 2), "float32")), 200)


def of_matrix(d: Draw) -> Any:
    shape = (*d.shape(0, 1, longest=3, zero=0), d.int(1, 4), d.int(1, 4))
    order = d.one([None, "fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf"), 3, "none"])
    axes = d.one([[-2, -1], (-1, -2), [0, 1]]) if d.chance(0.8) or len(shape) > 2 else None
    kwargs = {**({} if order is None else {"ord": order}), **({} if axes is None else {"axis": axes})}
    return (d.array(shape, "float32"),), {**kwargs, **({"keepdims": True} if d.chance(0.3) else {})}


def of_vectors(d: Draw) -> Any:
    dtype = d.one(["float32", "float32", "int32", "float64"])
    return (d.array(d.shape(1, 3, zero=0), dtype, low=0.5), d.one([0, 1, 2, 3, -1, 0.5, float("inf"), -float("inf"), "fro"]), d.one([0, -1])), {}


case("norm_of_matrices", of_matrix, 200, "linalg.norm")
case("norm_of_vectors", of_vectors, 16, "linalg.norm")


def triangular(d: Draw, a: Drawn) -> tuple[Drawn, bool]:
    upper = d.chance(0.5)
    values = np.triu(a.values) if upper else np.tril(a.values)
    np.fill_diagonal(values, np.abs(np.diag(values)) + 1)
    return Drawn(values, a.dtype), upper


def inverted(d: Draw) -> Any:
    a, upper = triangular(d, well_conditioned(d))
    return (a,), {"upper": upper}


def solved(d: Draw) -> Any:
    a, upper = triangular(d, well_conditioned(d))
    n = len(a.values)
    return (a, d.array((n, 2) if d.chance(0.7) else (n,), "float32")), {"upper": upper}


case("linalg.tri_inv linalg.cholesky_inv", inverted, 200)
case("linalg.solve_triangular", solved, 200)
case("linalg.lu linalg.lu_factor", lambda d: (well_conditioned(d),), 200)
case("singular_values", lambda d: (well_conditioned(d), False), 200, "linalg.svd")
case("linalg.solve_of_vectors", lambda d: ((a := well_conditioned(d)), d.array((len(a.values),), "float32")), 200, "linalg.solve")
case("wrong_matrices", lambda d: (d.one([d.array((3,), "float32"), d.array((2, 3), "float32"), d.array((2, 2), ["int32", "float16"])]),), 1, "linalg.inv")
case("linalg.cross", lambda d: (d.array((2, 3), "float32"), d.array((2, 3), "float32")), 4)

# Fast ----------------------------------------------------------------------------------------

case("fast.rms_norm", lambda d: ((a := d.array(d.shape(1, 3, zero=0), ["float32", "float16", "bfloat16"])), d.one([None, d.array((a.values.shape[-1],), a.dtype)]), 1e-5), 8)
case("fast.layer_norm", lambda d: ((a := d.array(d.shape(1, 3, zero=0), "float32")), d.one([None, d.array((a.values.shape[-1],), "float32")]), None, 1e-5), 16)


def rotated(d: Draw) -> Any:
    a = d.array((1, d.int(1, 2), d.int(1, 4), d.one([4, 8])), ["float32"])
    return (a, d.one([4, a.values.shape[-1]])), {"traditional": d.chance(0.5), "base": 10000.0, "scale": 1.0, "offset": d.int(0, 5)}


case("fast.rope", rotated, 8)


def attended(d: Draw) -> Any:
    heads, groups, length, size = d.one([1, 2]), d.one([1, 2]), d.int(1, 5), d.one([4, 8])
    keys = d.int(length, 7)
    q = d.array((1, heads * groups, length, size), "float32")
    kv = lambda: d.array((1, heads, keys, size), "float32")  # noqa: E731
    return (q, kv(), kv()), {"scale": 0.5, **d.one([{}, {"mask": "causal"}])}


case("fast.scaled_dot_product_attention", attended, 32)



def classified(d: Draw) -> Any:
    shape = d.shape(0, 3, zero=0)
    classes = d.int(1, 7)
    targets = Drawn(d.rng.integers(0, classes, shape).astype(np.int32), d.one(["int32", "uint32"]))
    targets.values = targets.values.astype(targets.dtype)
    return (d.array((*shape, classes), ["float32", "float32", "float16", "float64", "int32"]), targets)


case("fast.cross_entropy", classified, 400)


def updated(d: Draw) -> Any:
    b, t, hk, groups, dk, dv = d.int(1, 2), d.int(1, 4), d.int(1, 2), d.int(1, 2), d.one([4, 8]), d.one([2, 4])
    hv, dtype = hk * groups, d.one(["float32", "float32", "float16"])
    array = lambda *shape: d.array(shape, dtype, -1, 1)  # noqa: E731
    gates = [d.array((b, t, hv), dtype, 0.1, 1) for _ in range(2)]
    kwargs: dict[str, Any] = {}
    if d.chance(0.5):
        kwargs["initial_state"] = d.array((b, hv, dv, dk), "float32", -1, 1)
    if d.chance(0.5):
        kwargs["mask"] = d.array((b, t), "bool_")
    return (array(b, t, hk, dk), array(b, t, hk, dk), array(b, t, hv, dv), *gates), kwargs


case("fast.gated_delta_update", updated, 16)

# Quantization --------------------------------------------------------------------------------


def quantized(d: Draw) -> Any:
    group = d.one([32, 64, 128])
    return (d.array((d.int(1, 3), group * d.int(1, 2)), ["float32", "float16", "bfloat16"]),), {"group_size": group, "bits": d.one([1, 2, 3, 4, 5, 6, 8])}


case("quantize", quantized)


def packed(d: Draw, lead: tuple[int, ...], k: int) -> tuple[list[Drawn], dict[str, Any]]:
    """A quantized array of `k` columns, any words being one, and its format."""
    mode = d.one(["affine", "affine", "mxfp4", "mxfp8", "nvfp4"])
    group, bits = {"affine": (d.one([32, 64]), d.one([1, 2, 3, 4, 5, 6, 8])), "mxfp4": (32, 4), "mxfp8": (32, 8), "nvfp4": (16, 4)}[mode]
    words = d.rng.integers(0, 2**32, (*lead, k * bits // 32), dtype=np.uint64).astype(np.uint32)
    if mode == "mxfp8":
        # Not the byte that is no number.
        words &= np.uint32(0xBFBFBFBF)
    scales = (*lead, k // group)
    if mode == "affine":
        parts = [Drawn(words, "uint32"), d.array(scales, "float32", -0.1, 0.1), d.array(scales, "float32", -1, 1)]
        parts = [Drawn(p.values, p.dtype) for p in parts]
    else:
        low, high = (120, 130) if mode != "nvfp4" else (40, 80)
        parts = [Drawn(words, "uint32"), Drawn(d.rng.integers(low, high, scales).astype(np.uint8), "uint8")]
    return parts, {"group_size": group, "bits": bits, "mode": mode}


def unpacked(d: Draw) -> Any:
    parts, how = packed(d, d.one([(2,), (3,), (2, 2)]), 128)
    return tuple(parts), {**how, **({"dtype": "dtype:" + d.one(["float16", "float32"])} if d.chance(0.4) else {})}


def product(d: Draw) -> Any:
    transpose = d.chance(0.7)
    rows, k = (d.int(1, 5), 128) if transpose else (128, 64)
    parts, how = packed(d, (rows,), k)
    # Affine scales, float32 here, widen the product.
    dtype = d.one(["float32", "float16", "bfloat16"]) if how["mode"] == "affine" else "float32"
    x = d.array((d.int(1, 4), k if transpose else rows), dtype, -1, 1)
    return (x, *parts), {**how, "transpose": transpose}


def picked(d: Draw) -> Any:
    experts = d.int(1, 4)
    parts, how = packed(d, (experts, d.int(1, 3)), 64)
    x = d.array((d.int(1, 3), d.int(1, 2), 64), "float32", -1, 1)
    count = d.int(1, 4)
    left = Drawn(d.rng.integers(0, len(x.values), count).astype(np.uint32), "uint32")
    right = Drawn(d.rng.integers(0, experts, count).astype(np.uint32), "uint32")
    return (x, *parts), {**how, "lhs_indices": left, "rhs_indices": right}


case("dequantize", unpacked, 4)
case("quantized_matmul", product, 400)
case("gather_qmm", picked, 400)
case("to_fp8", lambda d: (d.array(dtypes=["float32", "float16", "bfloat16", "int32"]),))
case("from_fp8", lambda d: ((Drawn(d.rng.integers(0, 255, d.shape(), dtype=np.uint8) & np.uint8(0xBF), "uint8"),), d.one([{}, {"dtype": "dtype:float32"}, {"dtype": "dtype:int32"}])))

# What differs on purpose ---------------------------------------------------------------------


@dataclass
class Difference:
    """A difference from the reference that is meant, and why."""

    why: str
    covers: Callable[[Call, Exception | None, Exception | None, str], bool]


def arrays(call: Call) -> list[Drawn]:
    return [a for a in call.args if isinstance(a, Drawn)]


def pads_beyond_the_kernel(call: Call) -> bool:
    """More padding than the kernel reaches: the reference crops before it spreads the input."""
    if not call.name.startswith("conv_transpose"):
        return False
    kernel = call.args[1].values.shape[1:-1]
    return call.kwargs["padding"] > call.kwargs["dilation"] * (min(kernel) - 1)


def differing(why: str) -> list[float]:
    """The two floats of a reason that names them."""
    return [float(v) for v in re.findall(r"np\.float\d+\((-?[\d.]+)\)", why)]


def ties_in_half(call: Call, why: str) -> bool:
    """A number that is a tie only once it is multiplied in half precision."""
    if call.name != "round" or len(call.args) < 2 or call.args[0].dtype not in ("float16", "bfloat16"):
        return False
    values = differing(why)
    return len(values) == 2 and abs(values[0] - values[1]) < 1.1 * 10.0 ** -call.args[1]


def rounds_up_in_half(call: Call, why: str) -> bool:
    """A quotient just below an integer, which a half-precision float rounds up to."""
    floors = ("floor_divide", "divmod", "array.__floordiv__", "array.__rfloordiv__", "array.__ifloordiv__")
    values = differing(why)
    half = any(a.dtype in ("float16", "bfloat16") for a in arrays(call))
    return call.name in floors and half and len(values) == 2 and values[1] - values[0] == 1


DIFFERENCES = [
    Difference(
        "the reference fails inside instead of answering",
        lambda call, ours, theirs, why: ours is None and theirs is not None and ("std::" in str(theirs) or "does not yet" in str(theirs).lower()),
    ),
    Difference(
        "a dtype that an operation does not take is a ValueError, also of bits",
        lambda call, ours, theirs, why: isinstance(ours, ValueError) and "does not take" in str(ours) and isinstance(theirs, RuntimeError),
    ),
    Difference(
        "which of two mistakes is named first: no such axis, no elements or no axes",
        lambda call, ours, theirs, why: isinstance(ours, (IndexError, ValueError))
        and isinstance(theirs, (IndexError, ValueError))
        and any(a.values.size == 0 or a.values.ndim == 0 for a in arrays(call)),
    ),
    Difference(
        "which of two mistakes is named first: the dtypes or the shapes",
        lambda call, ours, theirs, why: isinstance(ours, ValueError) and "do not broadcast" in str(ours) and "Only allowed on integer" in str(theirs),
    ),
    Difference(
        "no positions are the result where other axes than that of the search are empty",
        lambda call, ours, theirs, why: "argm" in call.name and ours is None and "zero size" in str(theirs),
    ),
    Difference("an axis that is not there is an IndexError", lambda call, ours, theirs, why: isinstance(ours, IndexError) and call.name in ("flatten", "array.flatten")),
    Difference("frames are cut from any layout", lambda call, ours, theirs, why: call.name == "fft.stft" and "row contiguous" in str(theirs)),
    Difference("a kernel that is larger than what it slides over is an error", lambda call, ours, theirs, why: theirs is None and "does not fit axis" in str(ours)),
    Difference("rounding leaves truth values alone", lambda call, ours, theirs, why: call.name == "round" and call.args[0].dtype == "bool_"),
    Difference("half types are rounded to decimals from float32, not from a product in half precision", lambda call, ours, theirs, why: ties_in_half(call, why)),
    Difference("a quotient is rounded down, not first to half precision and then down", lambda call, ours, theirs, why: rounds_up_in_half(call, why)),
    Difference("a transposed convolution has the length of the formula", lambda call, ours, theirs, why: pads_beyond_the_kernel(call)),
    Difference(
        "softmax of integers is float32 along an axis of length one too",
        lambda call, ours, theirs, why: call.name == "softmax" and why == f"dtype float32 against {call.args[0].dtype.rstrip('_')}",
    ),
    Difference(
        "sums and products have the same dtype over no axes as over one",
        lambda call, ours, theirs, why: call.name in ("sum", "prod", "array.sum", "array.prod") and why.startswith("dtype") and not call.args[0].values.ndim,
    ),
    Difference("full has the dtype asked for", lambda call, ours, theirs, why: call.name == "full" and why.startswith("dtype") and len(call.args) == 3),
    Difference("strides go over the elements in row-major order, whatever their layout", lambda call, ours, theirs, why: call.name == "as_strided" and "row contiguous" in str(theirs)),
]
