//! What a decoded token must move, and where it lies.

use lazuli::core::ops::quantized::Affine;
use lazuli::cpu::bandwidth::Pages;
use lazuli::lm::cache::CacheOptions;
use lazuli::lm::config::{Config, LayerKind};
use lazuli::lm::model::Info;
use lazuli::{Dtype, Result};

/// Bytes that must move for one token of one sequence.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Traffic {
    /// Weights, once; of the routed experts the token's own, of the embedding nothing but what the head
    /// needs.
    pub(super) weights: usize,
    /// Recurrent states, read and written.
    pub(super) states: usize,
    /// Keys and values of one position of one attention layer.
    position: usize,
    /// Attention layers that see every position.
    full: usize,
    /// Attention layers with a window, and the window.
    sliding: (usize, usize),
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
        Ok(Traffic {
            weights: info.bytes_per_decoded_token,
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

    /// Mean bytes per token of `tokens` tokens decoded after `depth`.
    pub(super) fn mean(&self, depth: usize, tokens: usize) -> f64 {
        let caches: f64 = (1..=tokens).map(|i| self.cache(depth + i) as f64).sum();
        (self.weights + self.states) as f64 + caches / tokens.max(1) as f64
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
        assert_eq!(dense.mean(10, 3), mean);
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
        let layer = attention + 8 * 64 + 2 * (3 * 64 * 32);
        let matrices = 2 * (64 + 100 * 64 + 2 * layer);
        let values = 2 * (2 * 64 + 2 * 32) + 64;
        let rest = sparse.weights - matrices;
        assert!(rest == 2 * values || rest == 4 * values, "{rest}");
    }

    #[test]
    fn a_window_bounds_what_its_layers_read() {
        let windows = Traffic {
            weights: 0,
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
