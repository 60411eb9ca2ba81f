"""The table of operations, `docs/ops.md`: what each name has, found by trying it.

    python operations.py            write docs/ops.md
    python operations.py --check    fail if the document is not what is found
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lazuli.core as mx

import names
from cases import CASES
from differential import build
from draws import Draw, Drawn

DOCUMENT = Path(__file__).parents[3] / "docs" / "ops.md"

HEAD = """# Operations

Written by `crates/lazuli-py/tests/operations.py` from the code; a test holds it against the code. A row for each
name of `mlx.core`. *yes* was tried: the call was computed, differentiated or vectorised. Other cells:

- *int*: the result is no float, so there is nothing to differentiate.
- *none*: the operation takes no array (of floats, for derivatives).
- *call*: a function of the program (devices, streams, transforms, files), not an operation of arrays.
- *host*: the result is no array.
- *later*: not there yet. CUDA comes with its backend.
"""

# Functions about the process, or of functions and files.
CALLS = set(
    """default_device set_default_device is_available device_count device_info default_stream set_default_stream new_stream
    new_thread_unsafe_stream new_thread_local_stream clear_streams stream synchronize get_active_memory get_peak_memory
    reset_peak_memory get_cache_memory set_memory_limit set_cache_limit set_wired_limit clear_cache get_memory_limit
    get_array_buffer_size issubdtype isdtype result_type can_cast eval async_eval grad value_and_grad vjp jvp vmap compile
    enable_compile disable_compile checkpoint export_function import_function exporter export_to_dot set_printoptions
    get_printoptions printoptions save savez savez_compressed load save_safetensors save_gguf asarray from_dlpack
    random.seed fast.metal_kernel fast.cuda_kernel fast.precompiled_cuda_kernel""".split()
)

SQUARE = mx.array([[2.0, 1.0], [1.0, 3.0]])

# Calls of names that no case draws.
EXAMPLES: dict[str, Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "depends": lambda: ((mx.ones(2), mx.ones(2)), {}),
    "partition": lambda: ((mx.array([3.0, 1.0, 2.0]), 1), {}),
    "argpartition": lambda: ((mx.array([3.0, 1.0, 2.0]), 1), {}),
    "topk": lambda: ((mx.array([3.0, 1.0, 2.0]), 2), {}),
    "slice": lambda: ((mx.ones((3, 4)), mx.array([1]), (0,), (2, 4)), {}),
    "slice_update": lambda: ((mx.ones((3, 4)), mx.zeros((2, 4)), mx.array([1]), (0,)), {}),
    "einsum_path": lambda: (("ij,jk->ik", mx.ones((2, 3)), mx.ones((3, 2))), {}),
    "block_masked_mm": lambda: ((mx.ones((32, 32)), mx.ones((32, 32)), 32, None, mx.ones((1, 1)), mx.ones((1, 1))), {}),
    "gather_mm": lambda: ((mx.ones((3, 2, 4)), mx.ones((3, 4, 2)), None, mx.array([0, 1, 2])), {}),
    "segmented_mm": lambda: ((mx.ones((2, 4)), mx.ones((4, 2)), mx.array([[0, 2], [2, 4]])), {}),
    "conv_general": lambda: ((mx.ones((1, 5, 2)), mx.ones((2, 3, 2))), {}),
    "linalg.qr": lambda: ((SQUARE,), {}),
    "linalg.svd": lambda: ((SQUARE,), {}),
    "linalg.eig": lambda: ((SQUARE,), {}),
    "linalg.eigvals": lambda: ((SQUARE,), {}),
    "linalg.eigh": lambda: ((SQUARE,), {}),
    "qqmm": lambda: ((mx.ones((2, 32)), mx.ones((3, 32))), {}),
    "gather_qqmm": lambda: ((mx.ones((2, 1, 32)), mx.ones((3, 2, 32)), None, mx.array([0, 1]), mx.array([2, 0])), {}),
    "random.key": lambda: ((3,), {}),
    "random.permutation": lambda: ((mx.array([1.0, 2.0, 3.0]),), {"key": mx.random.key(0)}),
}


def example(name: str) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Arguments for which the operation computes something, of float32 where it takes floats."""
    if name in EXAMPLES:
        return EXAMPLES[name]()
    if name not in CASES:
        return None
    found = None
    for seed in range(60):
        call = CASES[name].draw(Draw(seed), name)
        drawn = [a for a in call.args if isinstance(a, Drawn)]
        drawn += [a for arg in call.args if isinstance(arg, list) for a in arg if isinstance(a, Drawn)]
        if any(a.values.size == 0 for a in drawn):
            continue
        args, kwargs = build(call.args, mx), build(call.kwargs, mx)
        try:
            result = function(name)(*args, **kwargs)
            arrays = [r for r in leaves(result) if isinstance(r, mx.array)]
            mx.eval(*arrays)
        except Exception:  # noqa: BLE001 - some drawn calls are wrong on purpose
            continue
        found = found or (args, kwargs)
        if all(a.dtype == "float32" for a in drawn if a.dtype not in ("int32", "uint32")):
            return args, kwargs
    return found


