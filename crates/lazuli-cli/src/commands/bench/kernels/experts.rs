//! Products with the experts that tokens choose.

use lazuli::core::ops::quantized::Affine;
use lazuli::cpu::Isa;
use lazuli::lm::config::Config;
use lazuli::lm::weights::{Random, Source};
use lazuli::{Array, Dtype, Result};

use super::super::args::SEED;
use super::super::draw;
use super::super::limits::{Unit, Work};
use super::cases::{Case, Job, calls, normal};
use super::products::{batches, packed_bytes, rows};

const BITS: [usize; 2] = [4, 8];
const GROUP: usize = 64;
/// Tokens generated together.
const GENERATED: [usize; 3] = [1, 8, 32];
/// Choices of experts, of which each call of a pass takes the next.
const CHOICES: usize = 64;

/// Up (as is gate) and down projections; none of a shape without experts.
pub(super) fn cases(config: &Config, isa: Isa) -> Result<Vec<Case>> {
    let Some(moe) = config.moe.clone() else {
        return Ok(Vec::new());
    };
    let (experts, top_k) = (moe.experts, moe.top_k);
    let (hidden, inner) = (config.hidden, moe.intermediate);
    let mut cases = Vec::new();
    for bits in BITS {
        let affine = Affine::new(bits, GROUP)?;
        for (down, [n, k]) in [(false, [inner, hidden]), (true, [hidden, inner])] {
            if !k.is_multiple_of(GROUP) {
                continue;
            }
            for (role, tokens, batch) in batches(&GENERATED) {
                let choices = choices(experts, top_k, tokens);
                let used: usize = choices.iter().map(|ids| distinct(ids)).sum();
                let used = used as f64 / choices.len() as f64;
                let (x_rows, out_rows) =
                    (if down { tokens * top_k } else { tokens }, tokens * top_k);
                let work = Work {
                    read: used * packed_bytes(affine, n * k, Dtype::BF16) + (x_rows * k * 2) as f64,
                    written: (out_rows * n * 2) as f64,
                    products: (out_rows * n * k) as f64,
                    unit: Unit::packed(isa, role),
                };
                let make = move |bytes| {
                    let mut random = Random::new(Dtype::BF16, Some(affine), SEED)?;
                    let calls = calls(&work, bytes);
                    let stack = packed_bytes(affine, experts * n * k, Dtype::BF16);
                    let layers = (bytes / stack).ceil().clamp(1.0, calls as f64) as usize;
                    let layer = |_| random.experts("mlp", experts, hidden, inner);
                    let layers = { 0..layers }.map(layer).collect::<Result<Vec<_>>>()?;
                    let shape: &[usize] = match down {
                        true => &[tokens, top_k, k],
                        false => &[tokens, k],
                    };
                    let x = normal(shape, Dtype::BF16)?;
                    let rows = rows(role, tokens)?;
                    let ids = |ids: &Vec<u32>| Array::from_slice(ids, [tokens, top_k]);
                    let ids = choices.iter().map(ids).collect::<Result<Vec<_>>>()?;
                    Ok(Job {
                        calls,
                        call: Box::new(move |i| {
                            let layer = &layers[i % layers.len()];
                            let matrices = if down { &layer.down } else { &layer.up };
                            matrices.forward_of(&x, &ids[i % ids.len()], &rows)?.eval()
                        }),
                    })
                };
                let matrix = if down { "down_proj" } else { "up_proj" };
                cases.push(Case {
                    name: format!("experts.{bits}bit.{matrix}.{batch}"),
                    work,
                    make: Box::new(make),
                });
            }
        }
    }
    Ok(cases)
}

/// Ids `[tokens, top_k]` of several calls, those of a token all different.
fn choices(experts: usize, top_k: usize, tokens: usize) -> Vec<Vec<u32>> {
    let drawn = draw::below(experts, CHOICES * tokens * experts);
    let token = |order: &[u32]| {
        // The first so many of a shuffled deck.
        let mut deck: Vec<u32> = (0..experts as u32).collect();
        for (i, &other) in order.iter().enumerate() {
            deck.swap(i, other as usize);
        }
        deck.truncate(top_k);
        deck
    };
    let calls = drawn.chunks(tokens * experts);
    calls
        .map(|call| call.chunks(experts).flat_map(token).collect())
        .collect()
}

/// How many experts a call uses.
fn distinct(ids: &[u32]) -> usize {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_chooses_an_expert_twice() {
        let calls = choices(8, 3, 5);
        assert_eq!(calls.len(), CHOICES);
        for call in &calls {
            assert_eq!(call.len(), 5 * 3);
            assert!(call.chunks(3).all(|ids| distinct(ids) == 3), "{call:?}");
            assert!(call.iter().all(|&id| id < 8));
        }
        assert_ne!(calls[0], calls[1]);
    }
}
