//! What conversions write.

use std::fs;

use half::bf16;
use lazuli_core::Dtype;
use lazuli_io::safetensors::Checkpoint;

use super::super::{Conversion, Recipe};
use super::raw::{self, value};
use super::{Place, config, convert, dequantize, fixture, inventory, mixed, quantize};

fn floats(checkpoint: &Checkpoint, name: &str) -> Vec<f32> {
    let tensor = checkpoint.get(name).unwrap_or_else(|| panic!("{name}"));
    let bytes = &tensor.bytes;
    match tensor.dtype {
        Dtype::BF16 => (bytes.chunks_exact(2))
            .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        Dtype::F32 => (bytes.chunks_exact(4))
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        other => panic!("{name} is {other}"),
    }
}

#[test]
fn a_quantized_hybrid_has_mlxs_tensors_and_keeps_mtp() {
    let place = Place::with(&raw::hybrid());
    let report = place.convert(quantize(4, 64), "raw", "out").unwrap();
    let mut expected = Vec::new();
    let mut packed = |path: &str, shape: &[usize], bits: usize| {
        let [lead @ .., k] = shape else { panic!() };
        let wide = |last: usize| [lead, &[last]].concat();
        expected.push(format!("{path}.weight U32 {:?}", wide(k * bits / 32)));
        expected.push(format!("{path}.scales BF16 {:?}", wide(k / 64)));
        expected.push(format!("{path}.biases BF16 {:?}", wide(k / 64)));
    };
    let trunk = "language_model.model";
    packed("language_model.lm_head", &[96, 64], 4);
    packed(&format!("{trunk}.embed_tokens"), &[96, 64], 4);
    packed("mtp.fc", &[64, 128], 4);
    let layers = [
        format!("{trunk}.layers.0"),
        format!("{trunk}.layers.1"),
        "mtp.layers.0".into(),
    ];
    for layer in &layers {
        packed(&format!("{layer}.mlp.gate"), &[4, 64], 8);
        packed(&format!("{layer}.mlp.shared_expert_gate"), &[1, 64], 8);
        for leaf in ["gate_proj", "up_proj"] {
            packed(&format!("{layer}.mlp.switch_mlp.{leaf}"), &[4, 32, 64], 4);
        }
        for leaf in ["gate_proj", "up_proj", "down_proj"] {
            packed(&format!("{layer}.mlp.shared_expert.{leaf}"), &[64, 64], 4);
        }
    }
    for (leaf, n) in [
        ("q_proj", 128),
        ("k_proj", 32),
        ("v_proj", 32),
        ("o_proj", 64),
    ] {
        for layer in &layers[1..] {
            packed(&format!("{layer}.self_attn.{leaf}"), &[n, 64], 4);
        }
    }
    let delta = format!("{trunk}.layers.0.linear_attn");
    for (leaf, n) in [("qkv", 96), ("z", 64), ("b", 2), ("a", 2)] {
        packed(&format!("{delta}.in_proj_{leaf}"), &[n, 64], 4);
    }
    packed(&format!("{delta}.out_proj"), &[64, 64], 4);
    let mut plain = |name: String, dtype: &str, shape: &[usize]| {
        expected.push(format!("{name} {dtype} {shape:?}"));
    };
    for layer in &layers {
        plain(format!("{layer}.input_layernorm.weight"), "BF16", &[64]);
        plain(
            format!("{layer}.post_attention_layernorm.weight"),
            "BF16",
            &[64],
        );
        // Rows of 32 are not whole groups.
        plain(
            format!("{layer}.mlp.switch_mlp.down_proj.weight"),
            "BF16",
            &[4, 64, 32],
        );
    }
    for layer in &layers[1..] {
        plain(format!("{layer}.self_attn.q_norm.weight"), "BF16", &[32]);
        plain(format!("{layer}.self_attn.k_norm.weight"), "BF16", &[32]);
    }
    plain(format!("{delta}.conv1d.weight"), "BF16", &[96, 4, 1]);
    plain(format!("{delta}.A_log"), "F32", &[2]);
    plain(format!("{delta}.dt_bias"), "BF16", &[2]);
    plain(format!("{delta}.norm.weight"), "BF16", &[32]);
    plain(format!("{trunk}.norm.weight"), "BF16", &[64]);
    for leaf in ["norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden"] {
        plain(format!("mtp.{leaf}.weight"), "BF16", &[64]);
    }
    expected.sort();
    let mut found = inventory(&place.at("out"));
    found.sort();
    assert_eq!(found, expected);

    assert_eq!(report.tensors, expected.len());
    let checkpoint = Checkpoint::open(place.at("out")).unwrap();
    let bytes: usize = checkpoint.iter().map(|(_, t)| t.bytes.len()).sum();
    assert_eq!(report.bytes, bytes as u64);
    let vision = 48 * 16;
    let raw: usize = raw::hybrid()
        .tensors
        .iter()
        .map(|t| t.2.iter().product::<usize>())
        .sum();
    assert_eq!(report.parameters, (raw - vision) as u64);

    let config = config(&place.at("out"));
    assert!(config.get("vision_config").is_none());
    let block = config["quantization"].as_object().unwrap();
    assert_eq!(config["quantization"], config["quantization_config"]);
    assert_eq!(
        (&block["bits"], &block["group_size"], &block["mode"]),
        (&4.into(), &64.into(), &"affine".into())
    );
    let eight = serde_json::json!({"group_size": 64, "bits": 8, "mode": "affine"});
    for layer in &layers {
        assert_eq!(block[&format!("{layer}.mlp.gate")], eight);
        assert_eq!(block[&format!("{layer}.mlp.shared_expert_gate")], eight);
    }
    assert_eq!(block.len(), 3 + 6);
    assert_eq!(
        super::listed(&place.at("out")),
        [
            "LICENSE.txt",
            "config.json",
            "model.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json"
        ]
    );
}

