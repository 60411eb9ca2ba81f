//! The config predicts the shape of every tensor in checkpoints that transformers made and loads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::{Family, LayerKind};
use super::*;

type Shapes = BTreeMap<String, Vec<usize>>;

#[test]
fn every_tensor_of_every_family_has_the_shape_that_its_config_says() {
    for (name, text) in FAMILIES {
        let config = parse(text);
        assert_eq!(predicted(&config), language_model(name), "{name}");
    }
}

/// Shapes in the safetensors header, vision tower left out, prefix of the language model removed.
fn language_model(name: &str) -> Shapes {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/families");
    let bytes = std::fs::read(root.join(name).join("model.safetensors")).unwrap();
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    let tensors = header.as_object().unwrap().iter();
    tensors
        .filter(|(key, _)| *key != "__metadata__" && !key.starts_with("model.visual."))
        .map(|(key, entry)| {
            let shape = entry["shape"].as_array().unwrap();
            let shape = shape.iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let key = key.replace("model.language_model.", "model.");
            (key, shape)
        })
        .collect()
}

fn predicted(config: &Config) -> Shapes {
    let hidden = config.hidden;
    let mut shapes = Shapes::new();
    let mut put = |key: String, shape: &[usize]| {
        shapes.insert(key, shape.to_vec());
    };
    put("model.embed_tokens.weight".into(), &[config.vocab, hidden]);
    put("model.norm.weight".into(), &[hidden]);
    if !config.tie_word_embeddings {
        put("lm_head.weight".into(), &[config.vocab, hidden]);
    }
    for (i, kind) in config.layers.iter().enumerate() {
        let at = |rest: &str| format!("model.layers.{i}.{rest}");
        put(at("input_layernorm.weight"), &[hidden]);
        put(at("post_attention_layernorm.weight"), &[hidden]);
        match kind {
            LayerKind::Full | LayerKind::Sliding => {
                let queries = config.heads * config.head_dim;
                let keys = config.kv_heads * config.head_dim;
                let gated = if config.attn_output_gate { 2 } else { 1 };
                for (part, rows) in [("q", gated * queries), ("k", keys), ("v", keys)] {
                    put(
                        at(&format!("self_attn.{part}_proj.weight")),
                        &[rows, hidden],
                    );
                    if config.qkv_bias {
                        put(at(&format!("self_attn.{part}_proj.bias")), &[rows]);
                    }
                }
                put(at("self_attn.o_proj.weight"), &[hidden, queries]);
                if config.qk_norm {
                    put(at("self_attn.q_norm.weight"), &[config.head_dim]);
                    put(at("self_attn.k_norm.weight"), &[config.head_dim]);
                }
            }
            LayerKind::Linear => {
                let delta = config.gated_delta.unwrap();
                let keys = delta.key_heads * delta.key_head_dim;
                let values = delta.value_heads * delta.value_head_dim;
                let projections: &[(&str, usize)] = if config.family == Family::Qwen3Next {
                    &[
                        ("qkvz", 2 * keys + 2 * values),
                        ("ba", 2 * delta.value_heads),
                    ]
                } else {
                    &[
                        ("qkv", 2 * keys + values),
                        ("z", values),
                        ("b", delta.value_heads),
                        ("a", delta.value_heads),
                    ]
                };
                for (part, rows) in projections {
                    put(
                        at(&format!("linear_attn.in_proj_{part}.weight")),
                        &[*rows, hidden],
                    );
                }
                let conv = [2 * keys + values, 1, delta.conv_kernel];
                put(at("linear_attn.conv1d.weight"), &conv);
                put(at("linear_attn.A_log"), &[delta.value_heads]);
                put(at("linear_attn.dt_bias"), &[delta.value_heads]);
                put(at("linear_attn.norm.weight"), &[delta.value_head_dim]);
                put(at("linear_attn.out_proj.weight"), &[hidden, values]);
            }
        }
        let mut mlp = |within: &str, width: usize| {
            put(at(&format!("{within}.gate_proj.weight")), &[width, hidden]);
            put(at(&format!("{within}.up_proj.weight")), &[width, hidden]);
            put(at(&format!("{within}.down_proj.weight")), &[hidden, width]);
        };
        match &config.moe {
            Some(moe) if config.is_sparse(i) => {
                let stacked = config.family == Family::Qwen3_5Moe;
                for expert in 0..if stacked { 0 } else { moe.experts } {
                    mlp(&format!("mlp.experts.{expert}"), moe.intermediate);
                }
                if let Some(width) = moe.shared_intermediate {
                    mlp("mlp.shared_expert", width);
                    put(at("mlp.shared_expert_gate.weight"), &[1, hidden]);
                }
                if stacked {
                    let both = [moe.experts, 2 * moe.intermediate, hidden];
                    put(at("mlp.experts.gate_up_proj"), &both);
                    let down = [moe.experts, hidden, moe.intermediate];
                    put(at("mlp.experts.down_proj"), &down);
                }
                put(at("mlp.gate.weight"), &[moe.experts, hidden]);
            }
            _ => mlp("mlp", config.intermediate.unwrap()),
        }
    }
    shapes
}
