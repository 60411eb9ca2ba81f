//! `lazuli logits` against the reference implementation's values, and `lazuli info`.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use std::path::Path;

use common::{Model, fixture, run};
use lazuli::Dtype;
use lazuli::io::npy;
use lazuli::io::safetensors::Checkpoint;
use serde_json::Value;

fn values(file: &Path) -> (Vec<usize>, Vec<f32>) {
    let npy = npy::open(file).unwrap();
    assert_eq!((npy.dtype, npy.fortran_order), (Dtype::F32, false));
    let floats = npy
        .bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    (npy.shape.clone(), floats.collect())
}

fn write(model: &Path, tokens: &[u64], file: &Path, more: &[&str]) {
    let list: Vec<String> = tokens.iter().map(u64::to_string).collect();
    let list = list.join(",");
    let fixed = [
        "logits",
        "--model",
        model.to_str().unwrap(),
        "--tokens",
        &list,
        "--output",
        file.to_str().unwrap(),
    ];
    let ran = run(fixed.into_iter().chain(more.iter().copied()));
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(ran.status, Some(0));
}

#[test]
fn logits_are_the_references_and_need_no_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.npy");
    let model = fixture("qwen3");
    let reference = std::fs::read(model.join("reference.json")).unwrap();
    let reference: Value = serde_json::from_slice(&reference).unwrap();
    let tokens: Vec<u64> = reference["prompt"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_u64().unwrap())
        .collect();
    write(&model, &tokens, &out, &["--dtype", "f32"]);
    let (shape, got) = values(&out);
    let (_, want) = values(&model.join("logits.npy"));
    assert_eq!(shape, [tokens.len(), common::VOCAB]);
    assert_eq!(got.len(), want.len());
    let worst = got
        .iter()
        .zip(&want)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn the_prefill_step_changes_no_bit() {
    let model = Model::new();
    let tokens: Vec<u64> = (0..200).map(|i| i * 7 % 190).collect();
    let (a, b) = (model.file("a.npy"), model.file("b.npy"));
    for dtype in ["f32", "bf16"] {
        write(
            model.0.path(),
            &tokens,
            &a,
            &["--dtype", dtype, "--prefill-step", "64"],
        );
        write(
            model.0.path(),
            &tokens,
            &b,
            &["--dtype", dtype, "--threads", "1"],
        );
        assert!(
            std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap(),
            "{dtype}"
        );
    }
}

#[test]
fn info_counts_what_the_file_holds() {
    let model = fixture("qwen3");
    let path = model.to_str().unwrap();
    let text = run(["info", path]).succeeds();
    for row in [
        "family                      qwen3\n",
        "layers                      4 (4 full_attention)\n",
        "context                     4,096 tokens\n",
    ] {
        assert!(text.contains(row), "{text}");
    }
    let json: Value =
        serde_json::from_str(&run(["info", path, "--json", "--context", "100"]).succeeds())
            .unwrap();
    // 4 layers of keys and values, 2 heads of 32 channels, 2 bytes
    assert_eq!(json["kv_bytes_per_token"], 4 * 2 * 2 * 32 * 2);
    let weights = json["weights_bytes"].as_u64().unwrap();
    let file = std::fs::metadata(model.join("model.safetensors"))
        .unwrap()
        .len();
    assert!(
        weights <= file && weights > file * 9 / 10,
        "{weights} of {file}"
    );
    assert_eq!(json["memory"][0]["bytes"], weights + 100 * 1024);
    let checkpoint = Checkpoint::open(&model).unwrap();
    let parameters = checkpoint
        .iter()
        .map(|(_, tensor)| tensor.shape.iter().product::<usize>());
    let parameters = parameters.sum::<usize>();
    assert_eq!(json["parameters"], parameters);
    let bits = 8.0 * weights as f64 / parameters as f64;
    assert_eq!(json["bits_per_weight"], bits);
}

#[test]
fn info_lists_the_families() {
    let text = run(["info", "--families"]).succeeds();
    assert!(text.lines().any(|line| line == "qwen3_5_moe"), "{text}");
    let json: Vec<String> =
        serde_json::from_str(&run(["info", "--families", "--json"]).succeeds()).unwrap();
    assert_eq!(json, text.lines().collect::<Vec<_>>());
}
