//! Several sequences in one call.

use lazuli_core::{Role, Rows, Sequence};

use super::models::POISON;
use super::{Logits, Seq, Variant, call, split};

/// What a sequence does in the call: tokens that are in the cache before it, then tokens of one role.
pub(crate) struct Lane<'a> {
    seq: Option<&'a Seq>,
    before: usize,
    tokens: Vec<u32>,
    role: Role,
}

impl<'a> Lane<'a> {
    /// All tokens after the prompt at once; rows of the prompt are those of the call before.
    pub(crate) fn whole_verify(seq: &'a Seq) -> Lane<'a> {
        Lane {
            seq: Some(seq),
            before: seq.prompt.len(),
            tokens: seq.generated.clone(),
            role: Role::Generated,
        }
    }

    /// By its number: the whole prompt, the rest of a prompt from a multiple of 64 on, one generated
    /// token, or several.
    pub(crate) fn mixed((number, seq): (usize, &'a Seq)) -> Lane<'a> {
        let (prompt, tail) = (seq.prompt.len(), seq.generated.clone());
        let (before, tokens, role) = match number % 4 {
            0 => (0, seq.prompt.clone(), Role::Prompt),
            1 => (prompt, tail[..1].to_vec(), Role::Generated),
            2 => {
                let cut = (prompt - 1) / 64 * 64;
                (cut, seq.prompt[cut..].to_vec(), Role::Prompt)
            }
            _ => (prompt, tail[..1 + number % 8].to_vec(), Role::Generated),
        };
        Lane {
            seq: Some(seq),
            before,
            tokens,
            role,
        }
    }

    /// A sequence whose every activation is NaN.
    pub(crate) fn poison(_: &Variant) -> Lane<'a> {
        Lane {
            seq: None,
            before: 0,
            tokens: vec![POISON; 70],
            role: Role::Prompt,
        }
    }

    pub(crate) fn sequence(&self) -> Option<&'a Seq> {
        self.seq
    }

    /// The rows of `all` that this lane's call, and what went before it, compute.
    pub(crate) fn part(&self, all: &Logits) -> Logits {
        all[..self.before + self.tokens.len()].to_vec()
    }
}

/// Logits of each lane, what went before included: first each lane's past alone in its slot, then all
/// of them in one call.
pub(crate) fn together(variant: &Variant, lanes: &[Lane<'_>], slots: &[usize]) -> Vec<Logits> {
    let mut caches = variant.caches();
    let mut results = Vec::new();
    for (lane, &slot) in lanes.iter().zip(slots) {
        let past = lane.seq.map_or(&[][..], |s| &s.prompt[..lane.before]);
        results.push(match past {
            [] => Logits::new(),
            past => call(variant, &mut caches, slot, past, Role::Prompt),
        });
    }
    let sequences: Vec<Sequence> = lanes
        .iter()
        .zip(slots)
        .map(|(lane, &slot)| Sequence {
            slot,
            first: lane.before,
            len: lane.tokens.len(),
            role: lane.role,
        })
        .collect();
    let tokens: Vec<u32> = lanes.iter().flat_map(|l| l.tokens.clone()).collect();
    let rows = Rows::new(&sequences).unwrap();
    let logits = variant.model.step(&tokens, &rows, &mut caches).unwrap();
    let mut rows = split(&logits).into_iter();
    for (lane, result) in lanes.iter().zip(&mut results) {
        result.extend(rows.by_ref().take(lane.tokens.len()));
    }
    results
}
