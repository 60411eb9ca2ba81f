#!/usr/bin/env python3
"""Holds `lazuli convert` against mlx-lm: same tensors, loadable, same logits.

    python3 -m venv venv && venv/bin/pip install "mlx[cpu]" mlx-lm
    venv/bin/python tests/round_trip/check.py --lazuli target/release/lazuli

For each family fixture and the embedded model, as floats and at 4 and 8 bits:

1. mlx-lm's own conversion has the same tensors with the same bytes (EXCEPTIONS says where not, and why);
2. mlx-lm loads ours strictly, which refuses missing and unknown tensors;
3. converted to float32 (with float32 scales), its logits from mlx-lm and from `lazuli logits` agree to
   TOLERANCE of their spread;
4. in the model's own bfloat16 they are equal within its rounding: ours lie no further from mlx-lm's float32
   logits than ROUNDING times what mlx-lm's own bfloat16 logits do, and no further from those than two such
   distances at right angles (root mean squares over all positions and tokens).

Mixed recipes are held to the first two of these. For all widths and groups: words, scales and biases are those of mlx.core.quantize on the CPU.
"""

import argparse
import contextlib
import importlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx_lm import utils

mx.set_default_device(mx.cpu)
mlx_convert = importlib.import_module("mlx_lm.convert")
ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ROOT / "tests/fixtures/families"
TOLERANCE = 1e-3
ROUNDING = 1.5
# Tensors that differ on purpose: mlx-lm's Qwen3-Next has no cast_predicate, so it rounds A_log to
# bfloat16; we never do. mlx-lm drops MTP weights; we keep them.
EXCEPTIONS = {"qwen3_next": ("A_log",)}


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}: {done.stderr.strip()}")


class NoTokenizer:
    """The fixtures have none, and mlx-lm's conversion only saves it again."""

    def save_pretrained(self, path):
        pass


def convert_with_mlx(source, target, bits=None, group=None, recipe=None):
    """mlx-lm's conversion, without a tokenizer and a model card."""
    known = json.loads((source / "config.json").read_text())
    with tempfile.TemporaryDirectory() as copy:
        copy = Path(copy)
        for file in source.iterdir():
            if file.name != "config.json":
                (copy / file.name).symlink_to(file.resolve())
        # mlx-lm knows flat Qwen3.5 configs without the suffix only, and of dtypes torch_dtype only.
        if "text_config" not in known:
            known["model_type"] = known["model_type"].removesuffix("_text")
        if "dtype" in known:
            known["torch_dtype"] = known["dtype"]
        (copy / "config.json").write_text(json.dumps(known))
        mlx_convert.load = load_without_tokenizer
        utils.create_model_card = lambda *_, **__: None
        quantize = {"quantize": True, "q_bits": bits, "q_group_size": group, "quant_predicate": recipe}
        if not bits and not recipe:
            quantize = {}
        with contextlib.redirect_stdout(io.StringIO()):
            mlx_convert.convert(str(copy), str(target), **quantize)


def load_without_tokenizer(path, **_):
    model, config = utils.load_model(Path(path), lazy=True)
    return model, NoTokenizer(), config


def tensors(folder):
    found = {}
    for file in sorted(folder.glob("model*.safetensors")):
        found.update(mx.load(str(file)))
    return found


def raw(array):
    return np.array(mx.view(mx.contiguous(array), mx.uint8))


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and bool((raw(a) == raw(b)).all())


def compare_tensors(name, ours, theirs):
    ours, theirs = tensors(ours), tensors(theirs)
    ours = {k: v for k, v in ours.items() if not k.startswith("mtp.")}
    wrong = [f"only one has {k}" for k in sorted(set(ours) ^ set(theirs))]
    skip = EXCEPTIONS.get(name, ())
    shared = [k for k in ours if k in theirs and not k.endswith(skip)]
    differ = [k for k in shared if not same(ours[k], theirs[k])]
    wrong += [f"{k} differs" for k in differ]
    return wrong, len(shared) - len(differ)


def gather_mm_of_any_float(a, b, *rest, **named):
    """MLX's CPU gathers matrices in float32 only. Its GPU multiplies bfloat16 with float32 sums, as this does."""
    product = gather_mm(a.astype(mx.float32), b.astype(mx.float32), *rest, **named)
    return product.astype(mx.result_type(a, b))


gather_mm, mx.gather_mm = mx.gather_mm, gather_mm_of_any_float


def logits_with_mlx(folder, tokens):
    model, _ = utils.load_model(folder, strict=True)
    return np.array(model(mx.array([tokens]))[0].astype(mx.float32))


def logits_with_lazuli(lazuli, folder, tokens, place, *extra):
    file = place / "logits.npy"
    listed = ",".join(map(str, tokens))
    run(lazuli, "logits", "--model", folder, "--tokens", listed, "--output", file, *extra)
    return np.load(file)


