//! Caches go back exactly, or say that they cannot.
#![allow(clippy::unwrap_used)]

mod support;

use lazuli_core::{Dtype, Role, Rows, Sequence};
use lazuli_lm::cache::{CacheOptions, Caches};
use lazuli_lm::model::Model;
use proptest::prelude::*;
use support::*;

/// One family per kind of cache: keys and values, a ring, recurrent states with keys and values.
const KINDS: [&str; 3] = ["qwen3", "mistral", "qwen3_next"];

fn stream(vocab: usize, seed: usize) -> impl Fn(usize) -> u32 {
    move |i| ((i * 7919 + seed * 104_729 + i * i * 31) % vocab) as u32
}

fn options(kv_bits: Option<usize>) -> CacheOptions {
    CacheOptions {
        kv_bits,
        kv_group_size: 32,
        prefill_step: 64,
        ..Default::default()
    }
}

/// Logits of tokens `from..to` of the stream, one by one.
fn plainly(model: &Model, prompt: usize, from: usize, to: usize, kv: &CacheOptions) -> Vec<f32> {
    let token = stream(model.config().vocab, 1);
    let mut caches = model.caches(kv).unwrap();
    let tokens: Vec<u32> = (0..from).map(&token).collect();
    feed_in_pieces(model, &mut caches, &tokens[..prompt], 64, Role::Prompt);
    feed_in_pieces(model, &mut caches, &tokens[prompt..], 64, Role::Generated);
    let tokens: Vec<u32> = (from..to).map(&token).collect();
    feed_in_pieces(model, &mut caches, &tokens, 1, Role::Generated)
}

/// Verifies drafts of 5 of which the given numbers are right, takes the others back, and compares what
/// follows with never having drafted.
fn speculate(family: &str, model: &Model, prompt: usize, accepted: &[usize], kv: &CacheOptions) {
    let token = stream(model.config().vocab, 1);
    let wrong = stream(model.config().vocab, 2);
    let mut caches = model.caches(kv).unwrap();
    caches.reserve(5);
    let tokens: Vec<u32> = (0..prompt).map(&token).collect();
    feed_in_pieces(model, &mut caches, &tokens, 64, Role::Prompt);
    let mut len = prompt;
    let mut found = Vec::new();
    for &accepted in accepted {
        let draft: Vec<u32> = (len..len + 5)
            .map(|i| {
                if i < len + accepted {
                    token(i)
                } else {
                    wrong(i)
                }
            })
            .collect();
        let logits = feed(model, &mut caches, &draft, Role::Generated);
        found.extend_from_slice(&logits[..accepted * model.config().vocab]);
        caches.rollback(0, 5 - accepted).unwrap();
        len += accepted;
        assert_eq!(caches.len(0), len);
    }
    let after: Vec<u32> = (len..len + 3).map(&token).collect();
    found.extend(feed_in_pieces(
        model,
        &mut caches,
        &after,
        1,
        Role::Generated,
    ));
    let wanted = plainly(model, prompt, prompt, len + 3, kv);
    assert!(same_bits(&found, &wanted), "{family} {prompt} {accepted:?}");
}

#[test]
fn random_accept_lengths_give_the_bits_of_never_having_speculated() {
    let config = ProptestConfig {
        cases: 6,
        failure_persistence: None,
        ..Default::default()
    };
    for (family, kv_bits) in KINDS
        .into_iter()
        .zip([None, None, None])
        .chain([("qwen3", Some(8))])
    {
        let model = model(family);
        let kv = options(kv_bits);
        let cases = (1usize..70, prop::collection::vec(0usize..=5, 1..5));
        proptest!(config.clone(), |((prompt, accepted) in cases)| {
            speculate(family, &model, prompt, &accepted, &kv);
        });
    }
}

