"""`python -m lazuli.as_mlx` runs programs that import `mlx.core`."""

import subprocess
import sys
from pathlib import Path


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lazuli.as_mlx", *arguments], capture_output=True, text=True, cwd=cwd)


def test_a_script_that_imports_mlx_core_runs(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import sys\n"
        "import mlx.core as mx\n"
        "from mlx.core import random\n"
        "assert mx.__name__ == 'lazuli.core' and random is mx.random and __name__ == '__main__'\n"
        "print(mx.grad(lambda x: (x * x).sum())(mx.array([1.0, 2.0])), sys.argv[1:])\n"
    )
    done = run("program.py", "--flag", "x", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "array([2, 4], dtype=float32) ['--flag', 'x']\n"


def test_a_module_that_imports_mlx_core_runs(tmp_path):
    (tmp_path / "program.py").write_text("import mlx.core as mx\nprint(mx.ones(2).tolist())\n")
    assert run("-m", "program", cwd=tmp_path).stdout == "[1.0, 1.0]\n"


def test_the_rest_of_mlx_is_refused_by_name(tmp_path):
    (tmp_path / "program.py").write_text("import mlx.nn\n")
    done = run("program.py", cwd=tmp_path)
    assert done.returncode != 0 and "answers mlx.core, not the rest of mlx" in done.stderr


def test_no_arguments_print_the_usage(tmp_path):
    done = run(cwd=tmp_path)
    assert done.returncode != 0 and "usage:" in done.stderr
