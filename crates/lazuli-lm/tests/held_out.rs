//! The default model on held-out text: the reference's loss, and how little four bits lose of it.
//!
//! `heldout.json` holds 24 windows of 1,024 tokens with transformers' mean loss in `f32`. The packed
//! model is the one that is embedded in the command; the raw checkpoint is not part of the repository,
//! so its test says visibly when it is skipped.
#![allow(clippy::unwrap_used)] // a failure is a failed test

use std::path::{Path, PathBuf};

use lazuli_core::{Dtype, Role, Rows};
use lazuli_lm::cache::CacheOptions;
use lazuli_lm::model::{LoadOptions, Model};
use serde_json::Value;

struct Window {
    ids: Vec<u32>,
    loss: f64,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn windows() -> Vec<Window> {
    let path = repository().join("tests/fixtures/default/heldout.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let window = |w: &Value| Window {
        ids: (w["ids"].as_array().unwrap().iter())
            .map(|id| id.as_u64().unwrap() as u32)
            .collect(),
        loss: w["mean_nll"].as_f64().unwrap(),
    };
    file["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(window)
        .collect()
}

/// Mean negative log-likelihood, in nats, of tokens 1.. given those before them.
fn loss(model: &Model, ids: &[u32]) -> f64 {
    let mut caches = model.caches(&CacheOptions::default()).unwrap();
    let vocab = model.config().vocab;
    let mut sum = 0.0;
    for (number, piece) in ids.chunks(512).enumerate() {
        let first = number * 512;
        let rows = Rows::single(first, piece.len(), Role::Prompt).unwrap();
        let logits = model
            .step(piece, &rows, &mut caches)
            .unwrap()
            .to_vec::<f32>()
            .unwrap();
        for (row, next) in logits.chunks(vocab).zip(&ids[first + 1..]) {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f64 = row.iter().map(|x| f64::from((x - max).exp())).sum();
            sum += f64::from(max) + total.ln() - f64::from(row[*next as usize]);
        }
    }
    sum / (ids.len() - 1) as f64
}

fn load(folder: &Path, dtype: Option<Dtype>) -> Model {
    let options = lazuli_cpu::Options::from_environment().unwrap();
    lazuli_cpu::register(options).unwrap();
    Model::load(folder, LoadOptions { dtype }).unwrap()
}

#[test]
fn the_raw_checkpoint_has_the_loss_of_the_reference_in_each_window() {
    let beside = repository().join("../shared/tiny");
    let folder = std::env::var_os("LAZULI_TINY").map_or(beside, PathBuf::from);
    if !folder.join("config.json").exists() {
        eprintln!("SKIPPED: no raw checkpoint of the default model; LAZULI_TINY names its folder");
        return;
    }
    let model = load(&folder, Some(Dtype::F32));
    for (number, window) in windows().iter().enumerate() {
        let got = loss(&model, &window.ids);
        assert!(
            (got - window.loss).abs() <= 0.001,
            "window {number}: {got}, not {}",
            window.loss
        );
    }
}

#[test]
fn four_bits_lose_less_than_a_hundredth_of_a_nat() {
    let model = load(&repository().join("assets/default"), None);
    let windows = windows();
    let lost: f64 = windows.iter().map(|w| loss(&model, &w.ids) - w.loss).sum();
    let mean = lost / windows.len() as f64;
    assert!(mean.abs() <= 0.01, "four bits lose {mean} nats on average");
}