#[test]
fn a_ring_goes_back_64_after_it_has_wrapped() {
    let model = model("mistral");
    let kv = options(None);
    let token = stream(model.config().vocab, 1);
    let tokens: Vec<u32> = (0..700).map(&token).collect();
    let mut caches = model.caches(&kv).unwrap();
    feed_in_pieces(&model, &mut caches, &tokens, 64, Role::Generated);
    let bytes = caches.bytes();
    assert_eq!(bytes, 4 * 2 * 2 * 512 * 16 * 4, "four rings of 512");
    caches.truncate(&[(0, 636)]).unwrap();
    let again = feed_in_pieces(&model, &mut caches, &tokens[636..], 1, Role::Generated);
    let wanted = plainly(&model, 0, 636, 700, &kv);
    assert!(same_bits(&again, &wanted));
    let refused = caches.truncate(&[(0, 100)]).unwrap_err().to_string();
    assert_eq!(
        refused,
        "cache: slot 0 holds 700 tokens in rings of 512, it cannot be cut to 100"
    );
    assert_eq!(caches.len(0), 700);
}

#[test]
fn batched_sequences_are_cut_each_on_its_own() {
    let model = model("qwen3_next");
    let kv = options(None);
    let token = stream(model.config().vocab, 1);
    let mut caches = model.caches(&kv).unwrap();
    caches.reserve(4);
    let call = |caches: &mut Caches, parts: &[(usize, usize, usize, Role)]| {
        let sequences: Vec<Sequence> = parts
            .iter()
            .map(|&(slot, first, len, role)| Sequence {
                slot,
                first,
                len,
                role,
            })
            .collect();
        let tokens: Vec<u32> = parts
            .iter()
            .flat_map(|&(_, first, len, _)| first..first + len)
            .map(&token)
            .collect();
        let rows = Rows::new(&sequences).unwrap();
        let logits = model.step(&tokens, &rows, caches).unwrap();
        logits.to_vec::<f32>().unwrap()
    };
    let (prompt, generated) = (Role::Prompt, Role::Generated);
    call(&mut caches, &[(0, 0, 20, prompt), (1, 0, 9, prompt)]);
    // Two verify, while a third begins.
    let parts = [
        (1, 9, 4, generated),
        (2, 0, 30, prompt),
        (0, 20, 4, generated),
    ];
    call(&mut caches, &parts);
    caches.truncate(&[(0, 21), (1, 12)]).unwrap();
    caches.truncate(&[(1, 11)]).unwrap();
    let refused = caches.truncate(&[(2, 29)]).unwrap_err().to_string();
    assert!(
        refused.contains("recurrent states go back at most 4"),
        "{refused}"
    );
    let next = [
        (0, 21, 1, generated),
        (1, 11, 1, generated),
        (2, 30, 1, generated),
    ];
    let found = call(&mut caches, &next);
    let wanted = [
        plainly(&model, 20, 21, 22, &kv),
        plainly(&model, 9, 11, 12, &kv),
        plainly(&model, 30, 30, 31, &kv),
    ];
    assert!(same_bits(&found, &wanted.concat()));
}

#[test]
fn a_checkpoint_is_returned_to_as_long_as_it_is_part_of_the_sequence() {
    for family in KINDS {
        let model = model(family);
        let kv = options(None);
        let token = stream(model.config().vocab, 1);
        let other = stream(model.config().vocab, 3);
        let mut caches = model.caches(&kv).unwrap();
        let tokens: Vec<u32> = (0..40).map(&token).collect();
        feed(&model, &mut caches, &tokens, Role::Prompt);
        let early = caches.checkpoint(0).unwrap();
        let strange: Vec<u32> = (40..60).map(&other).collect();
        feed_in_pieces(&model, &mut caches, &strange, 5, Role::Generated);
        let late = caches.checkpoint(0).unwrap();
        caches.return_to(&early).unwrap();
        assert_eq!((caches.len(0), early.len(), late.len()), (40, 40, 60));
        let refused = caches.return_to(&late).unwrap_err().to_string();
        assert_eq!(
            refused, "cache: slot 0 has been cut to 40 since its checkpoint at 60",
            "{family}"
        );
        let next: Vec<u32> = (40..43).map(&token).collect();
        let found = feed_in_pieces(&model, &mut caches, &next, 1, Role::Generated);
        let wanted = plainly(&model, 40, 40, 43, &kv);
        assert!(same_bits(&found, &wanted), "{family}");
        // Still the same 40 tokens: the checkpoint holds.
        caches.return_to(&early).unwrap();
        let found = feed_in_pieces(&model, &mut caches, &next, 1, Role::Generated);
        assert!(same_bits(&found, &wanted), "{family}");
    }
}

