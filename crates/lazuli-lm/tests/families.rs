//! Every family against transformers: logits at each position, and greedy text.
//!
//! The fixtures hold what the reference computes in `f32` from the stored `bf16` weights.
#![allow(clippy::unwrap_used)]

mod support;

use lazuli_core::ops::quantized::Affine;
use lazuli_core::{Dtype, Role, Rows, Sequence};
use lazuli_lm::model::{LoadOptions, Model};
use support::*;

/// Largest difference of a logit from the reference's, relative to the largest logit.
const TOLERANCE: f32 = 1e-4;

#[test]
fn logits_of_a_prompt_are_those_of_the_reference() {
    for family in FAMILIES {
        let model = model(family);
        let (prompt, _) = prompt_and_greedy(family);
        let (wanted, _) = reference(family, "logits.npy");
        let mut caches = model.caches(&Default::default()).unwrap();
        let found = feed(&model, &mut caches, &prompt, Role::Prompt);
        let distance = distance(&found, &wanted);
        assert!(distance <= TOLERANCE, "{family}: {distance:e}");
    }
}

#[test]
fn a_prompt_may_come_in_pieces_of_any_length() {
    for family in FAMILIES {
        let model = model(family);
        let (prompt, _) = prompt_and_greedy(family);
        let (wanted, _) = reference(family, "logits.npy");
        for (piece, role) in [
            (1, Role::Generated),
            (1, Role::Prompt),
            (7, Role::Generated),
            (7, Role::Prompt),
            (64, Role::Prompt),
        ] {
            let mut caches = model.caches(&Default::default()).unwrap();
            let found = feed_in_pieces(&model, &mut caches, &prompt, piece, role);
            let distance = distance(&found, &wanted);
            assert!(
                distance <= TOLERANCE,
                "{family}, pieces of {piece}, {role:?}: {distance:e}"
            );
        }
    }
}

#[test]
fn pieces_that_end_at_multiples_of_64_change_no_bit() {
    for family in FAMILIES {
        let model = model(family);
        let (prompt, _) = prompt_and_greedy(family);
        let mut whole = model.caches(&Default::default()).unwrap();
        let whole = feed(&model, &mut whole, &prompt, Role::Prompt);
        let mut caches = model.caches(&Default::default()).unwrap();
        let pieces = feed_in_pieces(&model, &mut caches, &prompt, 64, Role::Prompt);
        assert!(same_bits(&whole, &pieces), "{family}");
    }
}

#[test]
fn generated_tokens_change_no_bit_however_many_are_verified_at_once() {
    for family in FAMILIES {
        let model = model(family);
        let (_, greedy) = prompt_and_greedy(family);
        let mut one = model.caches(&Default::default()).unwrap();
        let one = feed_in_pieces(&model, &mut one, &greedy, 1, Role::Generated);
        for piece in [2, 5, 64] {
            let mut caches = model.caches(&Default::default()).unwrap();
            let many = feed_in_pieces(&model, &mut caches, &greedy, piece, Role::Generated);
            assert!(same_bits(&one, &many), "{family}, {piece} at once");
        }
    }
}

#[test]
fn packed_weights_and_half_precision_change_no_bit_either() {
    device();
    for family in ["qwen3", "qwen3_moe", "qwen3_next"] {
        let mut config = config(family);
        config.hidden = 64; // a multiple of the group
        for (dtype, bits) in [(Dtype::BF16, 4), (Dtype::F16, 8), (Dtype::BF16, 3)] {
            let affine = Affine::new(bits, 32).unwrap();
            let model = Model::random(&config, dtype, Some(affine), 3).unwrap();
            let tokens: Vec<u32> = (0..150).map(|i| i * 31 % 160).collect();
            let run = |step: usize, piece: usize| {
                let (prompt, rest) = tokens.split_at(100);
                let mut caches = model.caches(&Default::default()).unwrap();
                let mut all = feed_in_pieces(&model, &mut caches, prompt, step, Role::Prompt);
                all.extend(feed_in_pieces(
                    &model,
                    &mut caches,
                    rest,
                    piece,
                    Role::Generated,
                ));
                all
            };
            let wanted = run(128, 1);
            assert!(
                same_bits(&run(64, 5), &wanted),
                "{family}, {bits} bits, {dtype}"
            );
            assert!(
                same_bits(&run(128, 33), &wanted),
                "{family}, {bits} bits, {dtype}"
            );
        }
    }
}

#[test]
fn greedy_text_is_the_references() {
    for family in FAMILIES {
        let model = model(family);
        let (prompt, greedy) = prompt_and_greedy(family);
        let (wanted, vocab) = reference(family, "greedy_logits.npy");
        let mut caches = model.caches(&Default::default()).unwrap();
        let first = model.prefill(&prompt, 0, &mut caches, 64, |_| ()).unwrap();
        let mut rows: Vec<f32> = first.to_vec().unwrap();
        let mut text = vec![argmax(&rows)];
        while text.len() < greedy.len() {
            let last = *text.last().unwrap();
            let row = feed(&model, &mut caches, &[last], Role::Generated);
            text.push(argmax(&row));
            rows.extend(row);
        }
        assert_eq!(text, greedy, "{family}");
        assert_eq!(rows.len(), greedy.len() * vocab);
        let distance = distance(&rows, &wanted);
        assert!(distance <= TOLERANCE, "{family}: {distance:e}");
    }
}