#[test]
fn layouts_and_centred_norms_become_mlxs() {
    let place = Place::with(&raw::hybrid());
    place.convert(Conversion::default(), "raw", "out").unwrap();
    let out = Checkpoint::open(place.at("out")).unwrap();
    let raw = "model.language_model.layers.0";
    let new = "language_model.model.layers.0";
    let plus_one = |name: &str, len| -> Vec<f32> {
        (0..len)
            .map(|i| bf16::from_f32(value(name, i) + 1.0).to_f32())
            .collect()
    };
    let same = |name: &str, len| -> Vec<f32> { (0..len).map(|i| value(name, i)).collect() };
    for (new, raw, len) in [
        (
            format!("{new}.input_layernorm.weight"),
            format!("{raw}.input_layernorm.weight"),
            64,
        ),
        ("mtp.norm.weight".into(), "mtp.norm.weight".into(), 64),
        (
            "mtp.pre_fc_norm_hidden.weight".into(),
            "mtp.pre_fc_norm_hidden.weight".into(),
            64,
        ),
        (
            "mtp.layers.0.self_attn.q_norm.weight".into(),
            "mtp.layers.0.self_attn.q_norm.weight".into(),
            32,
        ),
        (
            "language_model.model.norm.weight".into(),
            "model.language_model.norm.weight".into(),
            64,
        ),
    ] {
        assert_eq!(floats(&out, &new), plus_one(&raw, len), "{new}");
    }
    for (leaf, len) in [
        ("norm.weight", 32),
        ("conv1d.weight", 384),
        ("A_log", 2),
        ("dt_bias", 2),
    ] {
        let (new, raw) = (
            format!("{new}.linear_attn.{leaf}"),
            format!("{raw}.linear_attn.{leaf}"),
        );
        assert_eq!(floats(&out, &new), same(&raw, len), "{new}");
    }
    // Fused [4, 2 * 32, 64]: gate above up in each expert.
    let fused = format!("{raw}.mlp.experts.gate_up_proj");
    for (leaf, from) in [("gate_proj", 0), ("up_proj", 32 * 64)] {
        let expected: Vec<f32> = (0..4)
            .flat_map(|expert| (0..32 * 64).map(move |i| expert * 64 * 64 + from + i))
            .map(|i| value(&fused, i))
            .collect();
        assert_eq!(
            floats(&out, &format!("{new}.mlp.switch_mlp.{leaf}.weight")),
            expected
        );
    }
}

#[test]
fn single_experts_are_stacked_and_next_keeps_its_mtp_in_a_file_of_its_own() {
    let place = Place::with(&raw::next());
    place.convert(Conversion::default(), "raw", "out").unwrap();
    let out = Checkpoint::open(place.at("out")).unwrap();
    for path in ["model.layers.1", "mtp.layers.0"] {
        let stacked = floats(&out, &format!("{path}.mlp.switch_mlp.down_proj.weight"));
        let expected: Vec<f32> = (0..4)
            .map(|i| format!("{path}.mlp.experts.{i}.down_proj.weight"))
            .flat_map(|name| (0..64 * 32).map(move |i| value(&name, i)))
            .collect();
        assert_eq!(stacked, expected);
    }
    let file = |name: &str| {
        let path = out.file_of(out.get(name).unwrap()).unwrap();
        path.file_name().unwrap().to_owned()
    };
    assert_eq!(file("mtp.fc.weight"), "mtp.safetensors");
    assert_eq!(file("lm_head.weight"), "model.safetensors");
    assert!(
        out.get("model.layers.0.linear_attn.in_proj_qkvz.weight")
            .is_some()
    );
}

