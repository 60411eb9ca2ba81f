//! Checkpoints against configs: what fits, and what is said when it does not. No device is needed.
#![allow(clippy::unwrap_used)]

mod support;

use lazuli_core::Dtype;
use lazuli_core::ops::quantized::Affine;
use lazuli_lm::config::Config;
use lazuli_lm::model::{Error, Model};
use lazuli_lm::weights::Weights;
use lazuli_nn::Parameters;
use support::{Entry, FAMILIES, blank, checkpoint, config};

/// What [`Weights::finish`] says, without computing anything when all fits.
fn refusal(config: &Config, entries: &[Entry], format: Option<&str>) -> String {
    let checkpoint = checkpoint(entries, format);
    match Model::from_checkpoint(config, &checkpoint, Default::default()) {
        Err(error @ Error::Weights { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it fits"),
    }
}

fn names(model: &Model) -> Vec<(String, Vec<usize>)> {
    let mut names = Vec::new();
    model.visit("", &mut |name, parameter| {
        for (name, array) in parameter.tensors(name) {
            names.push((name, array.shape().to_vec()));
        }
    });
    names
}

#[test]
fn a_model_loads_what_it_visits_packed_or_not() {
    for family in FAMILIES {
        let mut config = config(family);
        config.hidden = 64; // a multiple of the group
        for affine in [None, Some(Affine::new(4, 32).unwrap())] {
            let model = Model::random(&config, Dtype::BF16, affine, 1).unwrap();
            let entries = blank(&model);
            let file = checkpoint(&entries, Some("mlx"));
            let mut weights = Weights::new(&file, &config, None);
            assert!(!weights.is_raw(), "{family}");
            let again = Model::new(&config, &mut weights).unwrap();
            assert_eq!(names(&model), names(&again), "{family}");
            assert_eq!(again.dtype(), Dtype::BF16);
            // Nothing is left over, and nothing is missing: what remains is to compute.
            assert_eq!(weights.problems(), [], "{family}");
        }
    }
}

#[test]
fn published_checkpoints_fit_their_configs() {
    for family in FAMILIES {
        let config = config(family);
        let file = lazuli_io::safetensors::Checkpoint::open(support::folder(family)).unwrap();
        let mut weights = Weights::new(&file, &config, None);
        assert!(weights.is_raw());
        let model = Model::new(&config, &mut weights).unwrap();
        assert_eq!(weights.problems(), [], "{family}");
        let visited: usize = names(&model)
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        let language = file.iter().filter(|(name, _)| !name.contains("visual"));
        let stored: usize = language
            .map(|(_, t)| t.shape.iter().product::<usize>())
            .sum();
        assert_eq!(visited, stored, "{family}");
    }
}

#[test]
fn missing_misshapen_mistyped_and_unexpected_tensors_are_all_named_in_one_line() {
    let config = config("qwen3");
    let model = Model::random(&config, Dtype::F32, None, 1).unwrap();
    let mut entries = blank(&model);
    entries.retain(|e| e.name != "model.layers.2.self_attn.k_norm.weight");
    for entry in &mut entries {
        match entry.name.as_str() {
            "model.layers.1.mlp.up_proj.weight" => {
                *entry = Entry::zeros(&entry.name, Dtype::F32, &[48, 96]);
            }
            "lm_head.weight" => *entry = Entry::zeros(&entry.name, Dtype::U32, &[192, 48]),
            _ => (),
        }
    }
    entries.push(Entry::zeros(
        "model.layers.4.mlp.up_proj.weight",
        Dtype::F32,
        &[1],
    ));
    entries.push(Entry::zeros(
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        Dtype::F32,
        &[16],
    ));
    let message = refusal(&config, &entries, None);
    assert_eq!(
        message,
        "4 tensors do not fit config.json: \
         `model.layers.1.mlp.up_proj.weight` has shape [48, 96], the config asks for [96, 48]; \
         `model.layers.2.self_attn.k_norm.weight` is missing; \
         `lm_head.weight` is U32, it must be float32, bfloat16 or float16; \
         `model.layers.4.mlp.up_proj.weight` is unexpected"
    );
}

#[test]
fn a_long_list_of_problems_is_counted() {
    let config = config("qwen3_moe");
    let message = refusal(&config, &[], None);
    assert!(message.matches("is missing").count() == 20, "{message}");
    assert!(
        message.ends_with(" more") && !message.contains('\n'),
        "{message}"
    );
}

#[test]
fn packed_matrices_follow_the_config_path_by_path() {
    let json = std::fs::read(support::folder("qwen3").join("config.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    json["hidden_size"] = 64.into();
    json["quantization"] = serde_json::json!({
        "group_size": 32, "bits": 4,
        "model.layers.1.mlp.up_proj": { "group_size": 64, "bits": 8 },
        "model.layers.2.self_attn.q_proj": false,
    });
    let config = Config::parse(&serde_json::to_vec(&json).unwrap()).unwrap();
    let affine = Affine::new(4, 32).unwrap();
    let model = Model::random(&config, Dtype::F16, Some(affine), 1).unwrap();
    let mut entries = blank(&model);
    let plain = "model.layers.2.self_attn.q_proj";
    entries.retain(|e| !e.name.starts_with(plain));
    entries.push(Entry::zeros(
        &format!("{plain}.weight"),
        Dtype::F16,
        &[128, 64],
    ));
    let refused = refusal(&config, &entries, Some("mlx"));
    let expected =
        "`model.layers.1.mlp.up_proj.weight` has shape [96, 8], the config asks for [96, 16]";
    assert!(refused.contains(expected), "{refused}");
    for (suffix, dtype, width) in [
        ("weight", Dtype::U32, 16),
        ("scales", Dtype::F16, 1),
        ("biases", Dtype::F16, 1),
    ] {
        let name = format!("model.layers.1.mlp.up_proj.{suffix}");
        entries.retain(|e| e.name != name);
        entries.push(Entry::zeros(&name, dtype, &[96, width]));
    }
    let file = checkpoint(&entries, Some("mlx"));
    let mut weights = Weights::new(&file, &config, None);
    let model = Model::new(&config, &mut weights).unwrap();
    assert_eq!(weights.problems(), []);
    let info = model.info(&Default::default()).unwrap();
    let stored = |name: &str| {
        let found = info.tensors.iter().find(|t| t.name == name);
        found
            .map(|t| t.stored_as.as_str())
            .unwrap_or("absent")
            .to_owned()
    };
    assert_eq!(
        stored("model.layers.1.mlp.up_proj"),
        "8 bits in groups of 64"
    );
    assert_eq!(
        stored("model.layers.1.mlp.gate_proj"),
        "4 bits in groups of 32"
    );
    assert_eq!(stored(plain), "float16");
}

#[test]
fn sizes_count_what_moves() {
    // 8 experts of which 2 are used; the head is the embedding.
    let config = config("qwen3_5_moe_text");
    let model = Model::random(&config, Dtype::BF16, None, 1).unwrap();
    let info = model.info(&Default::default()).unwrap();
    let experts: usize = info
        .tensors
        .iter()
        .filter(|t| t.name.contains("switch_mlp"))
        .map(|t| t.bytes)
        .sum();
    assert_eq!(experts, 4 * 3 * 8 * 16 * 48 * 2);
    assert_eq!(info.bytes_per_decoded_token, info.bytes - experts / 4 * 3);
    // Two attention layers of one head of 32, keys and values, two bytes each.
    assert_eq!(info.kv_bytes_per_token, 2 * 2 * 32 * 2);
    // Two delta layers: 3 rows of 128 channels, and 4 heads of 16 by 16 in f32.
    assert_eq!(info.state_bytes, 2 * (3 * 128 * 2 + 4 * 16 * 16 * 4));
    let packed = lazuli_lm::cache::CacheOptions {
        kv_bits: Some(8),
        kv_group_size: 32,
        ..Default::default()
    };
    let info = model.info(&packed).unwrap();
    assert_eq!(info.kv_bytes_per_token, 2 * 2 * (32 + 4));
}
