//! The gated delta rule: a step of one token, and the blocks of a prompt.

use lazuli::core::ops::recurrent::GatedDelta;
use lazuli::core::{Role, Rows};
use lazuli::lm::config::Config;
use lazuli::{Array, Dtype, Result};

use super::super::limits::{Unit, Work};
use super::cases::{Case, normal};

/// Tokens of the prompt.
const PROMPT: usize = 512;
/// Multiply-adds for each element of the state and each token, as the rule defines them: read by the
/// key, change, read by the query.
const PRODUCTS: usize = 3;

/// What one call continues.
struct Set {
    qkv: Array,
    gates: Array,
    decay: Array,
    /// The only handle to it, so that it is written in place.
    state: Array,
    rows: Rows,
}

/// None of a shape without such layers.
pub(super) fn cases(config: &Config) -> Vec<Case> {
    let Some(shape) = config.gated_delta else {
        return Vec::new();
    };
    let (hv, dv) = (shape.value_heads, shape.value_head_dim);
    let (hk, dk) = (shape.key_heads, shape.key_head_dim);
    let op = GatedDelta {
        key_heads: hk as u32,
        key_dim: dk as u32,
    };
    let case = |(what, len, role): (String, usize, Role)| {
        let (channels, state) = (2 * hk * dk + hv * dv, hv * dv * dk);
        let work = Work {
            read: (4 * state + 2 * len * (channels + 2 * hv)) as f64,
            written: (4 * state + 2 * len * hv * dv) as f64,
            products: (PRODUCTS * len * state) as f64,
            unit: Unit::F32,
        };
        let make = move |calls: usize| {
            // A sequence that is at its start would find zeros.
            let rows = Rows::single(64, len, role)?;
            let qkv = normal(&[len, channels], Dtype::BF16)?;
            let gates = normal(&[len, hv], Dtype::BF16)?;
            let decay = normal(&[hv], Dtype::F32)?;
            let set = |_| {
                Ok(Set {
                    qkv: qkv.clone(),
                    gates: gates.clone(),
                    decay: decay.clone(),
                    state: normal(&[1, hv, dv, dk], Dtype::F32)?,
                    rows: rows.clone(),
                })
            };
            (0..calls).map(set).collect()
        };
        let call = move |set: &mut Set| -> Result<()> {
            let (gates, decay) = (&set.gates, &set.decay);
            let state = std::mem::replace(&mut set.state, gates.clone());
            let (y, next) =
                { &set.qkv }.gated_delta(gates, gates, decay, decay, &state, &set.rows, op)?;
            drop(state);
            lazuli::core::eval(&[&y, &next])?;
            set.state = next;
            Ok(())
        };
        Case::new(format!("gated_delta.{what}"), work, make, call)
    };
    let prompt = (format!("prompt{PROMPT}"), PROMPT, Role::Prompt);
    let step = ("step".to_owned(), 1, Role::Generated);
    [step, prompt].map(case).into()
}
