//! Small random models of each shape, with one token whose embedding is NaN.

use lazuli_core::ops::quantized::{Affine, QuantizedArray};
use lazuli_core::{Array, Dtype, Result};
use lazuli_lm::cache::{CacheOptions, Caches};
use lazuli_lm::config::{Config, GatedDelta};
use lazuli_lm::model::Model;
use lazuli_lm::weights::{DeltaInputs, Experts, Random, Source};
use lazuli_nn::Matrix;

pub(crate) const VOCAB: usize = 97;
/// The token whose embedding is NaN.
pub(crate) const POISON: u32 = VOCAB as u32 - 1;

/// A model and the caches it is used with.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) model: Model,
    options: CacheOptions,
}

impl Variant {
    pub(crate) fn caches(&self) -> Caches {
        self.model.caches(&self.options).unwrap()
    }
}

const DENSE: &str = r#"{"model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 96"#;
const WINDOWED: &str = r#"{"model_type": "mistral", "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "intermediate_size": 96,
    "sliding_window": 40"#;
const EXPERTS: &str = r#"{"model_type": "qwen3_moe", "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 96,
    "num_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true, "moe_intermediate_size": 32,
    "decoder_sparse_step": 1, "mlp_only_layers": []"#;
/// All rows go to the one expert.
const ONE_EXPERT: &str = r#"{"model_type": "qwen3_moe", "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 32, "intermediate_size": 96,
    "num_experts": 1, "num_experts_per_tok": 1, "norm_topk_prob": true, "moe_intermediate_size": 32,
    "decoder_sparse_step": 1, "mlp_only_layers": []"#;
const HYBRID: &str = r#"{"model_type": "qwen3_next", "hidden_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "intermediate_size": 96,
    "partial_rotary_factor": 0.25, "full_attention_interval": 2, "num_experts": 8,
    "num_experts_per_tok": 2, "norm_topk_prob": true, "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32, "decoder_sparse_step": 1, "mlp_only_layers": [],
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 32,
    "linear_value_head_dim": 32, "linear_conv_kernel_dim": 4"#;

/// Every combination that is worth its time: each shape in bf16 over a bf16 cache, packed over a packed
/// cache, and two in f32.
pub(crate) fn everything() -> Vec<Variant> {
    let four_bits = Affine { bits: 4, group: 32 };
    let mut out = Vec::new();
    for (name, json) in [
        ("dense", DENSE),
        ("windowed", WINDOWED),
        ("experts", EXPERTS),
        ("one expert", ONE_EXPERT),
        ("hybrid", HYBRID),
    ] {
        out.push(variant(name, json, Dtype::BF16, None, None));
        out.push(variant(name, json, Dtype::BF16, Some(four_bits), Some(4)));
    }
    out.push(variant(
        "dense",
        DENSE,
        Dtype::BF16,
        Some(Affine { bits: 8, group: 32 }),
        Some(8),
    ));
    out.push(variant("dense", DENSE, Dtype::F32, None, None));
    out.push(variant("hybrid", HYBRID, Dtype::F32, Some(four_bits), None));
    out
}

fn variant(
    name: &str,
    json: &str,
    dtype: Dtype,
    affine: Option<Affine>,
    kv_bits: Option<usize>,
) -> Variant {
    let json = format!(
        r#"{json}, "vocab_size": {VOCAB}, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
        "max_position_embeddings": 4096, "rope_theta": 10000.0, "hidden_act": "silu"}}"#
    );
    let config = Config::parse(json.as_bytes()).unwrap();
    let mut source = Poisoned(Random::new(dtype, affine, 11).unwrap());
    Variant {
        name: format!("{name} in {dtype}, weights {affine:?}, cache bits {kv_bits:?}"),
        model: Model::new(&config, &mut source).unwrap(),
        options: CacheOptions {
            slots: 4,
            kv_bits,
            kv_group_size: 32,
            ..CacheOptions::default()
        },
    }
}

/// Random parameters, but the last row of the embedding is NaN.
struct Poisoned(Random);

fn poisoned(a: &Array) -> Result<Array> {
    let mut last = a.shape().clone();
    last.dims_mut()[0] = 1;
    let rows = a.narrow(0, 0, VOCAB - 1)?;
    Array::concatenate(&[rows, Array::full(last, f64::NAN, a.dtype())?], 0)
}

impl Source for Poisoned {
    fn dtype(&self) -> Dtype {
        self.0.dtype()
    }

    fn matrix(&mut self, path: &str, shape: [usize; 2]) -> Result<Matrix> {
        let matrix = self.0.matrix(path, shape)?;
        if path != "model.embed_tokens" {
            return Ok(matrix);
        }
        Ok(match matrix {
            Matrix::Float(w) => Matrix::Float(poisoned(&w)?),
            Matrix::Quantized(q) => Matrix::Quantized(QuantizedArray {
                scales: poisoned(&q.scales)?,
                ..q
            }),
        })
    }

    fn vector(&mut self, name: &str, len: usize, dtype: Dtype) -> Result<Array> {
        self.0.vector(name, len, dtype)
    }

    fn norm_weight(&mut self, path: &str, len: usize, centred: bool) -> Result<Array> {
        self.0.norm_weight(path, len, centred)
    }

    fn conv(&mut self, path: &str, channels: usize, taps: usize) -> Result<Array> {
        self.0.conv(path, channels, taps)
    }

    fn experts(
        &mut self,
        path: &str,
        experts: usize,
        hidden: usize,
        inner: usize,
    ) -> Result<Experts> {
        self.0.experts(path, experts, hidden, inner)
    }

    fn delta_inputs(
        &mut self,
        path: &str,
        shape: &GatedDelta,
        hidden: usize,
    ) -> Result<DeltaInputs> {
        self.0.delta_inputs(path, shape, hidden)
    }
}