#[test]
fn a_snapshot_continues_in_any_slot() {
    for (family, kv_bits) in [
        ("qwen3", None),
        ("qwen3", Some(4)),
        ("mistral", None),
        ("qwen3_next", None),
    ] {
        let model = model(family);
        let kv = options(kv_bits);
        let token = stream(model.config().vocab, 1);
        let tokens: Vec<u32> = (0..70).map(&token).collect();
        let mut caches = model.caches(&kv).unwrap();
        feed_in_pieces(&model, &mut caches, &tokens, 64, Role::Prompt);
        let snapshot = caches.snapshot(0).unwrap();
        lazuli_core::eval(&snapshot.arrays()).unwrap();
        feed(&model, &mut caches, &[1, 2, 3], Role::Prompt);
        let two = CacheOptions {
            slots: 2,
            ..kv.clone()
        };
        let mut others = model.caches(&two).unwrap();
        feed(&model, &mut others, &[9, 8, 7], Role::Prompt);
        others.restore(1, &snapshot).unwrap();
        assert_eq!((others.len(0), others.len(1)), (3, 70));
        let rows = Rows::new(&[Sequence {
            slot: 1,
            first: 70,
            len: 1,
            role: Role::Generated,
        }])
        .unwrap();
        let found = model.step(&[token(70)], &rows, &mut others).unwrap();
        let wanted = plainly(&model, 70, 70, 71, &kv);
        assert!(same_bits(&found.to_vec().unwrap(), &wanted), "{family}");
    }
}

#[test]
fn packed_keys_and_values_stay_near_the_floats() {
    let model = model("qwen3");
    let token = stream(model.config().vocab, 1);
    let tokens: Vec<u32> = (0..100).map(&token).collect();
    let logits = |kv_bits| {
        let mut caches = model.caches(&options(kv_bits)).unwrap();
        let found = feed(&model, &mut caches, &tokens, Role::Prompt);
        (found, caches.bytes())
    };
    let (floats, whole) = logits(None);
    // The fixtures' attention is sharp: a rounded key moves a score by a tenth.
    for (bits, tolerance) in [(8, 0.04), (6, 0.12), (4, 0.5)] {
        let (packed, bytes) = logits(Some(bits));
        let distance = mean_distance(&packed, &floats);
        assert!(distance > 0.0 && distance < tolerance, "{bits}: {distance}");
        // Per 32 values in f32: the codes, a scale and a bias.
        assert_eq!(bytes, whole * (4 * bits + 8) / 128);
    }
}

