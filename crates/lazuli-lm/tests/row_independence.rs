//! The same bits, whatever the path (design, section 5): what is computed for a token depends on its
//! own sequence alone.
//!
//! Every claim is checked on every dispatch path of this machine, on one and two threads, for dense,
//! windowed, mixture-of-experts and hybrid models, in floats and packed, over float and packed caches.
//! The reference is always the sequence alone, its prompt in one step and its tokens one by one.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // a failure is a failed test; progress is shown

mod independence;

use independence::{Lane, Variant, alone, assert_same, devices, everything, sequences, together};
use lazuli_core::with_device;

/// Runs `check` for every variant on every device.
fn on_everything(check: impl Fn(&Variant)) {
    for variant in everything() {
        for (name, device) in devices() {
            with_device(device, || {
                eprintln!("{} on {name}", variant.name);
                check(&variant);
            });
        }
    }
}

#[test]
fn where_a_prompt_is_cut_changes_nothing() {
    on_everything(|variant| {
        for seq in sequences(2, 7, 300..301) {
            let whole = alone(variant, &seq, usize::MAX);
            for step in [64, 128, 512] {
                assert_same(&whole, &alone(variant, &seq, step), &format!("step {step}"));
            }
        }
    });
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for variant in everything() {
        for pair in devices().chunks(2) {
            let seq = &sequences(1, 3, 150..300)[0];
            let of = |i: usize| with_device(pair[i].1, || alone(&variant, seq, usize::MAX));
            assert_same(
                &of(0),
                &of(1),
                &format!("{} on {}", variant.name, pair[1].0),
            );
        }
    }
}

#[test]
fn tokens_verified_together_equal_tokens_one_by_one() {
    on_everything(|variant| {
        for len in 1..=8 {
            let mut seq = sequences(1, len as u64, 60..140).remove(0);
            seq.generated.truncate(len);
            let one_by_one = alone(variant, &seq, usize::MAX);
            let lanes = [Lane::whole_verify(&seq)];
            let verified = together(variant, &lanes, &[3]);
            assert_same(&one_by_one, &verified[0], &format!("{len} at once"));
        }
    });
}

#[test]
fn neighbours_change_nothing() {
    for variant in everything() {
        for (number, (name, device)) in devices().into_iter().enumerate() {
            eprintln!("{} on {name}", variant.name);
            // The largest batch is for two threads only: that their number is nothing to a row is a
            // test of its own.
            let batches = [1, 2, 5, 40];
            let count = if number % 2 == 1 { 4 } else { 3 };
            with_device(device, || {
                batches[..count].iter().for_each(|b| mixed(&variant, *b))
            });
        }
    }
}

/// A ragged call of `batch` sequences: some are prompts in it, others verify or generate; slots are not
/// in order, and one further sequence is full of NaN.
fn mixed(variant: &Variant, batch: usize) {
    let seqs = sequences(batch, batch as u64, 1..301);
    let mut lanes: Vec<Lane> = seqs.iter().enumerate().map(Lane::mixed).collect();
    lanes.insert(batch / 2, Lane::poison(variant));
    let slots: Vec<usize> = (0..lanes.len()).map(|i| (i * 7 + 3) % 41).collect();
    let results = together(variant, &lanes, &slots);
    assert!(
        results[batch / 2].iter().flatten().all(|x| x.is_nan()),
        "the poison is not NaN"
    );
    for (lane, result) in lanes.iter().zip(&results) {
        if let Some(seq) = lane.sequence() {
            let expected = alone(variant, seq, usize::MAX);
            assert_same(&lane.part(&expected), result, &format!("batch of {batch}"));
        }
    }
}
