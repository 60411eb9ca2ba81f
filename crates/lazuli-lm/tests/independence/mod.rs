//! Models, sequences and the two ways to run them: alone, and together in ragged calls.

mod lanes;
mod models;

use std::sync::OnceLock;

use lazuli_core::{Array, Device, Role, Rows, Sequence};
use lazuli_cpu::{Isa, Options};
use lazuli_lm::cache::Caches;

pub(crate) use lanes::{Lane, together};
pub(crate) use models::{VOCAB, Variant, everything};

/// Logits of tokens, one row each.
pub(crate) type Logits = Vec<Vec<f32>>;

/// Every dispatch path of this machine, on one and on two threads, in this order.
pub(crate) fn devices() -> Vec<(String, Device)> {
    static DEVICES: OnceLock<Vec<(String, Device)>> = OnceLock::new();
    let make = || {
        let paths = Isa::ALL.into_iter().filter(|isa| isa.available());
        let register = |(isa, threads): (Isa, usize)| {
            let device = lazuli_cpu::register(Options { isa, threads }).unwrap();
            (format!("{isa} with {threads} threads"), device)
        };
        paths
            .flat_map(|isa| [(isa, 1), (isa, 2)])
            .map(register)
            .collect()
    };
    DEVICES.get_or_init(make).clone()
}

/// A prompt and the tokens that follow it.
#[derive(Clone, Debug)]
pub(crate) struct Seq {
    pub(crate) prompt: Vec<u32>,
    pub(crate) generated: Vec<u32>,
}

/// `count` sequences of a fixed pseudo-random content, prompts of `lens` tokens, 8 tokens after.
pub(crate) fn sequences(count: usize, seed: u64, lens: std::ops::Range<usize>) -> Vec<Seq> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    (0..count)
        .map(|_| {
            let len = lens.start + next(lens.len());
            // The last token of the vocabulary is the poison.
            let mut tokens = |n: usize| (0..n).map(|_| next(VOCAB - 1) as u32).collect();
            Seq {
                prompt: tokens(len),
                generated: tokens(8),
            }
        })
        .collect()
}

/// Logits of one call for the sequence in `slot`, which goes on at its end.
pub(crate) fn call(
    variant: &Variant,
    caches: &mut Caches,
    slot: usize,
    tokens: &[u32],
    role: Role,
) -> Logits {
    let first = caches.len(slot);
    let len = tokens.len();
    let rows = Rows::new(&[Sequence {
        slot,
        first,
        len,
        role,
    }])
    .unwrap();
    split(&variant.model.step(tokens, &rows, caches).unwrap())
}

/// Rows of a `[t, vocab]` array.
pub(crate) fn split(logits: &Array) -> Logits {
    let values = logits.to_vec::<f32>().unwrap();
    values.chunks(VOCAB).map(<[f32]>::to_vec).collect()
}

/// The sequence alone: its prompt in steps, then its tokens one by one.
pub(crate) fn alone(variant: &Variant, seq: &Seq, step: usize) -> Logits {
    let mut caches = variant.caches();
    let mut out = Logits::new();
    for piece in seq.prompt.chunks(step.min(seq.prompt.len())) {
        out.extend(call(variant, &mut caches, 0, piece, Role::Prompt));
    }
    for token in &seq.generated {
        out.extend(call(variant, &mut caches, 0, &[*token], Role::Generated));
    }
    out
}

/// The same bits, row by row.
pub(crate) fn assert_same(expected: &Logits, got: &Logits, what: &str) {
    assert_eq!(expected.len(), got.len(), "{what}: number of rows");
    for (row, (a, b)) in expected.iter().zip(got).enumerate() {
        let differs = a
            .iter()
            .zip(b)
            .position(|(a, b)| a.to_bits() != b.to_bits());
        if let Some(at) = differs {
            panic!(
                "{what}: row {row} of {}, logit {at}: {} against {}",
                a.len(),
                a[at],
                b[at]
            );
        }
        assert!(
            a.iter().all(|x| x.is_finite()),
            "{what}: row {row} is not finite"
        );
    }
}
