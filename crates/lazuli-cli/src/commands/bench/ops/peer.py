"""The operations of `lazuli bench ops` in another library: one call for each line that names one.

python3 peer.py LIBRARY FOLDER DTYPE THREADS; answers are lines of JSON.
"""

import json
import math
import os
import sys
import time

import numpy as np

library, folder, dtype, threads = sys.argv[1:5]
names = ("x", "y", "matrix", "row", "rows", "signal", "kernel")
raw = {name: np.load(os.path.join(folder, name + ".npy")) for name in names}
heads = (raw["x"].shape[0], 1024, 16, 64)


def with_numpy():
    if dtype == "bfloat16":
        return (lambda a: a), (lambda a: a), {}
    o = {k: v if k == "rows" else v.astype(dtype) for k, v in raw.items()}
    x, y, row = o["x"], o["y"], o["row"]
    number = np.dtype(dtype).type

    def norm(centre):
        d = x - x.mean(-1, keepdims=True) if centre else x
        scaled = d / np.sqrt((d * d).mean(-1, keepdims=True) + number(1e-5)) * row
        return scaled + row if centre else scaled

    def softmax():
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def scatter():
        to = x.reshape(-1, 1024).copy()
        np.add.at(to, o["rows"], x.reshape(-1, 1024))
        return to

    zero = number(0)
    return (lambda a: a), (lambda a: a), {
        "copy": lambda: x.copy(),
        "add": lambda: x + y,
        "exp": lambda: np.exp(x),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "relu": lambda: np.maximum(x, zero),
        "leaky_relu": lambda: np.maximum(x, x * number(0.01)),
        "prelu": lambda: np.maximum(x, zero) + np.minimum(x, zero) * row,
        "selu": lambda: np.where(x > 0, x, np.expm1(x) * number(1.6732632)) * number(1.050701),
        "softplus": lambda: np.logaddexp(x, zero),
        "bce": lambda: (np.logaddexp(x, zero) - x * y).mean(),
        "swiglu": lambda: x / (1 + np.exp(-x)) * y,
        "dropout": lambda: np.where(y < number(0.9), x * number(1 / 0.9), zero),
        "softmax": softmax,
        "rms_norm": lambda: norm(False),
        "layer_norm": lambda: norm(True),
        "argmax": lambda: x.argmax(-1),
        "sort": lambda: np.sort(x, -1),
        "cumsum": lambda: x.cumsum(-1),
        "sum_0": lambda: x.sum(0),
        "sum_1": lambda: x.sum(1),
        "sum_2": lambda: x.sum(2),
        "sum_all": lambda: x.sum(),
        "concat": lambda: np.concatenate([x, y], -1),
        "gather": lambda: x.reshape(-1, 1024)[o["rows"]],
        "scatter_add": scatter,
        "matmul": lambda: x @ o["matrix"],
        "linear": lambda: x @ o["matrix"].T + row,
        "transpose": lambda: np.ascontiguousarray(x.transpose(0, 2, 1)),
    }


def with_torch():
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    kind = getattr(torch, dtype)
    o = {k: torch.from_numpy(v.astype(np.int64) if k == "rows" else v) for k, v in raw.items()}
    o = {k: v if k == "rows" else v.to(kind) for k, v in o.items()}
    x, y, row, matrix = o["x"], o["y"], o["row"], o["matrix"]
    flat = x.reshape(-1, 1024)
    q = x.reshape(heads).transpose(1, 2)
    signal, kernel = o["signal"].transpose(1, 2).contiguous(), o["kernel"].transpose(1, 2).contiguous()
    return (lambda a: a), (lambda a: a.float().numpy()), {
        "copy": lambda: x.clone(),
        "add": lambda: x + y,
        "exp": lambda: torch.exp(x),
        "sigmoid": lambda: torch.sigmoid(x),
        "relu": lambda: F.relu(x),
        "leaky_relu": lambda: F.leaky_relu(x),
        "prelu": lambda: torch.clamp(x, min=0) + torch.clamp(x, max=0) * row,
        "selu": lambda: F.selu(x),
        "softplus": lambda: F.softplus(x),
        "bce": lambda: F.binary_cross_entropy_with_logits(x, y),
        "swiglu": lambda: F.silu(x) * y,
        "dropout": lambda: torch.where(y < 0.9, x * (1 / 0.9), 0),
        "softmax": lambda: torch.softmax(x, -1),
        "rms_norm": lambda: F.rms_norm(x, (1024,), row, 1e-5),
        "layer_norm": lambda: F.layer_norm(x, (1024,), row, row, 1e-5),
        "argmax": lambda: x.argmax(-1),
        "sort": lambda: x.sort(-1)[0],
        "cumsum": lambda: x.cumsum(-1),
        "sum_0": lambda: x.sum(0),
        "sum_1": lambda: x.sum(1),
        "sum_2": lambda: x.sum(2),
        "sum_all": lambda: x.sum(),
        "concat": lambda: torch.cat([x, y], -1),
        "gather": lambda: flat[o["rows"]],
        "scatter_add": lambda: flat.index_add(0, o["rows"], flat),
        "matmul": lambda: x @ matrix,
        "linear": lambda: F.linear(x, matrix, row),
        "attention": lambda: F.scaled_dot_product_attention(q, q, q, is_causal=True, scale=0.125),
        "conv1d": lambda: F.conv1d(signal, kernel, padding=1),
        "transpose": lambda: x.transpose(1, 2).contiguous(),
    }


