//! Small models as published, made for the tests: every kind of tensor, rows of one group of 64.

use std::fs;
use std::path::Path;

use half::bf16;
use lazuli_core::Dtype;
use lazuli_io::safetensors::{Options, TensorSpec, Writer};
use serde_json::{Value, json};

/// A published checkpoint's tensors, in bf16 but for those that say otherwise.
pub(super) struct Raw {
    pub(super) config: Value,
    pub(super) tensors: Vec<(String, Dtype, Vec<usize>)>,
}

/// Value `i` of tensor `name`: up to a few units, exact in bf16.
pub(super) fn value(name: &str, i: usize) -> f32 {
    let seed = name
        .bytes()
        .fold(7u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
    let bits = (seed ^ i as u32).wrapping_mul(0x9E37_79B1);
    bf16::from_f32((bits >> 16) as f32 / 16384.0 - 2.0).to_f32()
}

impl Raw {
    fn new(config: Value) -> Raw {
        Raw {
            config,
            tensors: Vec::new(),
        }
    }

    fn add(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.tensors
            .push((name.into(), Dtype::BF16, shape.to_vec()));
    }

    pub(super) fn write(&self, folder: &Path) {
        let config = serde_json::to_vec(&self.config).unwrap();
        fs::write(folder.join("config.json"), config).unwrap();
        fs::write(folder.join("tokenizer.json"), "{}").unwrap();
        fs::write(folder.join("LICENSE.txt"), "MIT").unwrap();
        fs::write(folder.join("modeling_foo.py"), "import os").unwrap();
        let specs: Vec<TensorSpec> = (self.tensors.iter())
            .map(|(name, dtype, shape)| TensorSpec::new(name, *dtype, &shape[..]))
            .collect();
        let options = Options {
            metadata: [("format".to_owned(), "pt".to_owned())].into(),
            shard_bytes: 100_000,
            ..Options::default()
        };
        let mut writer = Writer::folder(folder, &specs, &options).unwrap();
        for (name, dtype, shape) in &self.tensors {
            let values = (0..shape.iter().product()).map(|i| value(name, i));
            let bytes: Vec<u8> = match dtype {
                Dtype::F32 => values.flat_map(f32::to_le_bytes).collect(),
                _ => values
                    .flat_map(|v| bf16::from_f32(v).to_le_bytes())
                    .collect(),
            };
            writer.write(name, &bytes).unwrap();
        }
        writer.finish().unwrap();
    }
}

/// Qwen3.5 with experts, nested beside a vision tower, with MTP: a gated delta net, then attention.
pub(super) fn hybrid() -> Raw {
    let mut raw = Raw::new(json!({
        "model_type": "qwen3_5_moe",
        "architectures": ["Qwen3_5MoeForConditionalGeneration"],
        "tie_word_embeddings": false,
        "vision_config": {"depth": 1},
        "text_config": {
            "model_type": "qwen3_5_moe_text", "dtype": "bfloat16", "vocab_size": 96,
            "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 1, "head_dim": 32, "rms_norm_eps": 1e-6,
            "max_position_embeddings": 256, "full_attention_interval": 2,
            "linear_conv_kernel_dim": 4, "linear_key_head_dim": 16, "linear_num_key_heads": 1,
            "linear_num_value_heads": 2, "linear_value_head_dim": 32, "num_experts": 4,
            "num_experts_per_tok": 2, "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 64, "mtp_num_hidden_layers": 1,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,
                "partial_rotary_factor": 0.25, "mrope_section": [2, 1, 1], "mrope_interleaved": true}
        }
    }));
    raw.add("lm_head.weight", &[96, 64]);
    let trunk = "model.language_model";
    raw.add(format!("{trunk}.embed_tokens.weight"), &[96, 64]);
    raw.add(format!("{trunk}.norm.weight"), &[64]);
    for path in [
        format!("{trunk}.layers.0"),
        format!("{trunk}.layers.1"),
        "mtp.layers.0".into(),
    ] {
        raw.add(format!("{path}.input_layernorm.weight"), &[64]);
        raw.add(format!("{path}.post_attention_layernorm.weight"), &[64]);
        raw.add(format!("{path}.mlp.gate.weight"), &[4, 64]);
        raw.add(format!("{path}.mlp.experts.gate_up_proj"), &[4, 64, 64]);
        raw.add(format!("{path}.mlp.experts.down_proj"), &[4, 64, 32]);
        raw.add(format!("{path}.mlp.shared_expert_gate.weight"), &[1, 64]);
        raw.add(
            format!("{path}.mlp.shared_expert.gate_proj.weight"),
            &[64, 64],
        );
        raw.add(
            format!("{path}.mlp.shared_expert.up_proj.weight"),
            &[64, 64],
        );
        raw.add(
            format!("{path}.mlp.shared_expert.down_proj.weight"),
            &[64, 64],
        );
        if path.ends_with("layers.0") && !path.starts_with("mtp") {
            let path = format!("{path}.linear_attn");
            raw.add(format!("{path}.in_proj_qkv.weight"), &[96, 64]);
            raw.add(format!("{path}.in_proj_z.weight"), &[64, 64]);
            raw.add(format!("{path}.in_proj_b.weight"), &[2, 64]);
            raw.add(format!("{path}.in_proj_a.weight"), &[2, 64]);
            raw.add(format!("{path}.conv1d.weight"), &[96, 1, 4]);
            raw.tensors
                .push((format!("{path}.A_log"), Dtype::F32, vec![2]));
            raw.add(format!("{path}.dt_bias"), &[2]);
            raw.tensors
                .push((format!("{path}.norm.weight"), Dtype::F32, vec![32]));
            raw.add(format!("{path}.out_proj.weight"), &[64, 64]);
        } else {
            let path = format!("{path}.self_attn");
            raw.add(format!("{path}.q_proj.weight"), &[128, 64]);
            raw.add(format!("{path}.k_proj.weight"), &[32, 64]);
            raw.add(format!("{path}.v_proj.weight"), &[32, 64]);
            raw.add(format!("{path}.o_proj.weight"), &[64, 64]);
            raw.add(format!("{path}.q_norm.weight"), &[32]);
            raw.add(format!("{path}.k_norm.weight"), &[32]);
        }
    }
    raw.add("mtp.fc.weight", &[64, 128]);
    for leaf in ["norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden"] {
        raw.add(format!("mtp.{leaf}.weight"), &[64]);
    }
    raw.add("model.visual.blocks.0.attn.qkv.weight", &[48, 16]);
    raw
}

