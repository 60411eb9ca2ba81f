#!/usr/bin/env python3
"""Writes a Qwen3, Qwen3-MoE or Qwen3-Next model with random weights as GGUF, to measure speed with.

Every matrix is N(0, 0.02) in bf16 from a fixed seed, every norm is 1: time and memory traffic are those
of the real shape, the text is noise. Tensors are drawn as they are written, so that a model larger than
the memory can be made. There is no tokenizer in the file; a benchmark feeds token ids.

    random_gguf.py CONFIG.json OUT.gguf
"""
import json
import sys

import gguf
import numpy as np

SEED, SPREAD = 1234, 0.02
# Numbers drawn at a time.
PIECE = 1 << 24
ARCHITECTURES = {"qwen3": "qwen3", "qwen3_moe": "qwen3moe", "qwen3_next": "qwen3next"}


def matrix(rng, shape):
    """Random bf16 values as their 16-bit words, rounded to nearest even."""
    out = np.empty(int(np.prod(shape)), dtype=np.uint16)
    for at in range(0, len(out), PIECE):
        count = min(PIECE, len(out) - at)
        words = (rng.standard_normal(count, dtype=np.float32) * SPREAD).view(np.uint32)
        out[at : at + count] = (words + 0x7FFF + ((words >> 16) & 1)) >> 16
    return out.reshape(shape)


def is_linear(c, i):
    """Whether layer `i` is a gated delta net."""
    return c["model_type"] == "qwen3_next" and (i + 1) % c["full_attention_interval"] != 0


def attention(c):
    hidden, head = c["hidden_size"], c["head_dim"]
    heads, kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
    gated = 2 if c["model_type"] == "qwen3_next" else 1
    return {
        "attn_q.weight": (gated * heads * head, hidden),
        "attn_k.weight": (kv_heads * head, hidden),
        "attn_v.weight": (kv_heads * head, hidden),
        "attn_q_norm.weight": (head,),
        "attn_k_norm.weight": (head,),
        "attn_output.weight": (hidden, heads * head),
    }


def delta(c):
    hidden, value_heads = c["hidden_size"], c["linear_num_value_heads"]
    keys = c["linear_num_key_heads"] * c["linear_key_head_dim"]
    values = value_heads * c["linear_value_head_dim"]
    return {
        "attn_qkv.weight": (2 * keys + values, hidden),
        "attn_gate.weight": (values, hidden),
        "ssm_ba.weight": (2 * value_heads, hidden),
        # Taps of few channels are read as f32.
        "ssm_conv1d.weight": ("f32", 2 * keys + values, c["linear_conv_kernel_dim"]),
        "ssm_dt.bias": (value_heads,),
        "ssm_a": ("minus", value_heads),
        "ssm_norm.weight": (c["linear_value_head_dim"],),
        "ssm_out.weight": (hidden, values),
    }


def mlp(c):
    hidden = c["hidden_size"]
    if not c.get("num_experts"):
        inner = c["intermediate_size"]
        return {"ffn_gate.weight": (inner, hidden), "ffn_up.weight": (inner, hidden), "ffn_down.weight": (hidden, inner)}
    experts, inner, shared = c["num_experts"], c["moe_intermediate_size"], c.get("shared_expert_intermediate_size")
    shapes = {
        # Routers stay in f32, as the converter has them.
        "ffn_gate_inp.weight": ("f32", experts, hidden),
        "ffn_gate_exps.weight": (experts, inner, hidden),
        "ffn_up_exps.weight": (experts, inner, hidden),
        "ffn_down_exps.weight": (experts, hidden, inner),
    }
    if shared:
        shapes |= {
            "ffn_gate_inp_shexp.weight": ("f32", hidden),
            "ffn_gate_shexp.weight": (shared, hidden),
            "ffn_up_shexp.weight": (shared, hidden),
            "ffn_down_shexp.weight": (hidden, shared),
        }
    return shapes


def layer(c, i):
    """Name and shape of each tensor of layer `i`: one axis is a norm; what is kept in f32 says so."""
    second = "post_attention_norm" if c["model_type"] == "qwen3_next" else "ffn_norm"
    norms = {"attn_norm.weight": (c["hidden_size"],), f"{second}.weight": (c["hidden_size"],)}
    mixer = delta(c) if is_linear(c, i) else attention(c)
    return {f"blk.{i}.{name}": shape for name, shape in (norms | mixer | mlp(c)).items()}


def tensors(c):
    """Every tensor, in the order of the file."""
    shapes = {"token_embd.weight": (c["vocab_size"], c["hidden_size"]), "output_norm.weight": (c["hidden_size"],)}
    if not c["tie_word_embeddings"]:
        shapes["output.weight"] = (c["vocab_size"], c["hidden_size"])
    for i in range(c["num_hidden_layers"]):
        shapes.update(layer(c, i))
    return shapes


def draw(rng, shape):
    match shape:
        case ("f32", *shape):
            return (rng.standard_normal(shape, dtype=np.float32) * SPREAD).astype(np.float32)
        case ("minus", length):
            return np.full(length, -1.0, dtype=np.float32)
        case (length,):
            return np.ones(length, dtype=np.float32)
        case _:
            return matrix(rng, shape)


def describe(writer, c):
    """The metadata that llama.cpp reads."""
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
    if c.get("num_experts"):
        writer.add_expert_count(c["num_experts"])
        writer.add_expert_used_count(c["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(c["moe_intermediate_size"])
        if c.get("shared_expert_intermediate_size"):
            writer.add_expert_shared_feed_forward_length(c["shared_expert_intermediate_size"])
    if c["model_type"] == "qwen3_next":
        writer.add_ssm_conv_kernel(c["linear_conv_kernel_dim"])
        writer.add_ssm_state_size(c["linear_key_head_dim"])
        writer.add_ssm_group_count(c["linear_num_key_heads"])
        writer.add_ssm_time_step_rank(c["linear_num_value_heads"])
        writer.add_ssm_inner_size(c["linear_num_value_heads"] * c["linear_value_head_dim"])
        writer.add_full_attention_interval(c["full_attention_interval"])
        writer.add_rope_dimension_count(int(c["head_dim"] * c["partial_rotary_factor"]))


def main():
    config, out = sys.argv[1:]
    with open(config) as file:
        c = json.load(file)
    if c["model_type"] not in ARCHITECTURES:
        sys.exit(f"{config}: {c['model_type']} is not one of {', '.join(ARCHITECTURES)}")

    writer = gguf.GGUFWriter(out, ARCHITECTURES[c["model_type"]], use_temp_file=False)
    describe(writer, c)
    shapes = tensors(c)
    for name, shape in shapes.items():
        plain = [n for n in shape if not isinstance(n, str)]
        if len(plain) == len(shape) and len(shape) > 1:
            bf16 = gguf.GGMLQuantizationType.BF16
            writer.add_tensor_info(name, plain, np.dtype(np.uint16), 2 * int(np.prod(plain)), raw_dtype=bf16)
        else:
            writer.add_tensor_info(name, plain, np.dtype(np.float32), 4 * int(np.prod(plain)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.Generator(np.random.SFC64(SEED))
    for shape in shapes.values():
        writer.write_tensor_data(draw(rng, shape))
    writer.close()


if __name__ == "__main__":
    main()