def with_mlx():
    import mlx.core as mx

    mx.set_default_device(mx.cpu)
    kind = getattr(mx, dtype)
    o = {k: mx.array(v) if k == "rows" else mx.array(v).astype(kind) for k, v in raw.items()}
    x, y, row, matrix = o["x"], o["y"], o["row"], o["matrix"]
    zero = mx.array(0, kind)
    q = x.reshape(heads).transpose(0, 2, 1, 3)
    mx.eval(list(o.values()) + [zero, q])

    def compiled(f):
        f = mx.compile(f)
        return lambda: f(x, y, row)

    def ready(a):
        mx.eval(a)
        return a

    def plain(a):
        return np.array(a.astype(mx.float32))

    return ready, plain, {
        "add": lambda: x + y,
        "exp": lambda: mx.exp(x),
        "sigmoid": lambda: mx.sigmoid(x),
        "relu": lambda: mx.maximum(x, zero),
        "leaky_relu": compiled(lambda x, y, row: mx.maximum(x, x * 0.01)),
        "prelu": compiled(lambda x, y, row: mx.maximum(x, 0) + mx.minimum(x, 0) * row),
        "selu": compiled(lambda x, y, row: mx.where(x > 0, x, mx.expm1(x) * 1.6732632) * 1.050701),
        "softplus": lambda: mx.logaddexp(x, zero),
        "bce": compiled(lambda x, y, row: (mx.logaddexp(x, 0) - x * y).mean()),
        "swiglu": compiled(lambda x, y, row: x * mx.sigmoid(x) * y),
        "dropout": compiled(lambda x, y, row: mx.where(y < 0.9, x * (1 / 0.9), 0)),
        "softmax": lambda: mx.softmax(x, -1, precise=True),
        "rms_norm": lambda: mx.fast.rms_norm(x, row, 1e-5),
        "layer_norm": lambda: mx.fast.layer_norm(x, row, row, 1e-5),
        "argmax": lambda: mx.argmax(x, -1),
        "sort": lambda: mx.sort(x, -1),
        "cumsum": lambda: mx.cumsum(x, -1),
        "sum_0": lambda: mx.sum(x, 0),
        "sum_1": lambda: mx.sum(x, 1),
        "sum_2": lambda: mx.sum(x, 2),
        "sum_all": lambda: mx.sum(x),
        "concat": lambda: mx.concatenate([x, y], -1),
        "gather": lambda: mx.take(x.reshape(-1, 1024), o["rows"], 0),
        "scatter_add": lambda: x.reshape(-1, 1024).at[o["rows"]].add(x.reshape(-1, 1024)),
        "matmul": lambda: x @ matrix,
        "linear": lambda: mx.addmm(row, x, matrix.T),
        "attention": lambda: mx.fast.scaled_dot_product_attention(q, q, q, scale=0.125, mask="causal"),
        "conv1d": lambda: mx.conv1d(o["signal"], o["kernel"], padding=1),
        "transpose": lambda: mx.contiguous(x.transpose(0, 2, 1)),
    }


def answer(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


ready, plain, calls = {"numpy": with_numpy, "torch": with_torch, "mlx": with_mlx}[library]()
answer({"version": __import__(library if library != "mlx" else "mlx.core", fromlist=["x"]).__version__})
for line in sys.stdin:
    name, check = line.split()
    if name not in calls:
        answer({"error": None})
        continue
    try:
        start = time.perf_counter()
        result = ready(calls[name]())
        seconds = time.perf_counter() - start
        mean = None
        if check == "check":
            mean = float(np.abs(np.asarray(plain(result), np.float64)).mean())
            mean = mean if math.isfinite(mean) else None
        del result
        answer({"seconds": seconds, "mean": mean})
    except Exception as error:
        answer({"error": type(error).__name__ + ": " + str(error).split("\n")[0][:200]})
