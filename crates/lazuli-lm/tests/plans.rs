//! Calls that run as a plan have the bits of calls that run operation by operation, caches included.
// A failure is a failed test; this file uses a part of the models.
#![allow(clippy::unwrap_used, clippy::print_stdout, dead_code, unused_imports)]

mod independence;

use independence::{Logits, Variant, devices, everything, sequences, split};
use lazuli_core::{Role, Rows, Sequence, with_device};
use lazuli_lm::cache::Caches;

/// Positions at which the plain caches grow during the test.
const GROWS: usize = 256;

/// A call by `Model::forward`, which builds a graph and plans nothing.
fn plain(variant: &Variant, caches: &mut Caches, tokens: &[u32], rows: &Rows) -> Logits {
    let hidden = variant.model.forward(tokens, rows, caches).unwrap();
    let logits = variant.model.logits(&hidden).unwrap();
    caches.eval_with(&[&logits]).unwrap();
    split(&logits)
}

fn planned(variant: &Variant, caches: &mut Caches, tokens: &[u32], rows: &Rows) -> Logits {
    split(&variant.model.step(tokens, rows, caches).unwrap())
}

/// Both kinds of call on both caches, whose bits must agree after each.
struct Both<'a> {
    variant: &'a Variant,
    plain: Caches,
    planned: Caches,
}

impl Both<'_> {
    fn call(&mut self, sequences: &[Sequence], tokens: &[u32], what: &str) {
        let rows = Rows::new(sequences).unwrap();
        let want = plain(self.variant, &mut self.plain, tokens, &rows);
        let got = planned(self.variant, &mut self.planned, tokens, &rows);
        let bits = |logits: &Logits| -> Vec<u32> {
            logits.iter().flatten().map(|x| x.to_bits()).collect()
        };
        assert!(bits(&want) == bits(&got), "{}: {what}", self.variant.name);
    }

    fn compare_caches(&self, slot: usize) {
        let of = |caches: &Caches| -> Vec<Vec<u8>> {
            let snapshot = caches.snapshot(slot).unwrap();
            let arrays = snapshot.arrays().into_iter();
            arrays.map(|a| a.to_bytes().unwrap()).collect()
        };
        let same = of(&self.plain) == of(&self.planned);
        assert!(same, "{}: caches of slot {slot}", self.variant.name);
    }
}

fn sequence(slot: usize, first: usize, len: usize, role: Role) -> Sequence {
    Sequence {
        slot,
        first,
        len,
        role,
    }
}

fn check(variant: &Variant) {
    let mut both = Both {
        variant,
        plain: variant.caches(),
        planned: variant.caches(),
    };
    let tokens = &sequences(1, 5, 400..401)[0].prompt;
    let generated = Role::Generated;
    let start = GROWS - 6;
    let prompt = sequence(1, 0, start, Role::Prompt);
    both.call(&[prompt], &tokens[..start], "prompt");
    // One by one, over the position at which caches grow.
    for at in start..GROWS + 4 {
        let step = sequence(1, at, 1, generated);
        both.call(&[step], &tokens[at..][..1], &format!("token {at}"));
    }
    both.compare_caches(1);
    // Drafts that are verified, and of which a part is taken back.
    let mut at = GROWS + 4;
    for caches in [&mut both.plain, &mut both.planned] {
        caches.reserve(4);
    }
    for kept in [3, 1, 4] {
        let draft = sequence(1, at, 4, generated);
        both.call(&[draft], &tokens[at..][..4], &format!("draft at {at}"));
        for caches in [&mut both.plain, &mut both.planned] {
            caches.rollback(1, 4 - kept).unwrap();
        }
        at += kept;
    }
    for caches in [&mut both.plain, &mut both.planned] {
        caches.reserve(0);
    }
    // Another sequence joins.
    both.call(
        &[sequence(3, 0, 9, Role::Prompt)],
        &tokens[..9],
        "second prompt",
    );
    for more in 0..3 {
        let two = [
            sequence(3, 9 + more, 1, generated),
            sequence(1, at + more, 1, generated),
        ];
        let pair = [tokens[9 + more], tokens[at + more]];
        both.call(&two, &pair, &format!("pair {more}"));
    }
    // Somebody keeps the caches as they are.
    let kept = both.planned.clone();
    let before = kept.snapshot(1).unwrap();
    let bytes = |arrays: Vec<&lazuli_core::Array>| -> Vec<Vec<u8>> {
        arrays.into_iter().map(|a| a.to_bytes().unwrap()).collect()
    };
    let before = bytes(before.arrays());
    both.call(
        &[sequence(1, at + 3, 1, generated)],
        &tokens[..1],
        "after a copy",
    );
    assert!(bytes(kept.snapshot(1).unwrap().arrays()) == before);
    both.compare_caches(1);
    both.compare_caches(3);
}

#[test]
fn planned_calls_have_the_bits_of_plain_ones() {
    // The kernels are the same in both kinds of call: the best path, on one thread and on two, is enough.
    let devices = devices();
    for variant in everything() {
        for (name, device) in &devices[devices.len() - 2..] {
            println!("{} on {name}", variant.name);
            with_device(*device, || check(&variant));
        }
    }
}

#[test]
fn what_is_refused_leaves_the_caches_as_they_are() {
    let variant = &everything()[0];
    with_device(devices()[0].1, || {
        let mut caches = variant.caches();
        let rows = |first| Rows::single(first, 1, Role::Generated).unwrap();
        let model = &variant.model;
        model.step(&[3], &rows(0), &mut caches).unwrap();
        let vocab = model.config().vocab as u32;
        let error = model.step(&[vocab], &rows(1), &mut caches).unwrap_err();
        assert!(error.to_string().contains("vocabulary"), "{error}");
        let error = model.step(&[3], &rows(7), &mut caches).unwrap_err();
        assert!(error.to_string().contains("holds 1 tokens"), "{error}");
        let error = model.step(&[3, 4], &rows(1), &mut caches).unwrap_err();
        assert!(error.to_string().contains("the call has 1 rows"), "{error}");
        assert_eq!(caches.len(0), 1);
        model.step(&[4], &rows(1), &mut caches).unwrap();
        assert_eq!(caches.len(0), 2);
    });
}
