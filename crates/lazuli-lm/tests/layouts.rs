//! The same model in every layout that checkpoints come in gives the same bits.
#![allow(clippy::unwrap_used)]

mod support;

use lazuli_core::ops::quantized::Affine;
use lazuli_core::{Array, Dtype, Role};
use lazuli_io::safetensors::Checkpoint;
use lazuli_lm::config::Config;
use lazuli_lm::model::{LoadOptions, Model};
use lazuli_nn::Parameters;
use support::*;

const F32: LoadOptions = LoadOptions {
    dtype: Some(Dtype::F32),
};

fn logits(model: &Model) -> Vec<f32> {
    let tokens: Vec<u32> = (0..70).map(|i| (i * 37 + 11) % 160).collect();
    let mut caches = model.caches(&Default::default()).unwrap();
    feed(model, &mut caches, &tokens, Role::Prompt)
}

/// A model's parameters as MLX's conversion would store them.
fn in_mlx_layout(model: &Model) -> Vec<Entry> {
    let mut entries = Vec::new();
    model.visit("", &mut |name, parameter| {
        for (name, array) in parameter.tensors(name) {
            entries.push(Entry::array(&name, &array));
        }
    });
    entries
}

#[test]
fn a_published_checkpoint_and_its_mlx_form_are_one_model() {
    for family in FAMILIES {
        let published = model(family);
        let wanted = logits(&published);
        let entries = in_mlx_layout(&published);
        for (prefix, head) in [
            ("model.", "lm_head."),
            ("language_model.model.", "language_model.lm_head."),
            ("model.language_model.", "lm_head."),
        ] {
            let mut entries = entries.clone();
            for entry in &mut entries {
                let name = entry.name.replace("lm_head.", head);
                entry.name = match name.strip_prefix("model.") {
                    Some(rest) => format!("{prefix}{rest}"),
                    None => name,
                };
            }
            let file = checkpoint(&entries, Some("mlx"));
            let again = Model::from_checkpoint(&config(family), &file, F32).unwrap();
            assert!(same_bits(&logits(&again), &wanted), "{family} {prefix}");
        }
    }
}

fn array(file: &Checkpoint, name: &str) -> Array {
    let tensor = file.get(name).unwrap_or_else(|| panic!("{name}"));
    Array::from_bytes(&tensor.bytes, tensor.dtype, &tensor.shape[..]).unwrap()
}

/// A module's matrix, packed, as three entries.
fn packed(path: &str, matrix: &Array, affine: Affine) -> Vec<Entry> {
    let q = matrix.astype(Dtype::F32).unwrap().quantize(affine).unwrap();
    ["weight", "scales", "biases"]
        .into_iter()
        .zip(q.parts())
        .map(|(suffix, part)| Entry::array(&format!("{path}.{suffix}"), part))
        .collect()
}

#[test]
fn rows_of_packed_interleaved_projections_are_put_in_order_exactly() {
    // The width of the fixture is not a multiple of a group: a made-up model of the same family.
    let json = std::fs::read(folder("qwen3_next").join("config.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    json["hidden_size"] = 64.into();
    json["num_hidden_layers"] = 4.into();
    json["quantization"] = serde_json::json!({ "group_size": 32, "bits": 4 });
    let config = Config::parse(&serde_json::to_vec(&json).unwrap()).unwrap();
    let shape = config.gated_delta.unwrap();
    device();
    let affine = Affine::new(4, 32).unwrap();
    let model = Model::random(&config, Dtype::F32, None, 5).unwrap();
    let plain = checkpoint(&in_mlx_layout(&model), Some("mlx"));
    let (mut ordered, mut interleaved) = (Vec::new(), Vec::new());
    for (name, tensor) in plain.iter() {
        if !name.contains(".in_proj_") {
            let entry = Entry::of(name, tensor.dtype, &tensor.shape, tensor.bytes.to_vec());
            ordered.push(entry.clone());
            interleaved.push(entry);
        }
    }
    let (keys, dk, dv) = (shape.key_heads, shape.key_head_dim, shape.value_head_dim);
    let values = shape.value_heads / keys;
    for layer in 0..3 {
        let path = |leaf: &str| format!("model.layers.{layer}.linear_attn.{leaf}");
        let part = |leaf: &str| array(&plain, &format!("{}.weight", path(leaf)));
        let parts = ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a"];
        for leaf in parts {
            ordered.extend(packed(&path(leaf), &part(leaf), affine));
        }
        let [qkv, z, b, a] = parts.map(part);
        let rows = |m: &Array, from: usize, len: usize| m.narrow(0, from, from + len).unwrap();
        let (mut qkvz, mut ba) = (Vec::new(), Vec::new());
        for head in 0..keys {
            qkvz.push(rows(&qkv, head * dk, dk));
            qkvz.push(rows(&qkv, (keys + head) * dk, dk));
            qkvz.push(rows(&qkv, 2 * keys * dk + head * values * dv, values * dv));
            qkvz.push(rows(&z, head * values * dv, values * dv));
            ba.push(rows(&b, head * values, values));
            ba.push(rows(&a, head * values, values));
        }
        let qkvz = Array::concatenate(&qkvz, 0).unwrap();
        let ba = Array::concatenate(&ba, 0).unwrap();
        interleaved.extend(packed(&path("in_proj_qkvz"), &qkvz, affine));
        interleaved.extend(packed(&path("in_proj_ba"), &ba, affine));
    }
    let load = |entries: &[Entry]| {
        let file = checkpoint(entries, Some("mlx"));
        Model::from_checkpoint(&config, &file, F32).unwrap()
    };
    let (ordered, interleaved) = (load(&ordered), load(&interleaved));
    assert!(same_bits(&logits(&ordered), &logits(&interleaved)));
    assert!(
        !same_bits(&logits(&ordered), &logits(&model)),
        "nothing was packed"
    );
}

#[test]
fn packed_experts_may_be_stored_one_by_one() {
    let json = std::fs::read(folder("qwen3_moe").join("config.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    json["hidden_size"] = 64.into();
    json["moe_intermediate_size"] = 32.into();
    json["quantization"] = serde_json::json!({ "group_size": 32, "bits": 4 });
    let config = Config::parse(&serde_json::to_vec(&json).unwrap()).unwrap();
    device();
    let affine = Affine::new(4, 32).unwrap();
    let stacked = Model::random(&config, Dtype::BF16, Some(affine), 5).unwrap();
    let mut split = Vec::new();
    for entry in in_mlx_layout(&stacked) {
        let Some((path, leaf)) = entry.name.split_once(".switch_mlp.") else {
            split.push(entry);
            continue;
        };
        let experts = entry.shape[0];
        for (i, bytes) in entry.bytes.chunks(entry.bytes.len() / experts).enumerate() {
            split.push(Entry {
                name: format!("{path}.experts.{i}.{leaf}"),
                shape: entry.shape[1..].to_vec(),
                bytes: bytes.to_vec(),
                ..entry.clone()
            });
        }
    }
    // The routers of a random model are at 8 bits in groups of 64.
    for layer in 0..4 {
        let router = format!("model.layers.{layer}.mlp.gate");
        json["quantization"][router] = serde_json::json!({ "group_size": 64, "bits": 8 });
    }
    let config = Config::parse(&serde_json::to_vec(&json).unwrap()).unwrap();
    let file = checkpoint(&split, None);
    let model = Model::from_checkpoint(&config, &file, LoadOptions::default()).unwrap();
    assert_eq!(model.dtype(), Dtype::BF16);
    assert!(same_bits(&logits(&model), &logits(&stacked)));
}
