//! Products with packed weights, in every matrix of the shape, and of dense matrices.

use lazuli::core::ops::quantized::{Affine, Quantization};
use lazuli::core::{Role, Rows, Sequence};
use lazuli::cpu::Isa;
use lazuli::lm::config::{Config, LayerKind};
use lazuli::lm::weights::{Random, Source};
use lazuli::{Dtype, Result};

use super::super::args::SEED;
use super::super::limits::{Unit, Work};
use super::cases::{Case, normal};

/// Widths of weights, and values that share a scale.
const BITS: [usize; 6] = [2, 3, 4, 5, 6, 8];
const GROUP: usize = 64;
/// Tokens generated together.
const GENERATED: [usize; 5] = [1, 4, 8, 32, 64];
/// Tokens of a prompt.
const PROMPT: usize = 512;
/// Side of the dense matrices.
const SIDE: usize = 2048;

/// Rows of a call: so many sequences that generate a token each, or one prompt.
pub(super) fn rows(role: Role, tokens: usize) -> Result<Rows> {
    let sequences: Vec<Sequence> = match role {
        Role::Generated => { 0..tokens }
            .map(|slot| Sequence {
                slot,
                first: 0,
                len: 1,
                role,
            })
            .collect(),
        Role::Prompt => vec![Sequence {
            slot: 0,
            first: 0,
            len: tokens,
            role,
        }],
    };
    Rows::new(&sequences)
}

/// Roles and numbers of tokens, with what names say of them.
pub(super) fn batches(generated: &[usize]) -> Vec<(Role, usize, String)> {
    let generated = generated.iter();
    let generated = generated.map(|&m| (Role::Generated, m, format!("x{m}")));
    let prompt = (Role::Prompt, PROMPT, format!("prompt{PROMPT}"));
    generated.chain([prompt]).collect()
}

/// Bytes of `count` packed weights whose scales are of this dtype.
pub(super) fn packed_bytes(affine: Affine, count: usize, dtype: Dtype) -> f64 {
    let quantization = Quantization::from(affine);
    let scales = 2 * (count / GROUP) * quantization.scale_dtype(dtype).size();
    (count * affine.bits as usize / 8 + scales) as f64
}

/// The matrices of the shape, by the first name that each shape has.
fn matrices(config: &Config) -> Vec<(&'static str, [usize; 2])> {
    let (hidden, d) = (config.hidden, config.head_dim);
    let mut all = Vec::new();
    if config.layers.iter().any(|kind| *kind != LayerKind::Linear) {
        let queries = config.heads * d;
        let wide = queries * (1 + usize::from(config.attn_output_gate));
        all.extend([
            ("q_proj", [wide, hidden]),
            ("k_proj", [config.kv_heads * d, hidden]),
            ("o_proj", [hidden, queries]),
        ]);
    }
    if let Some(delta) = &config.gated_delta {
        let values = delta.value_heads * delta.value_head_dim;
        let channels = 2 * delta.key_heads * delta.key_head_dim + values;
        all.extend([
            ("in_proj_qkv", [channels, hidden]),
            ("in_proj_z", [values, hidden]),
            ("out_proj", [hidden, values]),
        ]);
    }
    let dense = (0..config.layers.len()).any(|i| !config.is_sparse(i));
    let inner = config.intermediate.filter(|_| dense);
    let shared = config.moe.as_ref().and_then(|moe| moe.shared_intermediate);
    for inner in inner.into_iter().chain(shared) {
        all.extend([("up_proj", [inner, hidden]), ("down_proj", [hidden, inner])]);
    }
    all.push(("head", [config.vocab, hidden]));
    let mut seen = Vec::new();
    all.retain(|(_, shape)| {
        let fits = shape[1].is_multiple_of(GROUP) && !seen.contains(shape);
        seen.push(*shape);
        fits
    });
    all
}

/// Every width, matrix and number of rows; of the head no prompt, of which it takes the last row.
pub(super) fn cases(config: &Config, isa: Isa) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for bits in BITS {
        let affine = Affine::new(bits, GROUP)?;
        for (matrix, [n, k]) in matrices(config) {
            for (role, m, batch) in batches(&GENERATED) {
                if matrix == "head" && role == Role::Prompt {
                    continue;
                }
                let work = Work {
                    read: packed_bytes(affine, n * k, Dtype::BF16) + (m * k * 2) as f64,
                    written: (m * n * 2) as f64,
                    products: (m * n * k) as f64,
                    unit: Unit::packed(isa, role),
                };
                let make = move |calls: usize| {
                    let mut random = Random::new(Dtype::BF16, Some(affine), SEED)?;
                    let x = normal(&[m, k], Dtype::BF16)?;
                    let rows = rows(role, m)?;
                    let set = |_| {
                        let linear = random.linear(matrix, n, k, false)?;
                        Ok((linear, x.clone(), rows.clone()))
                    };
                    (0..calls).map(set).collect()
                };
                let name = format!("product.{bits}bit.{matrix}.{batch}");
                cases.push(Case::new(name, work, make, |(linear, x, rows)| {
                    linear.forward_of(x, Some(rows))?.eval()
                }));
            }
        }
    }
    Ok(cases)
}

/// Square matrices of floats.
pub(super) fn dense(isa: Isa) -> Vec<Case> {
    let case = |dtype: Dtype| {
        let elements = (SIDE * SIDE) as f64;
        let work = Work {
            read: 2.0 * elements * dtype.size() as f64,
            written: elements * dtype.size() as f64,
            products: elements * SIDE as f64,
            unit: Unit::dense(isa, dtype),
        };
        let make = move |calls: usize| {
            let set = |_| {
                let matrix = normal(&[SIDE, SIDE], dtype)?;
                Ok((matrix.clone(), matrix))
            };
            (0..calls).map(set).collect()
        };
        let name = format!("matmul.{dtype}.{SIDE}");
        Case::new(name, work, make, |(a, b)| a.matmul(b)?.eval())
    };
    [Dtype::F32, Dtype::BF16].map(case).into()
}
