#!/usr/bin/env python3
"""Speed of mlx-lm on the CPU, on a random model of a shape, as one JSON object.

    mlx_speed.py CONFIG.json BITS PROMPT_TOKENS DECODE_TOKENS DEPTH

The model is made in memory and quantized there, in groups of 64. A cache of some depth is filled with
zeros instead of being computed: what it holds takes the same time to read, and prompts of thousands of
tokens take this peer hours. Recurrent states are as large at every depth.
"""
import importlib.metadata
import json
import sys
import time

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import KVCache, make_prompt_cache
from mlx_lm.utils import _get_classes


def build(config, bits):
    model_class, args_class = _get_classes(config)
    model = model_class(args_class.from_dict(config))
    model.set_dtype(mx.bfloat16)
    takes = lambda _, module: hasattr(module, "to_quantized") and module.weight.shape[-1] % 64 == 0
    if bits != 16:
        nn.quantize(model, group_size=64, bits=bits, class_predicate=takes)
    mx.eval(model.parameters())
    model.eval()
    return model


def cache_at(model, config, depth):
    caches = make_prompt_cache(model)
    for cache in caches:
        if depth and isinstance(cache, KVCache):
            shape = (1, config["num_key_value_heads"], depth, config["head_dim"])
            cache.update_and_fetch(mx.zeros(shape, mx.bfloat16), mx.zeros(shape, mx.bfloat16))
            mx.eval(cache.keys, cache.values)
    return caches


def rate(model, config, depth, calls, tokens):
    """Tokens per second of so many calls of so many tokens each, after one that does not count."""
    if calls * tokens == 0:
        return None
    caches = cache_at(model, config, depth)
    step = lambda: mx.eval(model(mx.ones((1, tokens), mx.int32), cache=caches)[:, -1])
    if calls > 1:
        step()
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return calls * tokens / (time.perf_counter() - start)


def main():
    path, *numbers = sys.argv[1:]
    bits, prompt, decode, depth = map(int, numbers)
    with open(path) as file:
        config = json.load(file)
    mx.set_default_device(mx.cpu)
    model = build(config, bits)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("mlx", "mlx-lm")]
    print(json.dumps({
        "version": ", ".join(versions),
        "prompt_tokens": prompt,
        "decode_tokens": decode,
        "prefill_tps": rate(model, config, depth, 1, prompt),
        "decode_tps": rate(model, config, depth, decode, 1),
    }))


if __name__ == "__main__":
    main()
