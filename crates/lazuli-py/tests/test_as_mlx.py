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


TRAINING = """
import mlx.core as mx
from mlx.core import fast, linalg

mx.random.seed(0)
data, target = mx.random.normal((64, 8)), mx.random.randint(0, 3, (64,))
params = {"w": mx.zeros((8, 3)), "b": mx.zeros(3)}
state = [params, mx.random.state]


def loss(params):
    return fast.cross_entropy(data @ params["w"] + params["b"], target).mean()


def step():
    value, grads = mx.value_and_grad(loss)(params)
    for name in params:
        params[name] = params[name] - 0.5 * grads[name]
    return value + 0 * mx.random.uniform()


compiled = mx.compile(step, inputs=state, outputs=state)
losses = [compiled().item() for _ in range(20)]
assert losses[-1] < losses[0]
mx.save_safetensors("params.safetensors", params, {"step": "20"})
loaded, notes = mx.load("params.safetensors", return_metadata=True)
assert notes == {"step": "20"} and mx.array_equal(loaded["w"], params["w"])
mx.savez("params.npz", **params)
assert sorted(mx.load("params.npz")) == ["b", "w"]
w_q, scales, biases = mx.quantize(mx.random.normal((4, 64)))
x = mx.ones((2, 64))
assert mx.allclose(mx.quantized_matmul(x, w_q, scales, biases), x @ mx.dequantize(w_q, scales, biases).T, atol=1e-4)
assert mx.from_fp8(mx.to_fp8(mx.array([1.0])), mx.float32).item() == 1
gram = data.T @ data
assert mx.allclose(linalg.inv(gram) @ gram, mx.eye(8), atol=1e-3)
assert mx.allclose(linalg.cholesky(gram) @ linalg.cholesky(gram).T, gram, atol=1e-3)
assert linalg.norm(linalg.solve(gram, gram) - mx.eye(8)).item() < 1e-3
values, counts = mx.unique(target, 3, return_counts=True)
assert values.tolist() == [0, 1, 2] and counts.sum().item() == 64
signal = mx.random.normal((100,))
assert mx.allclose(mx.fft.istft(mx.fft.stft(signal, n_fft=16)), signal, atol=1e-4)
mx.export_function("f.mlxfn", lambda x: x @ params["w"], data)
assert mx.array_equal(mx.import_function("f.mlxfn")(data)[0], data @ params["w"])
draws = mx.random.multivariate_normal(mx.zeros(2), mx.eye(2), shape=(500,))
assert draws.shape == (500, 2) and abs(draws.mean().item()) < 0.2
print("done")
"""


def test_a_program_of_compiling_training_files_and_linear_algebra_runs(tmp_path):
    (tmp_path / "program.py").write_text(TRAINING)
    done = run("program.py", cwd=tmp_path)
    assert done.stdout == "done\n", done.stderr


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
