//! A decoder: tokens in, logits out.
//!
//! One composition serves every family; the [`Config`] says which blocks each layer has. A forward
//! builds a graph and computes nothing; [`Model::step`] and [`Model::prefill`] compute what they build,
//! logits and caches in one pass, so that no cache keeps a graph alive. Calls of generated tokens come
//! again and again with the same shapes: they are traced once and run as one plan (`plan.rs`).

mod error;
mod info;
mod load;
mod plan;

use std::sync::Arc;

use lazuli_core::{Array, Dtype, Result, Role, Rows, Sequence};
use lazuli_nn::{Embedding, Linear, Parameters, RmsNorm, Visitor, join};

use crate::blocks::{Call, Layer};
use crate::cache::{CacheOptions, Caches, LayerCache};
use crate::config::Config;
use crate::weights::Source;

pub use error::Error;
pub use info::{Info, TensorInfo};
pub use load::LoadOptions;
use plan::Plans;

/// Prompts are cut at multiples of this position, where blocked recurrences begin.
const BLOCK: usize = 64;

/// A language model.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    dtype: Dtype,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    /// None: the embedding.
    head: Option<Linear>,
    /// Radians per position of each rotated pair, `[1, rotary_dim / 2]`, `f32`.
    inverse: Array,
    /// Factor of cosines and sines.
    rope_scaling: f32,
    /// Plans of calls, shared by clones, which have the same weights.
    plans: Arc<Plans>,
}

impl Model {
    /// The model of `config` with parameters from `source`.
    ///
    /// # Errors
    /// Those of building arrays; what does not fit is for the source to report.
    pub fn new(config: &Config, source: &mut dyn Source) -> Result<Model> {
        // One length for the whole life of a sequence: its tokens must not depend on how it grew.
        let rope = config.rope.frequencies(config.rope.max_positions);
        let layer = |(i, kind): (usize, &_)| {
            let path = format!("model.layers.{i}");
            Layer::new(source, config, *kind, config.is_sparse(i), &path)
        };
        let layers = config.layers.iter().enumerate().map(layer);
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let (hidden, vocab) = (config.hidden, config.vocab);
        Ok(Model {
            dtype: source.dtype(),
            embedding: source.embedding("model.embed_tokens", vocab, hidden)?,
            layers,
            norm: source.norm(
                "model.norm",
                hidden,
                config.rms_norm_eps,
                config.centred_norms,
            )?,
            head: match config.tie_word_embeddings {
                true => None,
                false => Some(source.linear("lm_head", vocab, hidden, false)?),
            },
            inverse: Array::from_slice(&rope.inverse, [1, rope.inverse.len()])?,
            rope_scaling: rope.attention_scaling,
            plans: Arc::new(plan::plans()),
            config: config.clone(),
        })
    }

    /// The config.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Dtype of activations and caches.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Empty caches for this model.
    ///
    /// # Errors
    /// When the options do not fit the model or each other.
    pub fn caches(&self, options: &CacheOptions) -> Result<Caches> {
        Caches::new(&self.config, options, self.dtype)
    }

    /// Hidden states `[t, hidden]` after the final norm, of the tokens of `rows` in their order. Lazy;
    /// the caches move on to include the call, or, after an error, stay as they are.
    ///
    /// # Errors
    /// When there is not one token per row, a token is outside the vocabulary, or a sequence does not
    /// continue what its slot holds.
    pub fn forward(&self, tokens: &[u32], rows: &Rows, caches: &mut Caches) -> Result<Array> {
        self.forward_array(&self.tokens(tokens)?, rows, caches)
    }

    /// Tokens of the vocabulary as an array.
    fn tokens(&self, tokens: &[u32]) -> Result<Array> {
        if let Some(token) = tokens.iter().find(|&&t| t as usize >= self.config.vocab) {
            return Err(lazuli_core::Error::index(
                "forward",
                format!(
                    "token {token} is not in the vocabulary of {}",
                    self.config.vocab
                ),
            ));
        }
        Array::from_slice(tokens, [tokens.len()])
    }

