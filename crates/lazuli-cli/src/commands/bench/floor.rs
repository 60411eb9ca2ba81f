//! What a decoded token must move, and where it lies.

use lazuli::core::ops::quantized::Affine;
use lazuli::cpu::bandwidth::Pages;
use lazuli::lm::cache::CacheOptions;
use lazuli::lm::config::{Config, LayerKind};
use lazuli::lm::model::{Info, TensorInfo};
use lazuli::{Dtype, Result};

/// Bytes that must move for a step of some sequences, one token each.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Traffic {
    /// Weights that every step reads once, of the embedding nothing but what the head needs; without
    /// routed experts.
    pub(super) weights: usize,
    /// Routed experts.
    pub(super) experts: Experts,
    /// Recurrent states of a sequence, read and written.
    pub(super) states: usize,
    /// Keys and values of one position of one attention layer.
    position: usize,
    /// Attention layers that see every position.
    full: usize,
    /// Attention layers with a window, and the window.
    sliding: (usize, usize),
}

/// Routed experts of all layers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Experts {
    /// Weights of all.
    bytes: usize,
    /// How many a layer has, and how many of them a token uses.
    counts: (usize, usize),
}

impl Experts {
    fn new(config: &Config, info: &Info) -> Experts {
        let Some(moe) = &config.moe else {
            return Experts {
                bytes: 0,
                counts: (1, 0),
            };
        };
        let routed = |tensor: &&TensorInfo| tensor.name.contains(".switch_mlp.");
        Experts {
            bytes: info.tensors.iter().filter(routed).map(|t| t.bytes).sum(),
            counts: (moe.experts, moe.top_k),
        }
    }

    /// Mean bytes of the experts that `rows` tokens use together: of one its own; of more, how many
    /// differ if every choice is as likely as any other, as random weights and tokens make it.
    fn used(&self, rows: usize) -> f64 {
        let share = self.counts.1 as f64 / self.counts.0 as f64;
        self.bytes as f64 * (1.0 - (1.0 - share).powi(rows as i32))
    }
}

impl Traffic {
    pub(super) fn new(
        config: &Config,
        dtype: Dtype,
        info: &Info,
        caches: &CacheOptions,
    ) -> Result<Traffic> {
        let head = match caches.kv_bits {
            None => config.head_dim * dtype.size(),
            Some(bits) => {
                let affine = Affine::new(bits, caches.kv_group_size)?;
                let groups = config.head_dim / caches.kv_group_size;
                affine.words(config.head_dim) * 4 + 2 * groups * dtype.size()
            }
        };
        let count = |kind| config.layers.iter().filter(|k| **k == kind).count();
        let experts = Experts::new(config, info);
        let own = experts.bytes / experts.counts.0 * experts.counts.1;
        Ok(Traffic {
            weights: info.bytes_per_decoded_token - own,
            experts,
            states: 2 * info.state_bytes,
            position: 2 * config.kv_heads * head,
            full: count(LayerKind::Full),
            sliding: (
                count(LayerKind::Sliding),
                config.sliding_window.unwrap_or(0),
            ),
        })
    }

    /// Bytes of keys and values that a token attends to when the sequence, it included, has `len`.
    pub(super) fn cache(&self, len: usize) -> usize {
        let (layers, window) = self.sliding;
        self.position * (self.full * len + layers * len.min(window))
    }

    /// Mean bytes per token when `rows` sequences decode `tokens` tokens each after `depth`.
    pub(super) fn mean(&self, rows: usize, depth: usize, tokens: usize) -> f64 {
        let caches: f64 = (1..=tokens).map(|i| self.cache(depth + i) as f64).sum();
        let shared = self.weights as f64 + self.experts.used(rows);
        shared / rows as f64 + self.states as f64 + caches / tokens.max(1) as f64
    }
}

/// The pages that most of a model's weights lie in: huge ones if loading it took up that many, which a
/// mapped file, a small matrix, or a system that grants none does not.
pub(super) fn pages(weights: usize, huge_before: Option<u64>, huge_now: Option<u64>) -> Pages {
    match (huge_before, huge_now) {
        (Some(before), Some(now)) if now.saturating_sub(before) > weights as u64 / 2 => Pages::Huge,
        _ => Pages::Base,
    }
}

#[cfg(test)]
mod tests {
    use lazuli::lm::model::Model;

    use super::*;

