"""Writes the type stubs of `lazuli.core` from the table of functions.

    python tools/stubs.py           write them
    python tools/stubs.py --check   fail if they are not what the table says

Signatures are those that calls are bound by (`lazuli.core._signatures()`); classes are written by hand in
`classes.pyi`, with a mark where the methods of the table go.
"""

from __future__ import annotations

import sys
from pathlib import Path

import lazuli.core as lz

HERE = Path(__file__).parent
STUBS = HERE.parent / "python" / "lazuli" / "core"
METHODS_HERE = "    # The methods of the table.\n"

HEAD = '''# Written by tools/stubs.py from the table of functions.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import IO, Any, Literal

'''
TYPES = "DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamContext, StreamOrDevice, ThreadLocalStream, array, scalar"


def parts(text: str) -> list[str]:
    """The parts of a list between commas that are in no bracket."""
    out, depth, start = [], 0, 0
    for at, c in enumerate(text):
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            out.append(text[start:at].strip())
            start = at + 1
    return [p for p in [*out, text[start:].strip()] if p]


def function(name: str, signature: str, doc: str, method: bool) -> str:
    """A definition."""
    arguments, returned = signature.rsplit(" -> ", 1)
    listed = parts(arguments.strip()[1:-1])
    if method:
        listed = ["self", *(p for p in listed[1:] if p != "/")]
    generic = "[**P, R]" if "[P, R]" in signature else ""
    indent = "    " if method else ""
    return f'{indent}def {name}{generic}({", ".join(listed)}) -> {returned}:\n{indent}    """{doc}"""\n{indent}    ...\n'


def constants() -> str:
    """Dtypes, categories, devices and numbers."""
    lines = []
    for name, value in sorted(vars(lz).items()):
        kind = type(value).__name__
        if kind in ("Dtype", "DtypeCategory", "DeviceType", "float"):
            lines.append(f"{name}: {kind}\n")
        elif isinstance(value, str) and name == "__version__":
            lines.append("__version__: str\n")
    return "".join([*lines, "newaxis: None\n"])


def aliases() -> str:
    """Second names, as the module has them."""
    first: dict[int, str] = {}
    names = {name for module, name, _, _ in lz._signatures() if module == ""}
    for module, name, _, _ in lz._signatures():
        if module and module != "array":
            first[id(getattr(getattr(lz, module), name))] = f"{module}.{name}"
    for name in names:
        first[id(getattr(lz, name))] = name
    lines = []
    for name, value in sorted(vars(lz).items()):
        if name not in names and id(value) in first:
            lines.append(f"{name} = {first[id(value)]}\n")
    return "".join(lines)


def stubs() -> dict[str, str]:
    """The text of each file."""
    rows = lz._signatures()
    methods = "".join(function(n, s, d, True) + "\n" for m, n, s, d in rows if m == "array")
    classes = (HERE / "classes.pyi").read_text().replace(METHODS_HERE, methods.rstrip("\n") + "\n")
    modules = sorted({m for m, *_ in rows if m not in ("", "array")})
    imported = "".join(f"from . import {m} as {m}\n" for m in modules)
    top = "\n".join(function(n, s, d, False) for m, n, s, d in rows if m == "")
    files = {"__init__.pyi": HEAD + imported + "\n" + classes + "\n" + constants() + "\n" + top + "\n" + aliases()}
    for module in modules:
        text = HEAD + f"from . import {TYPES}, float32, int32\n\n"
        extra = HERE / f"{module}.pyi"
        if extra.exists():
            text += extra.read_text() + "\n"
        text += "\n".join(function(n, s, d, False) for m, n, s, d in rows if m == module)
        files[f"{module}.pyi"] = text
    return files


def main() -> int:
    check = "--check" in sys.argv[1:]
    wrong = []
    for name, text in stubs().items():
        path = STUBS / name
        if not path.exists() or path.read_text() != text:
            wrong.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    if check and wrong:
        print(f"{', '.join(wrong)}: not what the table says: run python tools/stubs.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
