"""The names, signatures and stubs of the package, against the reference's and against the table."""

import ast
import subprocess
import sys
from pathlib import Path

import lazuli.core as mx
import pytest

import names

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "python" / "lazuli"


def missing() -> list[str]:
    """Public names of the reference that are not there yet."""
    out = [n for n in (*names.TOP, *names.ALIASES, *names.CLASSES) if not hasattr(mx, n)]
    for module, functions in names.SUBMODULES.items():
        out += [f"{module}.{n}" for n in functions if not hasattr(getattr(mx, module, None), n)]
    return out + [f"array.{n}" for n in names.METHODS if not hasattr(mx.array, n)]


def test_every_name_of_the_reference_is_there():
    assert not missing()


def test_every_function_is_documented():
    for module, name, signature, doc in mx._signatures():
        assert doc.endswith(".") and signature.startswith("(") and " -> " in signature, (module, name)


def default(node: ast.expr | None) -> str:
    return "required" if node is None else ast.unparse(node).replace("1e-5", "1e-05").replace("1e-8", "1e-08")


def parameters(arguments: ast.arguments) -> list[tuple[str, str, str]]:
    """(kind, name, default) of each parameter."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    out = []
    for i, (a, d) in enumerate(zip(positional, defaults)):
        out.append(("positional" if i < len(arguments.posonlyargs) else "either", a.arg, default(d)))
    if arguments.vararg:
        out.append(("rest", arguments.vararg.arg, ""))
    out += [("keyword", a.arg, default(d)) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults)]
    if arguments.kwarg:
        out.append(("keywords", arguments.kwarg.arg, ""))
    return [p for p in out if p[1] not in ("self",)]


def functions(path: Path, inside: str | None = None) -> dict[str, list[tuple[str, str, str]]]:
    """The functions of a stub (of a class in it), those with one signature."""
    body = ast.parse(path.read_text()).body
    if inside:
        body = next(n for n in body if isinstance(n, ast.ClassDef) and n.name == inside).body
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return {name: parameters(nodes[0].args) for name, nodes in found.items() if len(nodes) == 1}


# Where the reference's stub is not what it accepts, or says less.
OTHERWISE = {
    "arange",  # overloads
    "savez",
    "savez_compressed",
    "save_gguf",  # the reference takes no metadata too
    "get_array_buffer_size",  # the reference says *args
}


@pytest.mark.parametrize("module", ["", "random", "fft", "linalg", "fast", "distributed", "metal", "cuda", "array"])
def test_signatures_are_the_reference_s(module):
    reference = pytest.importorskip("mlx.core")
    folder = Path(reference.__file__).parent / "core"
    file = f"{module}.pyi" if module not in ("", "array") else "__init__.pyi"
    theirs = functions(folder / file, "array" if module == "array" else None)
    wrong = []
    for where, name, signature, _ in mx._signatures():
        if where != module or name not in theirs or name in OTHERWISE:
            continue
        tree = ast.parse(f"def f{signature}: ...").body[0]
        assert isinstance(tree, ast.FunctionDef)
        ours = parameters(tree.args)
        if module == "array":
            ours = ours[1:]
        if ours != theirs[name]:
            wrong.append(f"{name}\n  {ours}\n  {theirs[name]}")
    assert not wrong, "\n".join(wrong)


def test_the_stubs_are_what_the_table_says():
    done = subprocess.run([sys.executable, str(HERE.parent / "tools" / "stubs.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_mypy_accepts_the_stubs_and_a_program(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(
        "import lazuli.core as mx\n"
        "from lazuli.core import random\n"
        "a: mx.array = mx.sum(mx.ones((2, 3)), axis=0)\n"
        "b: list[mx.array] = a.split(3)\n"
        "c: mx.array = random.uniform(shape=(2,)) + 1.0\n"
        "n: int = a.size\n"
        "g = mx.grad(lambda x: (x * x).sum())\n"
        "d: mx.Dtype = mx.float32\n"
        "@mx.compile\n"
        "def scaled(x: mx.array, by: float) -> mx.array:\n"
        "    return x * by\n"
        "e: mx.array = scaled(a, 2.0)\n"
        "mx.save_safetensors('x.safetensors', {'a': a}, {'k': 'v'})\n"
        "with open('x.npy', 'wb') as file:\n"
        "    mx.save(file, a)\n"
        "u, s, vt = mx.linalg.svd(mx.ones((2, 2)))\n"
        "i: mx.array = mx.linalg.norm(u, ord='fro') + mx.matrix_norm(u)\n"
        "q, r = mx.linalg.qr(u)\n"
        "w, scales, biases = mx.quantize(mx.ones((2, 64)), bits=8)\n"
        "p: mx.array = mx.quantized_matmul(mx.ones((1, 64)), w, scales, biases, bits=8)\n"
        "with mx.exporter('f.mlxfn', lambda x: x + 1) as exporter:\n"
        "    exporter(a)\n"
        "f = mx.import_function('f.mlxfn')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(PACKAGE), str(program)], capture_output=True, text=True, cwd=HERE.parent
    )
    assert done.returncode == 0, done.stdout
