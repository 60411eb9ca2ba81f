#!/usr/bin/env python3
"""Writes a dense Qwen3 model with random weights as GGUF, to measure speed with.

Every matrix is N(0, 0.02) in bf16 from a fixed seed, every norm is 1: time and memory traffic are those
of the real shape, the text is noise. There is no tokenizer in the file; a benchmark feeds token ids.

    random_gguf.py CONFIG.json OUT.gguf
"""
import json
import sys

import gguf
import numpy as np

SEED, SPREAD = 1234, 0.02


def matrix(rng, rows, cols):
    """Random bf16 values as their 16-bit words, rounded to nearest even."""
    words = (rng.standard_normal((rows, cols), dtype=np.float32) * SPREAD).view(np.uint32)
    return ((words + 0x7FFF + ((words >> 16) & 1)) >> 16).astype(np.uint16)


def layer(c, i):
    """Name and shape of each tensor of layer `i`; a norm has one axis."""
    hidden, mid, head = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    heads, kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
    shapes = {
        "attn_norm": (hidden,),
        "attn_q": (heads * head, hidden),
        "attn_k": (kv_heads * head, hidden),
        "attn_v": (kv_heads * head, hidden),
        "attn_q_norm": (head,),
        "attn_k_norm": (head,),
        "attn_output": (hidden, heads * head),
        "ffn_norm": (hidden,),
        "ffn_gate": (mid, hidden),
        "ffn_up": (mid, hidden),
        "ffn_down": (hidden, mid),
    }
    return {f"blk.{i}.{name}.weight": shape for name, shape in shapes.items()}


def main():
    config, out = sys.argv[1:]
    with open(config) as file:
        c = json.load(file)
    if c["model_type"] != "qwen3" or not c["tie_word_embeddings"]:
        sys.exit(f"{config}: want a qwen3 config with tied embeddings")

    writer = gguf.GGUFWriter(out, "qwen3", use_temp_file=False)
    writer.add_name("random weights, for measurements")
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(c["hidden_size"])
    writer.add_feed_forward_length(c["intermediate_size"])
    writer.add_head_count(c["num_attention_heads"])
    writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_key_length(c["head_dim"])
    writer.add_value_length(c["head_dim"])
    writer.add_rope_freq_base(c["rope_theta"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_vocab_size(c["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_tokenizer_model("none")

    shapes = {"token_embd.weight": (c["vocab_size"], c["hidden_size"]), "output_norm.weight": (c["hidden_size"],)}
    for i in range(c["num_hidden_layers"]):
        shapes.update(layer(c, i))
    rng = np.random.Generator(np.random.SFC64(SEED))
    for name, shape in shapes.items():
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, dtype=np.float32))
        else:
            writer.add_tensor(name, matrix(rng, *shape), raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