def function(name: str) -> Any:
    out = mx
    for part in name.split("."):
        out = getattr(out, part, None)
    return out


def leaves(result: Any) -> list[Any]:
    if isinstance(result, (list, tuple)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def of_arrays(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], wanted: Callable[[Any], bool]) -> tuple[Any, list[Any]]:
    """The function of the arrays that are `wanted` alone, and these."""
    picked: list[Any] = []

    def collect(value: Any) -> Any:
        if isinstance(value, mx.array) and wanted(value):
            picked.append(value)
            return len(picked) - 1, "picked"
        if isinstance(value, list):
            return [collect(v) for v in value]
        return value

    template = [collect(a) for a in args]

    def call(*arrays: Any) -> Any:
        def fill(value: Any) -> Any:
            if isinstance(value, tuple) and len(value) == 2 and value[1] == "picked":
                return arrays[value[0]]
            return [fill(v) for v in value] if isinstance(value, list) else value

        return [r for r in leaves(function(name)(*(fill(t) for t in template), **kwargs)) if isinstance(r, mx.array)]

    return call, picked


def tried(run: Callable[[], Any]) -> str:
    try:
        mx.eval(run())
        return "yes"
    except Exception as error:  # noqa: BLE001 - the reason goes into the table
        return "no: " + str(error).split("\n")[0].replace("|", "/")[:70]


def row(name: str) -> list[str]:
    """CPU, CUDA, vjp, jvp, vmap, Python."""
    if function(name) is None:
        return ["later"] * 6
    if name in CALLS or name.split(".")[0] in ("metal", "cuda", "distributed"):
        return ["call", "call", "call", "call", "call", "yes"]
    found = example(name)
    if found is None:
        return ["no: no example", "later", "", "", "", "yes"]
    args, kwargs = found
    result = function(name)(*args, **kwargs)
    outputs = [r for r in leaves(result) if isinstance(r, mx.array)]
    if not outputs:
        return ["host", "host", "host", "host", "host", "yes"]
    inexact = lambda a: mx.issubdtype(a.dtype, mx.inexact)  # noqa: E731
    call, floats = of_arrays(name, args, kwargs, inexact)
    if not floats:
        vjp = jvp = "none"
    elif not any(inexact(o) for o in outputs):
        vjp = jvp = "int"
    else:
        vjp = tried(lambda: mx.vjp(call, floats, [mx.ones_like(o) for o in outputs]))
        jvp = tried(lambda: mx.jvp(call, floats, [mx.ones_like(f) for f in floats]))
    call, arrays = of_arrays(name, args, kwargs, lambda a: True)
    batches = [mx.stack([a, a]) for a in arrays]
    vmap = tried(lambda: mx.vmap(call)(*batches)) if arrays else "none"
    return ["yes", "later", vjp, jvp, vmap, "yes"]


def document() -> str:
    """The text of docs/ops.md."""
    lines = [HEAD]
    sections = [("mlx.core", "", [*names.TOP, *names.ALIASES])]
    sections += [(f"mlx.core.{m}", m + ".", functions) for m, functions in names.SUBMODULES.items()]
    for title, prefix, functions in sections:
        lines.append(f"\n## `{title}`\n\n| name | CPU | CUDA | vjp | jvp | vmap | Python |\n|---|---|---|---|---|---|---|")
        second = {n: original(n) for n in functions if prefix == "" and n in names.ALIASES}
        for name in functions:
            cells = row(prefix + second.get(name, name)) if function(prefix + name) is not None else row(prefix + name)
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def original(alias: str) -> str:
    """The first name of a function."""
    for module, name, _, _ in mx._signatures():
        if module == "" and getattr(mx, alias, None) is getattr(mx, name):
            return name
    return alias


def main() -> int:
    mx.random.seed(0)
    text = document()
    if "--check" in sys.argv[1:]:
        if not DOCUMENT.exists() or DOCUMENT.read_text() != text:
            print(f"{DOCUMENT}: not what the code has: run python crates/lazuli-py/tests/operations.py")
            return 1
        return 0
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
