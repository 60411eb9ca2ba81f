//! What a model weighs, and what a token costs: the floors that measurements are held against.

use lazuli_core::{Dtype, Result};
use lazuli_nn::{Matrix, Parameter, Parameters};

use super::Model;
use crate::cache::CacheOptions;
use crate::config::LayerKind;

/// One parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorInfo {
    /// Name: a module's path for a matrix, else the tensor's.
    pub name: String,
    /// Shape, unpacked.
    pub shape: Vec<usize>,
    /// `bfloat16`, or `4 bits in groups of 64`.
    pub stored_as: String,
    /// Weights.
    pub parameters: usize,
    /// Bytes, scales and biases included.
    pub bytes: usize,
}

/// Sizes of a model. All in bytes unless named otherwise.
#[derive(Clone, PartialEq, Debug)]
pub struct Info {
    /// Every parameter.
    pub tensors: Vec<TensorInfo>,
    /// Weights of the model; a tied head counts once.
    pub parameters: usize,
    /// All parameters as they are stored.
    pub bytes: usize,
    /// Stored bits over weights.
    pub bits_per_weight: f64,
    /// Weights that one token uses: of the routed experts only its own.
    pub active_parameters: usize,
    /// Weights that must be read to decode one token alone: everything once, of the routed experts the
    /// token's own, of the embedding one row unless it is the head too.
    pub bytes_per_decoded_token: usize,
    /// What caches grow by per token, rings not counted.
    pub kv_bytes_per_token: usize,
    /// What caches hold per sequence whatever its length: recurrent states.
    pub state_bytes: usize,
}

impl Model {
    /// Sizes of the model, with caches as `options` ask for.
    ///
    /// # Errors
    /// When the options do not fit the model.
    pub fn info(&self, options: &CacheOptions) -> Result<Info> {
        let config = &self.config;
        let mut tensors = Vec::new();
        let (mut active, mut moved) = (0, 0);
        self.visit("", &mut |name, parameter| {
            let tensor = describe(name, parameter);
            let part = |whole: usize| match &config.moe {
                Some(moe) if name.contains(".switch_mlp.") => whole / moe.experts * moe.top_k,
                _ => whole,
            };
            let row = |whole: usize| whole / config.vocab;
            if name == "model.embed_tokens" && self.head.is_some() {
                active += row(tensor.parameters);
                moved += row(tensor.bytes);
            } else {
                active += part(tensor.parameters);
                moved += part(tensor.bytes);
            }
            tensors.push(tensor);
        });
        let parameters: usize = tensors.iter().map(|t| t.parameters).sum();
        let bytes: usize = tensors.iter().map(|t| t.bytes).sum();
        let count = |kind: LayerKind| config.layers.iter().filter(|k| **k == kind).count();
        let growing = match options.max_kv_size {
            None => count(LayerKind::Full),
            Some(_) => 0,
        };
        let head_bytes = match options.packing(config)? {
            None => config.head_dim * self.dtype.size(),
            Some((affine, _)) => {
                let groups = config.head_dim / affine.group as usize;
                affine.words(config.head_dim) * 4 + 2 * groups * self.dtype.size()
            }
        };
        let state = config.gated_delta.map_or(0, |g| {
            let channels = 2 * g.key_heads * g.key_head_dim + g.value_heads * g.value_head_dim;
            let conv = (g.conv_kernel - 1) * channels * self.dtype.size();
            conv + g.value_heads * g.value_head_dim * g.key_head_dim * Dtype::F32.size()
        });
        Ok(Info {
            parameters,
            bytes,
            bits_per_weight: 8.0 * bytes as f64 / parameters.max(1) as f64,
            active_parameters: active,
            bytes_per_decoded_token: moved,
            kv_bytes_per_token: growing * 2 * config.kv_heads * head_bytes,
            state_bytes: count(LayerKind::Linear) * state,
            tensors,
        })
    }
}

fn describe(name: &str, parameter: Parameter<'_>) -> TensorInfo {
    let (shape, stored_as) = match parameter {
        Parameter::Array(a) | Parameter::Matrix(Matrix::Float(a)) => {
            (a.shape().clone(), a.dtype().to_string())
        }
        Parameter::Matrix(m @ Matrix::Quantized(q)) => (
            m.shape(),
            format!(
                "{} bits in groups of {}",
                q.quantization.bits, q.quantization.group
            ),
        ),
    };
    TensorInfo {
        name: name.to_owned(),
        shape: shape.to_vec(),
        stored_as,
        parameters: parameter.count(),
        bytes: parameter.bytes(),
    }
}