#[test]
fn converting_a_converted_model_changes_nothing() {
    for (raw, change) in [
        (raw::hybrid(), Conversion::default()),
        (raw::hybrid(), quantize(4, 64)),
        (raw::hybrid(), mixed(Recipe::Mixed2_6)),
        (raw::next(), quantize(8, 32)),
    ] {
        let place = Place::with(&raw);
        let first = place.convert(change, "raw", "once").unwrap();
        let second = place
            .convert(Conversion::default(), "once", "twice")
            .unwrap();
        assert_eq!(first, second);
        let names = super::listed(&place.at("once"));
        assert_eq!(names, super::listed(&place.at("twice")));
        for name in names {
            let read = |folder: &str| fs::read(place.at(folder).join(&name)).unwrap();
            assert!(read("once") == read("twice"), "{name} differs");
        }
    }
}

#[test]
fn dequantized_weights_are_within_half_a_step() {
    let place = Place::with(&raw::hybrid());
    place
        .convert(Conversion::default(), "raw", "plain")
        .unwrap();
    let plain = Checkpoint::open(place.at("plain")).unwrap();
    for (bits, group) in [(2, 32), (3, 64), (4, 64), (5, 32), (6, 64), (8, 64)] {
        let (q, d) = (format!("q{bits}"), format!("d{bits}"));
        place.convert(quantize(bits, group), "raw", &q).unwrap();
        place.convert(dequantize(), &q, &d).unwrap();
        assert_eq!(inventory(&place.at(&d)), inventory(&place.at("plain")));
        assert!(config(&place.at(&d)).get("quantization").is_none());
        let d = Checkpoint::open(place.at(&d)).unwrap();
        for (name, _) in plain.iter() {
            // Values span [-2, 2); a step is at most that over 2^bits - 1, but MLX keeps zero and the
            // larger end exact, which may cost the smaller end; then bf16 rounds.
            let step = 4.0 / ((1u32 << bits) - 1) as f32;
            for (a, b) in floats(&plain, name).into_iter().zip(floats(&d, name)) {
                assert!(
                    (a - b).abs() <= step + 0.016,
                    "{name}: {a} became {b} at {bits} bits"
                );
            }
        }
    }
}

#[test]
fn recipes_write_their_exceptions() {
    let place = Place::with(&raw::hybrid());
    place
        .convert(mixed(Recipe::Mixed3_6), "raw", "out")
        .unwrap();
    let config = config(&place.at("out"));
    let bits = |path: &str| config["quantization"][path]["bits"].as_u64();
    assert_eq!(config["quantization"]["bits"], 3);
    assert_eq!(bits("language_model.lm_head"), Some(6));
    assert_eq!(
        bits("language_model.model.layers.1.self_attn.v_proj"),
        Some(6)
    );
    assert_eq!(bits("language_model.model.layers.1.mlp.gate"), Some(8));
    assert_eq!(
        bits("language_model.model.layers.0.mlp.shared_expert.down_proj"),
        None
    );
    let out = Checkpoint::open(place.at("out")).unwrap();
    let words = |path: &str| {
        out.get(&format!("{path}.weight"))
            .unwrap()
            .shape
            .last()
            .copied()
    };
    assert_eq!(words("language_model.lm_head"), Some(12));
    assert_eq!(words("language_model.model.embed_tokens"), Some(6));
}

#[test]
fn a_chosen_dtype_reaches_all_floats_but_a_log_and_the_config() {
    let place = Place::with(&raw::hybrid());
    let wide = Conversion {
        dtype: Some(Dtype::F32),
        ..quantize(4, 64)
    };
    place.convert(wide, "raw", "out").unwrap();
    for line in inventory(&place.at("out")) {
        assert!(line.contains(" F32 ") || line.contains(" U32 "), "{line}");
    }
    assert_eq!(config(&place.at("out"))["text_config"]["dtype"], "float32");
    let half = Conversion {
        dtype: Some(Dtype::F16),
        ..Conversion::default()
    };
    place.convert(half, "raw", "half").unwrap();
    for line in inventory(&place.at("half")) {
        assert_eq!(line.contains(" F32 "), line.contains("A_log"), "{line}");
    }
}

#[test]
fn every_family_fixture_converts_and_flat_hybrids_lose_their_suffix() {
    let place = Place::new();
    for family in [
        "llama",
        "mistral",
        "qwen2",
        "qwen3",
        "qwen3_moe",
        "qwen3_next",
        "qwen3_5",
        "qwen3_5_moe",
        "qwen3_5_moe_text",
    ] {
        for (change, name) in [(Conversion::default(), "plain"), (quantize(4, 32), "q")] {
            let to = place.at(&format!("{family}-{name}"));
            let report = convert(change, &fixture(family), &to).unwrap();
            assert!(report.bits_per_weight() < 16.1, "{family}");
        }
        let config = config(&place.at(&format!("{family}-q")));
        assert_eq!(config["model_type"], family.trim_end_matches("_text"));
        // A head that is the embedding is not stored twice.
        let tied = inventory(&place.at(&format!("{family}-plain")));
        let heads = tied.iter().filter(|line| line.contains("lm_head")).count();
        let untied =
            ["mistral", "qwen3", "qwen3_moe", "qwen3_next", "qwen3_5_moe"].contains(&family);
        assert_eq!(heads, usize::from(untied), "{family}");
    }
}
