//! The blocks that every family is composed of.
//!
//! A layer is a mixer (attention or a gated delta net) and a feed-forward part (dense or experts), each
//! behind a norm, each added to the residual stream, which is in the compute dtype. Which one a layer
//! has is data in the [`Config`]: no family has code of its own.

mod attention;
mod delta;
mod mlp;
mod moe;

use lazuli_core::{Array, Error, Result, Rows};
use lazuli_nn::{Parameters, RmsNorm, Visitor, join};

use crate::cache::LayerCache;
use crate::config::{Config, LayerKind};
use crate::weights::Source;

pub use attention::Attention;
pub use delta::{DeltaCore, DeltaNet, DeltaRows};
pub use mlp::Mlp;
pub use moe::Moe;

/// What all layers of a call share.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Whose tokens these are.
    pub rows: &'a Rows,
    /// Cosines of the rotations, `[t, rotary_dim / 2]`, `f32`.
    pub cos: Array,
    /// Sines of the rotations, likewise.
    pub sin: Array,
}

/// How a layer mixes tokens.
#[derive(Clone, Debug)]
pub enum Mixer {
    /// Attention.
    Attention(Attention),
    /// Gated delta net.
    Delta(DeltaNet),
}

/// What a layer does to each token alone.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // one per layer
pub enum FeedForward {
    /// One gated MLP.
    Dense(Mlp),
    /// Experts.
    Sparse(Moe),
}

/// One layer of a decoder.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Before the mixer.
    pub input_norm: RmsNorm,
    /// The mixer.
    pub mixer: Mixer,
    /// Before the feed-forward part.
    pub post_norm: RmsNorm,
    /// The feed-forward part.
    pub mlp: FeedForward,
}

impl Layer {
    /// Layer `index` of a model, its parameters under `path`.
    ///
    /// # Errors
    /// Those of building arrays.
    pub fn new(
        source: &mut dyn Source,
        config: &Config,
        kind: LayerKind,
        sparse: bool,
        path: &str,
    ) -> Result<Layer> {
        let (eps, centred) = (config.rms_norm_eps, config.centred_norms);
        let mlp_path = join(path, "mlp");
        let mut norm = |leaf| source.norm(&join(path, leaf), config.hidden, eps, centred);
        let (input_norm, post_norm) = (norm("input_layernorm")?, norm("post_attention_layernorm")?);
        Ok(Layer {
            input_norm,
            mixer: match kind {
                LayerKind::Linear => {
                    let path = join(path, "linear_attn");
                    Mixer::Delta(DeltaNet::new(source, config, &path)?)
                }
                LayerKind::Full | LayerKind::Sliding => {
                    let path = join(path, "self_attn");
                    Mixer::Attention(Attention::new(source, config, &path)?)
                }
            },
            post_norm,
            mlp: match (&config.moe, config.intermediate) {
                (Some(moe), _) if sparse => {
                    FeedForward::Sparse(Moe::new(source, config.hidden, moe, &mlp_path)?)
                }
                (_, Some(inner)) => {
                    let bias = config.mlp_bias;
                    FeedForward::Dense(Mlp::new(source, config.hidden, inner, bias, &mlp_path)?)
                }
                _ => return Err(Error::value("layer", "neither experts nor a dense MLP")),
            },
        })
    }

    /// The residual stream `x [t, hidden]` after this layer; its past and present go through `cache`.
    ///
    /// # Errors
    /// When the cache is of another kind, or shapes do not fit.
    pub fn forward(&self, x: &Array, call: &Call<'_>, cache: &mut LayerCache) -> Result<Array> {
        let normed = self.input_norm.forward(x)?;
        let mixed = match (&self.mixer, cache) {
            (Mixer::Attention(block), LayerCache::Kv(cache)) => {
                block.forward(&normed, call, cache)?
            }
            (Mixer::Delta(block), LayerCache::Recurrent(cache)) => {
                block.forward(&normed, call, cache)?
            }
            _ => return Err(Error::value("layer", "the caches are of another model")),
        };
        let x = x.add(&mixed)?;
        let normed = self.post_norm.forward(&x)?;
        x.add(&match &self.mlp {
            FeedForward::Dense(block) => block.forward(&normed, call.rows)?,
            FeedForward::Sparse(block) => block.forward(&normed, call.rows)?,
        })
    }
}

impl Parameters for Layer {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        self.input_norm
            .visit(&join(path, "input_layernorm"), visitor);
        match &self.mixer {
            Mixer::Attention(block) => block.visit(&join(path, "self_attn"), visitor),
            Mixer::Delta(block) => block.visit(&join(path, "linear_attn"), visitor),
        }
        self.post_norm
            .visit(&join(path, "post_attention_layernorm"), visitor);
        match &self.mlp {
            FeedForward::Dense(block) => block.visit(&join(path, "mlp"), visitor),
            FeedForward::Sparse(block) => block.visit(&join(path, "mlp"), visitor),
        }
    }
}
