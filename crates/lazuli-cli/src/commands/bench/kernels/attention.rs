//! Attention of one token at a depth, and of a prompt.

use lazuli::core::ops::attention::{Cached, Reach};
use lazuli::core::ops::quantized::Affine;
use lazuli::core::{Role, Rows};
use lazuli::cpu::Isa;
use lazuli::lm::config::{Config, LayerKind};
use lazuli::{Array, Dtype, Result};

use super::super::limits::{Unit, Work};
use super::cases::{Case, normal};

/// Positions that a generated token sees, its own included.
const DEPTHS: [usize; 2] = [512, 8192];
/// Tokens of the prompt.
const PROMPT: usize = 512;
/// Bits of packed keys and values, and values that share a scale.
const PACKED: (usize, usize) = (4, 64);

/// What the cache is made of.
#[derive(Clone, Copy)]
enum Kind {
    Float,
    Packed(Affine),
}

impl Kind {
    /// Bytes of `count` keys or values.
    fn bytes(self, count: usize) -> usize {
        match self {
            Kind::Float => 2 * count,
            Kind::Packed(affine) => {
                count * affine.bits as usize / 8 + 2 * 2 * count / affine.group as usize
            }
        }
    }

    /// Keys or values of one sequence.
    fn cached(self, shape: [usize; 4]) -> Result<Cached> {
        let floats = normal(&shape, Dtype::BF16)?;
        Ok(match self {
            Kind::Float => Cached::Float(floats),
            Kind::Packed(affine) => {
                let packed = floats.quantize(affine)?;
                lazuli::core::eval(&packed.parts())?;
                Cached::Quantized(packed)
            }
        })
    }
}

/// What one call attends with.
struct Set {
    q: Array,
    keys: Cached,
    values: Cached,
    rows: Rows,
}

/// None of a shape without attention.
pub(super) fn cases(config: &Config, isa: Isa) -> Result<Vec<Case>> {
    if { config.layers.iter() }.all(|kind| *kind == LayerKind::Linear) {
        return Ok(Vec::new());
    }
    let (heads, kv_heads, d) = (config.heads, config.kv_heads, config.head_dim);
    let packed = Affine::new(PACKED.0, PACKED.1)?;
    let mut kinds = vec![("bfloat16".to_owned(), Kind::Float)];
    if d.is_multiple_of(PACKED.1) {
        kinds.push((format!("{}bit", PACKED.0), Kind::Packed(packed)));
    }
    let mut calls: Vec<(String, usize, usize, Role)> = Vec::new();
    calls.extend(DEPTHS.map(|depth| (format!("depth{depth}"), depth, 1, Role::Generated)));
    calls.push((format!("prompt{PROMPT}"), PROMPT, PROMPT, Role::Prompt));
    let mut cases = Vec::new();
    for (format, kind) in kinds {
        for (what, end, len, role) in calls.clone() {
            let work = Work {
                read: (2 * kind.bytes(kv_heads * end * d) + 2 * len * heads * d) as f64,
                written: (2 * len * heads * d) as f64,
                products: (2 * pairs(len, end) * heads * d) as f64,
                unit: Unit::attention(isa),
            };
            let make = move |calls: usize| {
                let rows = match role {
                    Role::Generated => Rows::single(end - 1, len, role)?,
                    Role::Prompt => Rows::single(0, len, role)?,
                };
                let q = normal(&[len, heads, d], Dtype::BF16)?;
                let set = |_| {
                    Ok(Set {
                        q: q.clone(),
                        keys: kind.cached([1, kv_heads, end, d])?,
                        values: kind.cached([1, kv_heads, end, d])?,
                        rows: rows.clone(),
                    })
                };
                (0..calls).map(set).collect()
            };
            let scale = (d as f32).sqrt().recip();
            cases.push(Case::new(
                format!("attention.{format}.{what}"),
                work,
                make,
                move |set: &mut Set| {
                    let (k, v, reach) = (&set.keys, &set.values, Reach::default());
                    let y = set.q.attention(k, v, &set.rows, scale, reach, None)?;
                    y.eval()
                },
            ));
        }
    }
    Ok(cases)
}

/// Pairs of a query and a position that it sees, of the last `len` positions of `end`.
fn pairs(len: usize, end: usize) -> usize {
    len * end - len * (len - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_counts_its_causal_half_with_the_diagonal() {
        assert_eq!(pairs(1, 8192), 8192);
        assert_eq!(pairs(512, 512), 512 * 513 / 2);
        assert_eq!(pairs(2, 5), 4 + 5);
    }
}