#[test]
fn sequences_in_one_call_do_not_see_each_other() {
    for family in FAMILIES {
        let model = model(family);
        let (prompt, greedy) = prompt_and_greedy(family);
        let alone = |tokens: &[u32]| {
            let mut caches = model.caches(&Default::default()).unwrap();
            let mut logits = feed(&model, &mut caches, &tokens[..50], Role::Prompt);
            for token in &tokens[50..] {
                logits.extend(feed(&model, &mut caches, &[*token], Role::Generated));
            }
            logits
        };
        let (a, b) = (&prompt[..60], &greedy[..60]);
        let (alone_a, alone_b) = (alone(a), alone(b));
        // Slots in another order than the rows, and a slot between that holds nothing.
        let mut caches = model.caches(&Default::default()).unwrap();
        let mut found = [Vec::new(), Vec::new()];
        for (first, len, role) in std::iter::once((0, 50, Role::Prompt))
            .chain((50..60).map(|first| (first, 1, Role::Generated)))
        {
            let sequence = |slot| Sequence {
                slot,
                first,
                len,
                role,
            };
            let rows = Rows::new(&[sequence(2), sequence(0)]).unwrap();
            let tokens = [&a[first..first + len], &b[first..first + len]].concat();
            let logits = model.step(&tokens, &rows, &mut caches).unwrap();
            let logits: Vec<f32> = logits.to_vec().unwrap();
            let half = logits.len() / 2;
            found[0].extend_from_slice(&logits[..half]);
            found[1].extend_from_slice(&logits[half..]);
        }
        assert!(same_bits(&found[0], &alone_a), "{family}");
        assert!(same_bits(&found[1], &alone_b), "{family}");
    }
}

#[test]
fn half_precision_stays_near_the_reference() {
    device();
    for family in FAMILIES {
        let (prompt, _) = prompt_and_greedy(family);
        let (wanted, _) = reference(family, "logits.npy");
        // On average over all logits: a single token may well choose another expert.
        for (dtype, tolerance) in [(Dtype::BF16, 0.12), (Dtype::F16, 0.015)] {
            let options = LoadOptions { dtype: Some(dtype) };
            let model = Model::load(&folder(family), options).unwrap();
            assert_eq!(model.dtype(), dtype);
            let mut caches = model.caches(&Default::default()).unwrap();
            let found = feed(&model, &mut caches, &prompt, Role::Prompt);
            let apart = mean_distance(&found, &wanted);
            assert!(apart <= tolerance, "{family} in {dtype}: {apart}");
        }
    }
}

#[test]
fn the_default_model_says_what_the_reference_says() {
    device();
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/tiny");
    let folder = std::env::var("LAZULI_TINY").unwrap_or_else(|_| beside.to_owned());
    let folder = std::path::PathBuf::from(folder);
    let Ok(json) = std::fs::read(folder.join("expected.json")) else {
        eprintln!("SKIPPED: no default model; LAZULI_TINY names the folder that holds it");
        return;
    };
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let options = LoadOptions {
        dtype: Some(Dtype::F32),
    };
    let model = Model::load(&folder, options).unwrap();
    for prompt in json["prompts"].as_array().unwrap() {
        let text = prompt["text"].as_str().unwrap();
        let ids = tokens(&prompt["ids"]);
        let mut caches = model.caches(&Default::default()).unwrap();
        let logits = feed(&model, &mut caches, &ids, Role::Prompt);
        let vocab = logits.len() / ids.len();
        let mut nll = 0.0;
        for (row, next) in logits.chunks(vocab).zip(&ids[1..]) {
            let best = row.iter().fold(f32::MIN, |m, x| m.max(*x)) as f64;
            let sum: f64 = row.iter().map(|x| (*x as f64 - best).exp()).sum();
            nll += best + sum.ln() - row[*next as usize] as f64;
        }
        let nll = nll / (ids.len() - 1) as f64;
        let wanted = prompt["mean_nll"].as_f64().unwrap();
        assert!((nll - wanted).abs() < 1e-4, "{text}: {nll} {wanted}");
        let last = &logits[logits.len() - vocab..];
        for pair in prompt["last_logits_top10"].as_array().unwrap() {
            let (id, wanted) = (pair[0].as_u64().unwrap(), pair[1].as_f64().unwrap());
            let found = last[id as usize] as f64;
            assert!((found - wanted).abs() < 2e-3, "{text}: {found} {wanted}");
        }
        let greedy = tokens(&prompt["greedy"]);
        let mut said = vec![argmax(last)];
        while said.len() < greedy.len() {
            let token = *said.last().unwrap();
            let row = feed(&model, &mut caches, &[token], Role::Generated);
            said.push(argmax(&row));
        }
        assert_eq!(said, greedy, "{text}");
    }
}