    fn traffic(json: &str, caches: &CacheOptions) -> Traffic {
        lazuli::init().unwrap();
        let config = Config::parse(json.as_bytes()).unwrap();
        let model = Model::random(&config, Dtype::BF16, None, 1).unwrap();
        let info = model.info(caches).unwrap();
        Traffic::new(&config, Dtype::BF16, &info, caches).unwrap()
    }

    const DENSE: &str = r#"{"model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 96,
        "vocab_size": 100, "rms_norm_eps": 1e-6, "max_position_embeddings": 512,
        "tie_word_embeddings": true, "rope_theta": 10000.0}"#;

    #[test]
    fn a_tied_dense_model_reads_every_matrix_once_and_each_key_and_value() {
        let dense = traffic(DENSE, &CacheOptions::default());
        let layer = 64 * (128 + 64 + 64) + 128 * 64 + 3 * 64 * 96;
        let matrices = 2 * (100 * 64 + 2 * layer);
        let norms = dense.weights - matrices;
        // Two norms of 64 and two of 32 per layer and one at the end, in 2 or 4 bytes.
        let values = 2 * (2 * 64 + 2 * 32) + 64;
        assert!(norms == 2 * values || norms == 4 * values, "{norms}");
        assert_eq!(dense.states, 0);
        assert_eq!(dense.cache(7), 7 * 2 * (2 * 2 * 32 * 2));
        // Tokens at lengths 11, 12 and 13.
        let mean = dense.weights as f64 + dense.cache(12) as f64;
        assert_eq!(dense.mean(1, 10, 3), mean);
    }

    #[test]
    fn sequences_together_share_the_weights_and_have_caches_of_their_own() {
        let dense = traffic(DENSE, &CacheOptions::default());
        let mean = dense.weights as f64 / 4.0 + dense.cache(12) as f64;
        assert_eq!(dense.mean(4, 10, 3), mean);
        let experts = Experts {
            bytes: 800,
            counts: (8, 2),
        };
        // Of 8 experts a second token meets 3/4 * 2 that the first did not use.
        assert_eq!([1, 2].map(|rows| experts.used(rows)), [200.0, 350.0]);
        assert!((experts.used(200) - 800.0).abs() < 1e-9);
    }

    #[test]
    fn packed_keys_and_values_count_with_their_scales() {
        let caches = CacheOptions {
            kv_bits: Some(4),
            kv_group_size: 32,
            ..CacheOptions::default()
        };
        // Per head: 16 bytes of codes, a scale and a bias of 2 bytes.
        assert_eq!(traffic(DENSE, &caches).cache(1), 2 * (2 * 2 * (16 + 4)));
    }

    #[test]
    fn an_untied_embedding_is_a_row_and_only_the_used_experts_count() {
        let sparse = DENSE
            .replace("qwen3", "qwen3_moe")
            .replace("true", "false")
            .replacen(
                '{',
                r#"{"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
                "norm_topk_prob": true, "#,
                1,
            );
        let sparse = traffic(&sparse, &CacheOptions::default());
        let attention = 64 * (128 + 64 + 64) + 128 * 64;
        let layer = attention + 8 * 64;
        let matrices = 2 * (64 + 100 * 64 + 2 * layer);
        let values = 2 * (2 * 64 + 2 * 32) + 64;
        let rest = sparse.weights - matrices;
        assert_eq!(
            sparse.experts.used(1),
            2.0 * 2.0 * (2.0 * 3.0 * 64.0 * 32.0)
        );
        assert!(rest == 2 * values || rest == 4 * values, "{rest}");
    }

    #[test]
    fn a_window_bounds_what_its_layers_read() {
        let windows = Traffic {
            weights: 0,
            experts: Experts {
                bytes: 0,
                counts: (1, 0),
            },
            states: 0,
            position: 10,
            full: 1,
            sliding: (3, 4),
        };
        assert_eq!(windows.cache(3), 10 * 3 * 4);
        assert_eq!(windows.cache(100), 10 * (100 + 3 * 4));
    }

    #[test]
    fn weights_are_in_huge_pages_only_if_loading_took_them() {
        assert_eq!(pages(100, Some(5), Some(60)), Pages::Huge);
        assert_eq!(pages(100, Some(5), Some(50)), Pages::Base);
        assert_eq!(pages(100, Some(50), Some(5)), Pages::Base);
        assert_eq!(pages(100, None, None), Pages::Base);
    }
}
