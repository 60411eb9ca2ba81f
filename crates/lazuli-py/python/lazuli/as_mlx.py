"""Runs a program that imports `mlx.core`, with Lazuli in its place.

    python -m lazuli.as_mlx script.py arguments...
    python -m lazuli.as_mlx -m module arguments...

Only `mlx.core` is answered: an import of another part of `mlx` fails and says so.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import runpy
import sys
import types
from collections.abc import Sequence

import lazuli.core


class _Mlx(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `mlx`, and nothing below it but what `install` has put there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "mlx":
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname.startswith("mlx."):
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: lazuli.as_mlx answers mlx.core, not the rest of mlx", name=fullname
            )
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType("mlx", "mlx, answered by lazuli")
        setattr(module, "core", lazuli.core)
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        return None


def install() -> None:
    """Lets imports of `mlx.core` find Lazuli from now on."""
    if any(isinstance(finder, _Mlx) for finder in sys.meta_path):
        return
    loaded = [name for name in sys.modules if name == "mlx" or name.startswith("mlx.")]
    if loaded:
        raise ImportError(f"mlx is imported already ({loaded[0]}): call lazuli.as_mlx.install() before")
    sys.meta_path.insert(0, _Mlx())
    prefix = "lazuli.core"
    for name, module in list(sys.modules.items()):
        if name == prefix or name.startswith(prefix + "."):
            sys.modules["mlx.core" + name[len(prefix) :]] = module


def main() -> None:
    """The command."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["-m"] and len(arguments) > 1:
        install()
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments and not arguments[0].startswith("-"):
        install()
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        sys.exit("usage: python -m lazuli.as_mlx script.py [arguments...]\n       python -m lazuli.as_mlx -m module [arguments...]")


if __name__ == "__main__":
    main()
