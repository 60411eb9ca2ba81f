"""Lazuli against the reference and NumPy: the same calls, the same results or the same exceptions.

    python differential.py --cases 20000 --seed 1 [--only sum,mean]

Exact for integers and truth values; floats within the table below; a row of `cases.CASES` for each operation.
What differs on purpose is in `cases.DIFFERENCES`, each with its reason.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

import lazuli.core as lz
from cases import CASES, DIFFERENCES, Call
from draws import Draw, Drawn

try:
    import mlx.core as reference
except ImportError:
    reference = None

# Relative to the larger of 1 and the magnitude: a few roundings of the dtype.
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 2e-5, "complex64": 4e-5}


@dataclass
class Failure:
    """A call whose results differ."""

    name: str
    seed: int
    call: str
    why: str

    def __str__(self) -> str:
        again = f"cargo xtask differential --cases 1 --seed {self.seed} --only {self.name}"
        return f"{self.name}: {self.why}\n    {self.call}\n    again: {again}"


def build(value: Any, mx: Any) -> Any:
    """Operands and dtypes of a call as those of the library `mx`."""
    if isinstance(value, Drawn):
        return value.build(mx)
    if isinstance(value, tuple):
        return tuple(build(v, mx) for v in value)
    if isinstance(value, list):
        return [build(v, mx) for v in value]
    if isinstance(value, dict):
        return {k: build(v, mx) for k, v in value.items()}
    if isinstance(value, str) and value.startswith("dtype:"):
        return getattr(mx, value[6:])
    return value


def function(name: str, mx: Any) -> Any:
    """The function of that dotted name, `array.sum` a method and `array.__add__` an operator."""
    out = mx
    for part in name.split("."):
        out = getattr(out, part, None)
        if out is None:
            return None
    return out


def flat(result: Any) -> list[Any]:
    """The leaves of a result."""
    if isinstance(result, (list, tuple)):
        return [leaf for part in result for leaf in flat(part)]
    return [result]


def dtype_name(array: Any) -> str:
    return str(array.dtype).rsplit(".", 1)[-1]


def values_of(array: Any, mx: Any) -> np.ndarray:
    """The values as NumPy's, bfloat16 widened."""
    if dtype_name(array) == "bfloat16":
        array = array.astype(mx.float32)
    return np.array(array)


def run(call: Call, mx: Any) -> tuple[Any, Exception | None]:
    """The evaluated result, or the exception."""
    try:
        args, kwargs = build(call.args, mx), build(call.kwargs, mx)
        result = function(call.name, mx)(*args, **kwargs)
        leaves = flat(result)
        arrays = [leaf for leaf in leaves if isinstance(leaf, mx.array)]
        mx.eval(*arrays)
        return leaves, None
    except Exception as error:  # noqa: BLE001 - any exception is a result here
        return None, error


def differ(ours: Any, theirs: Any, tolerance: float) -> str | None:
    """Why two results are not the same, or nothing."""
    if len(ours) != len(theirs):
        return f"{len(ours)} results against {len(theirs)}"
    for a, b in zip(ours, theirs):
        if not isinstance(b, reference.array):
            if str(a) != str(b):
                return f"{a!r} against {b!r}"
            continue
        if dtype_name(a) != dtype_name(b):
            return f"dtype {dtype_name(a)} against {dtype_name(b)}"
        if tuple(a.shape) != tuple(b.shape):
            return f"shape {a.shape} against {b.shape}"
        x, y = values_of(a, lz), values_of(b, reference)
        if y.dtype.kind in "fc":
            limit = TOLERANCE[dtype_name(b)] * tolerance
            scale = np.maximum(1.0, np.abs(np.where(np.isfinite(y), y, 1)))
            with np.errstate(invalid="ignore", over="ignore"):
                same = (np.abs(x - y) <= limit * scale) | (x == y) | (np.isnan(x) & np.isnan(y))
        else:
            same = x == y
        if not np.all(same):
            at = np.argwhere(~np.asarray(same))[0]
            place = tuple(int(i) for i in at)
            return f"at {place}: {x[place]!r} against {y[place]!r}"
    return None


def check(name: str, seed: int) -> Failure | None:
    """Draws one call of `name` and runs it in both libraries."""
    case = CASES[name]
    # The draw depends on the operation and the seed alone.
    call = case.draw(Draw(seed * 1_000_003 + zlib.crc32(name.encode())), name)
    ours, error = run(call, lz)
    theirs, expected = run(call, reference)
    why = None
    if error is None and expected is None:
        why = differ(ours, theirs, case.tolerance)
    elif error is None:
        why = f"the reference raises {type(expected).__name__}: {str(expected)[:120]}"
    elif expected is None:
        why = f"raises {type(error).__name__}: {error}"
    elif type(error) is not type(expected):
        why = f"raises {type(error).__name__} ({error}) against {type(expected).__name__} ({str(expected)[:120]})"
    if why is None:
        return None
    for difference in DIFFERENCES:
        if difference.covers(call, error, expected, why):
            return None
    return Failure(name, seed, f"{call.name}(*{call.args}, **{call.kwargs})", why)


def present() -> list[str]:
    """Operations with a case that this build has."""
    return [name for name in CASES if function(CASES[name].function or name, lz) is not None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if reference is None:
        print("the reference is not installed: pip install 'mlx[cpu]'")
        return 2
    names = [n for n in present() if not options.only or n in options.only.split(",")]
    missing = [n for n in CASES if n not in present()]
    unknown = set(filter(None, options.only.split(","))) - set(names)
    if unknown:
        print(f"no cases of {', '.join(sorted(unknown))}")
        return 2
    last = options.seed + (options.cases - 1) // len(names)
    print(f"{len(names)} operations, {options.cases} calls, seeds {options.seed} to {last}")
    if missing:
        print(f"not there yet: {' '.join(missing)}")
    failures: dict[str, list[Failure]] = {}
    for i in range(options.cases):
        name = names[i % len(names)]
        failure = check(name, options.seed + i // len(names))
        if failure:
            failures.setdefault(name, []).append(failure)
    for name, found in failures.items():
        print(f"{len(found)} of {name}, the first:\n{found[0]}")
    print(f"{sum(map(len, failures.values()))} failures in {len(failures)} operations")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