#[test]
fn packing_begins_at_its_position_whatever_the_steps() {
    let model = model("qwen3");
    let kv = CacheOptions {
        quantized_kv_start: 100,
        ..options(Some(8))
    };
    let token = stream(model.config().vocab, 1);
    let tokens: Vec<u32> = (0..130).map(&token).collect();
    let run = |piece: usize| {
        let mut caches = model.caches(&kv).unwrap();
        let mut logits = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let len = piece.min(tokens.len() - at).min(caches.chunk_limit(at));
            logits.extend(feed(
                &model,
                &mut caches,
                &tokens[at..at + len],
                Role::Prompt,
            ));
            at += len;
        }
        (logits, caches)
    };
    let (one, _) = run(1);
    let (many, mut caches) = run(64);
    assert!(same_bits(&one, &many));
    let vocab = model.config().vocab;
    let mut floats = model.caches(&options(None)).unwrap();
    let floats = feed(&model, &mut floats, &tokens, Role::Prompt);
    assert!(same_bits(&many[..100 * vocab], &floats[..100 * vocab]));
    assert!(!same_bits(&many[100 * vocab..], &floats[100 * vocab..]));
    let refused = caches.truncate(&[(0, 99)]).unwrap_err().to_string();
    assert!(
        refused.contains("first 100 tokens were packed"),
        "{refused}"
    );
    caches.truncate(&[(0, 100)]).unwrap();
    // A new sequence starts as floats again.
    caches.truncate(&[(0, 0)]).unwrap();
    let again = feed(&model, &mut caches, &tokens[..100], Role::Prompt);
    assert!(same_bits(&again, &many[..100 * vocab]));
}

#[test]
fn a_bounded_cache_changes_nothing_before_its_bound_and_keeps_its_size_after() {
    let model = model("qwen3");
    let token = stream(model.config().vocab, 1);
    let tokens: Vec<u32> = (0..700).map(&token).collect();
    let bounded = CacheOptions {
        max_kv_size: Some(68),
        ..options(None)
    };
    let mut caches = model.caches(&bounded).unwrap();
    let found = feed(&model, &mut caches, &tokens[..64], Role::Prompt);
    let before = caches.bytes();
    let mut plain = model.caches(&options(None)).unwrap();
    let wanted = feed(&model, &mut plain, &tokens[..64], Role::Prompt);
    assert!(same_bits(&found, &wanted));
    feed_in_pieces(&model, &mut caches, &tokens[64..], 64, Role::Generated);
    assert_eq!(caches.bytes(), before);
}

#[test]
fn calls_that_do_not_fit_are_refused_and_change_nothing() {
    let config = config("mistral");
    let model = Model::random(&config, Dtype::F32, None, 1).unwrap();
    let mut caches = model.caches(&options(None)).unwrap();
    let mut refusal = |tokens: &[u32], first: usize, len: usize| {
        let rows = Rows::single(first, len, Role::Prompt).unwrap();
        let error = model.forward(tokens, &rows, &mut caches).unwrap_err();
        assert!(caches.is_empty());
        error.to_string()
    };
    assert_eq!(
        refusal(&[1, 2], 5, 2),
        "cache: slot 0 holds 0 tokens, the call starts at position 5: it must continue or start anew"
    );
    assert_eq!(
        refusal(&[1, 2], 0, 3),
        "forward: the call has 3 rows, the tokens are [2]"
    );
    assert_eq!(
        refusal(&[1, 160], 0, 2),
        "forward: token 160 is not in the vocabulary of 160"
    );
    let many = vec![0; 600];
    assert_eq!(
        refusal(&many, 0, 600),
        "cache: the call adds 600 tokens at position 0, at most 512 fit at once"
    );
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let config = config("qwen3");
    let refusal = |options: CacheOptions| {
        let error = Caches::new(&config, &options, Dtype::F32).unwrap_err();
        error.to_string()
    };
    let with = |kv_bits, kv_group_size| CacheOptions {
        kv_bits: Some(kv_bits),
        kv_group_size,
        ..Default::default()
    };
    assert_eq!(
        refusal(with(8, 64)),
        "cache: kv_group_size 64 does not divide head_dim 32"
    );
    assert!(refusal(with(7, 32)).contains("bits must be 1, 2, 3, 4, 5, 6 or 8"));
    let late = CacheOptions {
        slots: 2,
        quantized_kv_start: 10,
        ..with(8, 32)
    };
    assert_eq!(
        refusal(late),
        "cache: quantized_kv_start 10 needs a single slot, there are 2: use 0"
    );
    let small = CacheOptions {
        max_kv_size: Some(4),
        ..Default::default()
    };
    assert_eq!(
        refusal(small),
        "cache: max_kv_size must be more than 4, not 4"
    );
}
