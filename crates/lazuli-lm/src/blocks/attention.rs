//! Grouped-query attention with rotary positions, over a cache.
//!
//! Norms on queries and keys, biases and an output gate are there or not; windows belong to the cache.
//! Ainslie and others, 2023 (arXiv 2305.13245).

use lazuli_core::{Array, Result};
use lazuli_nn::{Linear, Parameters, RmsNorm, Visitor, join};

use super::Call;
use crate::cache::KvCache;
use crate::config::Config;
use crate::weights::Source;

/// Attention of one layer.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Queries; with a gate, `[query | gate]` per head.
    pub q: Linear,
    /// Keys.
    pub k: Linear,
    /// Values.
    pub v: Linear,
    /// Output.
    pub o: Linear,
    /// Norms on each query head and each key head, before the rotation.
    pub qk_norm: Option<(RmsNorm, RmsNorm)>,
    /// Whether the output is multiplied by the sigmoid of a gate.
    pub gated: bool,
    /// Channels of a head.
    pub head_dim: usize,
}

impl Attention {
    /// The attention whose parameters are under `path`.
    ///
    /// # Errors
    /// Those of building arrays.
    pub fn new(source: &mut dyn Source, config: &Config, path: &str) -> Result<Attention> {
        let (hidden, d) = (config.hidden, config.head_dim);
        let (queries, keys) = (config.heads * d, config.kv_heads * d);
        let (eps, centred) = (config.rms_norm_eps, config.centred_norms);
        let wide = queries * (1 + config.attn_output_gate as usize);
        Ok(Attention {
            q: source.linear(&join(path, "q_proj"), wide, hidden, config.qkv_bias)?,
            k: source.linear(&join(path, "k_proj"), keys, hidden, config.qkv_bias)?,
            v: source.linear(&join(path, "v_proj"), keys, hidden, config.qkv_bias)?,
            o: source.linear(&join(path, "o_proj"), hidden, queries, config.o_bias)?,
            qk_norm: match config.qk_norm {
                true => Some((
                    source.norm(&join(path, "q_norm"), d, eps, centred)?,
                    source.norm(&join(path, "k_norm"), d, eps, centred)?,
                )),
                false => None,
            },
            gated: config.attn_output_gate,
            head_dim: d,
        })
    }

    /// `x [t, hidden]` to `[t, hidden]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Array, call: &Call<'_>, cache: &mut KvCache) -> Result<Array> {
        let (t, d) = (x.dim(0), self.head_dim);
        let heads = |y: Array, width: usize| {
            let heads = y.dim(1) / width;
            y.reshape([t, heads, width])
        };
        let (mut q, gate) = match self.gated {
            false => (heads(self.q.forward_of(x, Some(call.rows))?, d)?, None),
            true => {
                let both = heads(self.q.forward_of(x, Some(call.rows))?, 2 * d)?;
                (both.narrow(2, 0, d)?, Some(both.narrow(2, d, 2 * d)?))
            }
        };
        let mut k = heads(self.k.forward_of(x, Some(call.rows))?, d)?;
        let v = heads(self.v.forward_of(x, Some(call.rows))?, d)?;
        if let Some((q_norm, k_norm)) = &self.qk_norm {
            (q, k) = (q_norm.forward(&q)?, k_norm.forward(&k)?);
        }
        q = q.rope(&call.cos, &call.sin, false)?;
        k = k.rope(&call.cos, &call.sin, false)?;
        cache.append(&k, &v, call.rows)?;
        let mut y = cache.attend(&q, call.rows, (d as f32).sqrt().recip())?;
        if let Some(gate) = gate {
            y = y.multiply(&gate.sigmoid()?)?;
        }
        self.o
            .forward_of(&y.reshape([t, q.dim(1) * d])?, Some(call.rows))
    }
}

impl Parameters for Attention {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        for (leaf, linear) in [
            ("q_proj", &self.q),
            ("k_proj", &self.k),
            ("v_proj", &self.v),
            ("o_proj", &self.o),
        ] {
            linear.visit(&join(path, leaf), visitor);
        }
        if let Some((q_norm, k_norm)) = &self.qk_norm {
            q_norm.visit(&join(path, "q_norm"), visitor);
            k_norm.visit(&join(path, "k_norm"), visitor);
        }
    }
}