def distance(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


def check_model(lazuli, name, source, place, group):
    config = json.loads((source / "config.json").read_text())
    config = config.get("text_config", config)
    # mlx-lm reads Mistral as Llama, without the window.
    length = min(70, config.get("sliding_window") or 70) if name == "mistral" else 70
    tokens = np.random.default_rng(1).integers(0, config["vocab_size"] - 4, length).tolist()
    failed = False
    for bits in (None, 4, 8):
        label = f"{name}-{bits or 'plain'}"
        ours, theirs, wide = (place / f"{label}-{kind}" for kind in ("lazuli", "mlx", "wide"))
        flags = ["-q", "--q-bits", bits, "--q-group-size", group] if bits else []
        run(lazuli, "convert", "--model", source, "--output", ours, *flags)
        run(lazuli, "convert", "--model", source, "--output", wide, "--dtype", "float32", *flags)
        convert_with_mlx(source, theirs, bits, group)
        wrong, count = compare_tensors(name, ours, theirs)
        exact = logits_with_mlx(wide, tokens)

        single = np.abs(logits_with_lazuli(lazuli, wide, tokens, place) - exact).max() / exact.std()
        if not single <= TOLERANCE:
            wrong.append("float32 logits differ")
        half, reference = logits_with_lazuli(lazuli, ours, tokens, place), logits_with_mlx(ours, tokens)
        rounding = distance(reference, exact)
        if not distance(half, exact) <= ROUNDING * rounding:
            wrong.append("bfloat16 logits are further from float32 than rounding explains")
        if not distance(half, reference) <= ROUNDING * 2**0.5 * rounding:
            wrong.append("bfloat16 logits are further from mlx-lm's than rounding explains")
        print(
            f"{label:24} {count:4} tensors equal; float32 logits differ by {single:.1e} of their spread at most;"
            f" bfloat16, rms: mlx-lm's from float32 {rounding / exact.std():.1e}, ours"
            f" {distance(half, exact) / rounding:.2f} times that, from mlx-lm's {distance(half, reference) / rounding:.2f}"
        )
        for line in wrong[:8]:
            print(f"    WRONG: {line}")
        failed |= bool(wrong)
        for folder in (ours, theirs, wide):
            shutil.rmtree(folder)
    return failed


def check_recipes(lazuli, name, source, place, group):
    """Models with experts are left out: mlx-lm's recipes overrule its rule for routers, ours do not."""
    config = json.loads((source / "config.json").read_text())
    if config.get("text_config", config).get("num_experts"):
        return False
    failed = False
    for recipe in mlx_convert.QUANT_RECIPES:
        ours, theirs = place / f"{name}-{recipe}-lazuli", place / f"{name}-{recipe}-mlx"
        flags = ["-q", "--quant-predicate", recipe, "--q-group-size", group]
        run(lazuli, "convert", "--model", source, "--output", ours, *flags)
        convert_with_mlx(source, theirs, group=group, recipe=recipe)
        wrong, count = compare_tensors(name, ours, theirs)
        utils.load_model(ours, strict=True)
        print(f"{name}-{recipe}: {count} tensors equal")
        for line in wrong[:8]:
            print(f"    WRONG: {line}")
        failed |= bool(wrong)
    return failed


def check_quantize(lazuli, place):
    """Every width and group on values of many sizes, rows of zeros and constants among them."""
    config = json.loads((FAMILIES / "llama/config.json").read_text())
    random = np.random.default_rng(7)
    k = 128
    config |= {"hidden_size": k, "intermediate_size": k, "num_hidden_layers": 1, "vocab_size": 512}
    config |= {"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 32}
    config |= {"tie_word_embeddings": True}
    failed = False
    for dtype in (mx.bfloat16, mx.float16, mx.float32):
        weights = {"model.norm.weight": mx.ones(k, dtype)}
        layer = "model.layers.0"
        for leaf in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{layer}.{leaf}.weight"] = mx.ones(k, dtype)
        paths = [f"{layer}.self_attn.{p}_proj" for p in "qkvo"]
        paths += [f"{layer}.mlp.{p}_proj" for p in ("gate", "up", "down")] + ["model.embed_tokens"]
        for path in paths:
            rows = 512 if "embed" in path else k
            scale = 10.0 ** random.uniform(-3, 2, (rows, 1))
            values = random.standard_normal((rows, k)) * scale + random.uniform(-1, 1, (rows, 1)) * scale
            values[:4] = np.array([0, 1, -1, 1e-7])[:, None]
            values[4:6] = np.abs(values[4:6])
            weights[f"{path}.weight"] = mx.array(values.astype(np.float32)).astype(dtype)
        name = str(dtype).removeprefix("mlx.core.")
        source = place / f"random-{name}"
        source.mkdir()
        (source / "config.json").write_text(json.dumps(config | {"torch_dtype": name}))
        mx.save_safetensors(str(source / "model.safetensors"), weights, {"format": "pt"})
        for bits in (1, 2, 3, 4, 5, 6, 8):
            for group in (32, 64, 128):
                out = place / f"random-{name}-{bits}-{group}"
                run(lazuli, "convert", "--model", source, "--output", out,
                    "-q", "--q-bits", bits, "--q-group-size", group)
                ours = tensors(out)
                for path in paths:
                    parts = mx.quantize(weights[f"{path}.weight"], group_size=group, bits=bits)
                    for suffix, part in zip(("weight", "scales", "biases"), parts):
                        if not same(ours[f"{path}.{suffix}"], part):
                            failed = True
                            differ = np.array(ours[f"{path}.{suffix}"] != part).sum()
                            print(f"    WRONG: {name} {bits} bits group {group}: {path}.{suffix}, {differ} of {part.size}")
                shutil.rmtree(out)
        print(f"quantize {name}: 1, 2, 3, 4, 5, 6, 8 bits in groups of 32, 64, 128")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lazuli", default=ROOT / "target/release/lazuli")
    parser.add_argument("--model", action="append", default=[], help="further float models to check, group 64")
    parser.add_argument("names", nargs="*", help="families; all if none")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        if not args.names:
            failed |= check_quantize(args.lazuli, place)
        for source in sorted(FAMILIES.iterdir()):
            if source.is_dir() and (not args.names or source.name in args.names):
                # Fixtures are narrow: 32 is the group that most of their rows are whole groups of.
                failed |= check_model(args.lazuli, source.name, source, place, 32)
                failed |= check_recipes(args.lazuli, source.name, source, place, 32)
        for source in map(Path, args.model):
            failed |= check_model(args.lazuli, source.name, source, place, 64)
    sys.exit(failed)


if __name__ == "__main__":
    main()
