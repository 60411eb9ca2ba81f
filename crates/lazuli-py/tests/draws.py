"""Random operands for the differential tests: shapes, dtypes, layouts, drawn once and built in both libraries.

An operand is drawn as a description, so that a failing case prints what to type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

INTS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
REAL = ["bool_", *INTS, *FLOATS]
ALL = [*REAL, "complex64"]
LAYOUTS = ["plain", "plain", "transposed", "strided", "negative", "broadcast"]


@dataclass
class Drawn:
    """An array to be built with the same values, dtype and memory layout in either library."""

    values: np.ndarray
    dtype: str
    layout: str = "plain"

    def build(self, mx: Any) -> Any:
        """The array in the library `mx`."""
        values, layout = self.values, self.layout
        if layout == "transposed":
            return mx.transpose(self._plain(mx, values.T.copy()))
        if layout == "strided" and values.ndim:
            wide = np.repeat(values, 2, axis=values.ndim - 1)
            return self._plain(mx, wide)[..., ::2]
        if layout == "negative" and values.ndim:
            return self._plain(mx, values[::-1].copy())[::-1]
        if layout == "broadcast" and values.ndim and values.shape[0]:
            return mx.broadcast_to(self._plain(mx, values[:1]), values.shape)
        return self._plain(mx, values)

    def numpy(self) -> np.ndarray:
        """The values that the built array has."""
        if self.layout == "broadcast" and self.values.ndim and self.values.shape[0]:
            return np.broadcast_to(self.values[:1], self.values.shape)
        return self.values

    def _plain(self, mx: Any, values: np.ndarray) -> Any:
        return mx.array(values, getattr(mx, self.dtype))

    def __repr__(self) -> str:
        values = ", ".join(str(v) for v in self.values.reshape(-1)[:6])
        return f"<{self.dtype} {self.values.shape} {self.layout}: {values}>"


class Draw:
    """Draws operands and parameters from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def one(self, options: Any) -> Any:
        """One of `options`."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def int(self, low: int, high: int) -> int:
        """An integer of low..=high."""
        return int(self.rng.integers(low, high + 1))

    def shape(self, low: int = 0, high: int = 4, longest: int = 6, zero: float = 0.08) -> tuple[int, ...]:
        """Few axes, short; now and then one of length zero or one."""
        rank = self.int(low, high)
        dims = [self.int(1, longest) if self.chance(0.85) else 1 for _ in range(rank)]
        if rank and self.chance(zero):
            dims[self.int(0, rank - 1)] = 0
        return tuple(dims)

    def partner(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts with `shape`."""
        dims = [1 if self.chance(0.3) else d for d in shape]
        return tuple(dims[self.int(0, len(dims)) :]) if self.chance(0.3) else tuple(dims)

    def values(self, shape: tuple[int, ...], dtype: str, low: float | None = None, high: float | None = None) -> np.ndarray:
        """Values of the dtype's kind within low..high, floats held in a type that has them exactly."""
        rng = self.rng
        if dtype == "bool_":
            return rng.integers(0, 2, shape).astype(bool)
        if dtype in INTS:
            lowest, highest = (0, 100) if dtype[0] == "u" else (-50, 50)
            lowest = lowest if low is None else max(int(np.ceil(low)), lowest)
            highest = highest if high is None else max(min(int(high), highest), lowest)
            return rng.integers(lowest, highest + 1, shape).astype(dtype)
        lowest, highest = (-4.0 if low is None else low), (4.0 if high is None else high)
        values = np.asarray(rng.uniform(lowest, highest, shape))
        if dtype == "complex64":
            return (values + 1j * rng.uniform(lowest, highest, shape)).astype(np.complex64)
        if dtype == "float64":
            return values
        if dtype == "bfloat16":
            words = np.asarray(values.astype(np.float32)).view(np.uint32) & np.uint32(0xFFFF0000)
            return words.view(np.float32)
        return np.asarray(values.astype(np.float16 if dtype == "float16" else np.float32))

    def special(self, values: np.ndarray) -> np.ndarray:
        """The values with some infinities, NaNs and signed zeros put in, where they are floats."""
        if values.dtype.kind != "f" or not self.chance(0.25) or not values.size:
            return values
        out = np.array(values)
        flat = out.reshape(-1)
        for value in (np.inf, -np.inf, np.nan, -0.0, 0.0):
            if self.chance(0.5):
                flat[self.int(0, flat.size - 1)] = value
        return out

    def array(
        self,
        shape: tuple[int, ...] | None = None,
        dtypes: Any = REAL,
        low: float | None = None,
        high: float | None = None,
        special: bool = False,
    ) -> Drawn:
        """An operand."""
        shape = self.shape() if shape is None else shape
        dtype = dtypes if isinstance(dtypes, str) else self.one(dtypes)
        values = self.values(shape, dtype, low, high)
        if special:
            values = self.special(values)
        return Drawn(values, dtype, self.one(LAYOUTS))

    def axis(self, rank: int) -> int:
        """An axis; now and then one that does not exist."""
        if rank == 0 or self.chance(0.04):
            return self.one([rank, rank + 2, -rank - 1])
        return self.int(-rank, rank - 1)

    def axes(self, rank: int) -> Any:
        """None, an axis, or several."""
        kind = self.int(0, 3)
        if kind == 0:
            return None
        if kind == 1 or rank == 0:
            return self.axis(rank)
        count = self.int(1, rank)
        axes = [int(a) for a in self.rng.permutation(rank)[:count]]
        axes = [a - rank if self.chance(0.3) else a for a in axes]
        return tuple(axes) if self.chance(0.5) else axes