/// Qwen3-Next with its MTP layer cut short: experts one by one, names without a prefix.
pub(super) fn next() -> Raw {
    let hybrid = hybrid();
    let mut config = hybrid.config["text_config"].clone();
    config["model_type"] = json!("qwen3_next");
    config["intermediate_size"] = json!(64);
    config["rope_theta"] = json!(10000.0);
    config["partial_rotary_factor"] = json!(0.25);
    let mut raw = Raw::new(config);
    for (name, dtype, shape) in hybrid.tensors {
        let name = name.replace("model.language_model.", "model.");
        let mlp = name
            .split_once(".experts.")
            .map(|(mlp, leaf)| (mlp.to_owned(), leaf.to_owned()));
        match mlp {
            _ if name.contains("visual") => {}
            Some((mlp, leaf)) => {
                let leaves: &[&str] = match leaf.as_str() {
                    "down_proj" => &["down_proj"],
                    _ => &["gate_proj", "up_proj"],
                };
                for (i, leaf) in (0..4).flat_map(|i| leaves.iter().map(move |leaf| (i, leaf))) {
                    let shape = [shape[1] / leaves.len(), shape[2]];
                    raw.add(format!("{mlp}.experts.{i}.{leaf}.weight"), &shape);
                }
            }
            None if name.contains("in_proj_qkv.") => {
                raw.add(name.replace("qkv", "qkvz"), &[160, 64]);
            }
            None if name.contains("in_proj_b.") => raw.add(name.replace("_b.", "_ba."), &[4, 64]),
            None if name.contains("in_proj_") => {}
            None => raw.tensors.push((name, dtype, shape)),
        }
    }
    raw
}