    /// [`Model::forward`] of tokens that may still have to be computed, `[t]` integers. One outside the
    /// vocabulary is an error when it is evaluated.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub fn forward_array(&self, tokens: &Array, rows: &Rows, caches: &mut Caches) -> Result<Array> {
        check_count(tokens, rows)?;
        let mut next = caches.clone();
        next.begin(rows)?;
        let hidden = self.through_layers(tokens, rows, next.layers_mut())?;
        next.commit(rows);
        *caches = next;
        Ok(hidden)
    }

    /// Hidden states after the final norm; `caches`, one a layer, have room for the call.
    fn through_layers(
        &self,
        tokens: &Array,
        rows: &Rows,
        caches: &mut [LayerCache],
    ) -> Result<Array> {
        let mut x = self.embedding.forward(tokens)?;
        let call = self.call(rows)?;
        for (layer, cache) in self.layers.iter().zip(caches) {
            x = layer.forward(&x, &call, cache)?;
        }
        self.norm.forward(&x)
    }

    /// Logits `[t, vocab]`, `f32`, of hidden states `[t, hidden]`, in the arithmetic of generated tokens
    /// for all, so that a prompt's last token needs no more than its own.
    ///
    /// # Errors
    /// When the last axis is not the hidden size.
    pub fn logits(&self, hidden: &Array) -> Result<Array> {
        let logits = match &self.head {
            Some(head) => head.forward_of(hidden, None)?,
            None => self.embedding.as_linear(hidden)?,
        };
        logits.astype(Dtype::F32)
    }

    /// Logits `[t, vocab]` of a call, computed, and the caches with them.
    ///
    /// # Errors
    /// As [`Model::forward`]; else the first error of the computation.
    pub fn step(&self, tokens: &[u32], rows: &Rows, caches: &mut Caches) -> Result<Array> {
        let logits = match plan::comes_again(rows) {
            true => self.planned(&self.tokens(tokens)?, rows, caches)?,
            false => self.logits(&self.forward(tokens, rows, caches)?)?,
        };
        caches.eval_with(&[&logits])?;
        Ok(logits)
    }

    /// Takes a prompt in, from where the sequence in `slot` ends, in steps of at most `step` tokens
    /// (rounded up to a multiple of 64) that end at multiples of 64; logits `[1, vocab]` after its last
    /// token, computed. `progress` hears how many tokens are done, after each step.
    ///
    /// # Errors
    /// As [`Model::forward`]; an empty prompt has no last token.
    pub fn prefill(
        &self,
        tokens: &[u32],
        slot: usize,
        caches: &mut Caches,
        step: usize,
        mut progress: impl FnMut(usize),
    ) -> Result<Array> {
        let mut done = 0;
        while done < tokens.len() {
            let first = caches.len(slot);
            let len = chunk(first, tokens.len() - done, step, caches.chunk_limit(first));
            let piece = tokens.get(done..done + len).unwrap_or_default();
            let rows = Rows::new(&[Sequence {
                slot,
                first,
                len,
                role: Role::Prompt,
            }])?;
            let hidden = self.forward(piece, &rows, caches)?;
            done += len;
            if done == tokens.len() {
                let logits = self.logits(&hidden.narrow(0, len - 1, len)?)?;
                caches.eval_with(&[&logits])?;
                progress(done);
                return Ok(logits);
            }
            caches.eval_with(&[])?;
            progress(done);
        }
        Err(lazuli_core::Error::value("prefill", "the prompt is empty"))
    }

    /// Cosines and sines of a call's positions, computed once for all layers.
    fn call<'a>(&self, rows: &'a Rows) -> Result<Call<'a>> {
        let positions = rows.positions().astype(Dtype::F32)?.expand_dims(1)?;
        let angles = positions.multiply(&self.inverse)?;
        let scaled = |a: Array| match self.rope_scaling {
            1.0 => Ok(a),
            factor => a.multiply(&Array::scalar(factor)),
        };
        Ok(Call {
            rows,
            cos: scaled(angles.cos()?)?,
            sin: scaled(angles.sin()?)?,
        })
    }
}

/// One token per row.
fn check_count(tokens: &Array, rows: &Rows) -> Result<()> {
    if **tokens.shape() == [rows.tokens()] {
        return Ok(());
    }
    Err(lazuli_core::Error::shape(
        "forward",
        format!(
            "the call has {} rows, the tokens are {}",
            rows.tokens(),
            tokens.shape()
        ),
    ))
}

/// Tokens of the next prefill step of a sequence that holds `first`, when `left` are to come: at most
/// `limit`, and `step` rounded up to whole blocks, ending at a multiple of 64 unless it is the last.
pub fn chunk(first: usize, left: usize, step: usize, limit: usize) -> usize {
    let step = step.max(1).checked_next_multiple_of(BLOCK).unwrap_or(step);
    let most = step.min(limit).max(1);
    if left <= most {
        return left;
    }
    let end = first.saturating_add(most) / BLOCK * BLOCK;
    match end.checked_sub(first) {
        Some(len @ 1..) => len,
        _ => most,
    }
}

impl Parameters for Model {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        let trunk = join(path, "model");
        self.embedding.visit(&join(&trunk, "embed_tokens"), visitor);
        for (i, layer) in self.layers.iter().enumerate() {
            layer.visit(&join(&trunk, &format!("layers.{i}")), visitor);
        }
        self.norm.visit(&join(&trunk, "norm"), visitor);
        if let Some(head) = &self.head {
            head.visit(&join(path, "lm_head"), visitor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::chunk;

    #[test]
    fn chunks_end_at_multiples_of_64_and_cover_the_prompt() {
        for first in [0, 1, 63, 64, 100] {
            for step in [1, 64, 65, 500] {
                for limit in [usize::MAX, 1000, 64] {
                    let (mut at, end) = (first, first + 777);
                    while at < end {
                        let len = chunk(at, end - at, step, limit);
                        assert!(len >= 1 && len <= limit && len <= step.next_multiple_of(64));
                        at += len;
                        assert!(at == end || at.is_multiple_of(64), "{at}");
                    }
                    assert_eq!(at, end);
                }
            }
        }
    }
}
