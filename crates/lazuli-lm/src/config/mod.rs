//! A model folder's `config.json`, read into one typed [`Config`] that fits every family.
//!
//! Everything that a model is built from is decided and checked here: what follows never meets a zero
//! head count, a product that overflows, or a key under another name. Flat configs and those that nest
//! the language model under `text_config` give the same result. Where a config is silent, the reference
//! (transformers) decides. Not chosen: one serde struct per family, whose errors name no remedy and
//! whose defaults hide in attributes.

mod error;
mod family;
mod fields;
mod layers;
mod quantization;
pub mod rope;
mod rope_config;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use lazuli_core::Dtype;
use serde_json::Value;

pub(crate) use error::shorten;
pub use error::{Error, Result};
pub use family::Family;
pub use layers::{GatedDelta, LayerKind, Moe};
pub use quantization::{Quantization, QuantizationMode, QuantizedWeights};
pub use rope::{Rope, RopeFrequencies, RopeKind};

use family::{AttentionBias, Row};
use fields::Fields;

/// A config.json is a few kilobytes, or some hundred with an override per expert.
const MAX_BYTES: u64 = 16 << 20;
const MAX_LAYERS: usize = 1024;
const MAX_HEADS: usize = 1024;
const MAX_WIDTH: usize = 1 << 20;
const MAX_VOCAB: usize = 1 << 24;
const MAX_POSITIONS: usize = 1 << 28;

/// Everything that a language model's config says about its shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The family.
    pub family: Family,
    /// Whether the language model was nested under `text_config`, one part of a larger model.
    pub nested: bool,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Kind of each layer; as many as the model has layers.
    pub layers: Vec<LayerKind>,
    /// Query heads; a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Channels of an attention head.
    pub head_dim: usize,
    /// Hidden width of a dense MLP; none if no layer has one.
    pub intermediate: Option<usize>,
    /// Tokens of the vocabulary: rows of the embedding.
    pub vocab: usize,
    /// Added to the mean of squares in every RMS norm.
    pub rms_norm_eps: f64,
    /// Whether checkpoints as published store the weights of centred norms: the norm multiplies by
    /// `1 + w`. Applies to all norms but the gated one inside a gated delta net.
    pub centred_norms: bool,
    /// Whether the head is the embedding.
    pub tie_word_embeddings: bool,
    /// Longest sequence that the model is configured for.
    pub max_positions: usize,
    /// Bias on queries, keys and values.
    pub qkv_bias: bool,
    /// Bias on attention's output projection.
    pub o_bias: bool,
    /// Bias on the three projections of a dense MLP.
    pub mlp_bias: bool,
    /// RMS norms on each query and key head, before rope.
    pub qk_norm: bool,
    /// Whether queries come with a gate, per head `[query | gate]`, whose sigmoid multiplies the output.
    pub attn_output_gate: bool,
    /// Tokens that a [`LayerKind::Sliding`] layer attends to; some iff there is such a layer.
    pub sliding_window: Option<usize>,
    /// Rotary embedding of the attention layers.
    pub rope: Rope,
    /// Experts, in the layers that [`Moe::has_layer`] says.
    pub moe: Option<Moe>,
    /// Shape of the [`LayerKind::Linear`] layers; some iff there is such a layer.
    pub gated_delta: Option<GatedDelta>,
    /// Multi-token-prediction layers after the trunk.
    pub mtp_layers: usize,
    /// How weights are quantized.
    pub quantization: Option<Quantization>,
    /// The dtype that the model was published in.
    pub dtype: Option<Dtype>,
}

impl Config {
    /// Reads `config.json` in a model folder.
    ///
    /// # Errors
    /// [`Error::File`] with the file's path and what is wrong.
    pub fn read(folder: &Path) -> Result<Config> {
        let path = folder.join("config.json");
        read_bounded(&path)
            .and_then(|bytes| Config::parse(&bytes))
            .map_err(|error| Error::File {
                path: path.display().to_string(),
                error: Box::new(error),
            })
    }

    /// Reads the bytes of a `config.json`.
    ///
    /// # Errors
    /// One line that names the key, its value, and what would be right.
    pub fn parse(bytes: &[u8]) -> Result<Config> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| Error::Json(error.to_string()))?;
        let object = value
            .as_object()
            .ok_or_else(|| Error::Json("not an object".to_owned()))?;
        let root = Fields::root(object);
        let nested = root.object("text_config")?;
        let row = row(&root, nested.as_ref())?;
        Config::build(&root, nested.as_ref(), row)
    }

    /// Whether a layer has experts in place of one dense MLP.
    pub fn is_sparse(&self, layer: usize) -> bool {
        self.moe.as_ref().is_some_and(|moe| moe.has_layer(layer))
    }

    fn build(root: &Fields<'_>, nested: Option<&Fields<'_>>, row: &'static Row) -> Result<Config> {
        let text = nested.unwrap_or(root);
        if let Some(activation) = text.text("hidden_act")?
            && activation != "silu"
            && activation != "swish"
        {
            return Err(text.refuse("hidden_act", format_args!("silu in family {}", row.family)));
        }
        let hidden = text.required_size("hidden_size", 1..=MAX_WIDTH)?;
        let depth = text.required_size("num_hidden_layers", 1..=MAX_LAYERS)?;
        let heads = text.required_size("num_attention_heads", 1..=MAX_HEADS)?;
        let kv_heads = text
            .size("num_key_value_heads", 1..=MAX_HEADS)?
            .unwrap_or(heads);
        if !heads.is_multiple_of(kv_heads) {
            let expected = format!("a multiple of num_key_value_heads ({kv_heads})");
            return Err(text.refuse("num_attention_heads", expected));
        }
        let head_dim = match text.size("head_dim", 1..=1024)? {
            Some(dim) => dim,
            None if hidden.is_multiple_of(heads) && hidden / heads <= 1024 => hidden / heads,
            None => {
                let expected = format!(
                    "given: hidden_size ({hidden}) over num_attention_heads ({heads}) is not a whole number up to 1024"
                );
                return Err(text.refuse("head_dim", expected));
            }
        };
        let max_positions = text.required_size("max_position_embeddings", 1..=MAX_POSITIONS)?;

        let window = layers::sliding_window(text, row)?;
        let layers = layers::kinds(text, row, depth, window)?;
        let has = |kind: LayerKind| layers.contains(&kind);
        let gated_delta = match has(LayerKind::Linear) {
            true => Some(GatedDelta::read(text)?),
            false => None,
        };
        let moe = Moe::read(text, row, depth)?;
        let dense = |layer: usize| !moe.as_ref().is_some_and(|moe| moe.has_layer(layer));
        let intermediate = match (0..depth).any(dense) {
            true => Some(text.required_size("intermediate_size", 1..=MAX_WIDTH)?),
            false => None,
        };
        let usual_part = if row.hybrid { 0.25 } else { 1.0 };
        let rope = rope_config::read(text, head_dim, max_positions, usual_part)?;

        let bias_key = text.flag("attention_bias")?.unwrap_or(false);
        let mlp_bias = text.flag("mlp_bias")?.unwrap_or(false);
        Ok(Config {
            family: row.family,
            nested: nested.is_some(),
            hidden,
            sliding_window: window.filter(|_| has(LayerKind::Sliding)),
            layers,
            heads,
            kv_heads,
            head_dim,
            intermediate,
            vocab: text.required_size("vocab_size", 1..=MAX_VOCAB)?,
            rms_norm_eps: text.required_float("rms_norm_eps", 0.0..=0.1)?,
            centred_norms: row.hybrid,
            tie_word_embeddings: either(text, root, |f| f.flag("tie_word_embeddings"))?
                .unwrap_or(false),
            max_positions,
            qkv_bias: match row.attention_bias {
                AttentionBias::Key => bias_key,
                AttentionBias::Qkv => true,
                AttentionBias::None => false,
            },
            o_bias: row.attention_bias == AttentionBias::Key && bias_key,
            mlp_bias: row.mlp_bias && mlp_bias,
            qk_norm: row.qk_norm,
            attn_output_gate: row.hybrid && text.flag("attn_output_gate")?.unwrap_or(true),
            rope,
            moe,
            gated_delta,
            mtp_layers: mtp_layers(text)?,
            quantization: either(root, text, Quantization::read)?,
            dtype: either(text, root, dtype)?,
        })
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::Read(error.to_string());
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::Read(format!("more than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

/// The family's row, from `model_type` outside or inside; the two must agree.
fn row(root: &Fields<'_>, nested: Option<&Fields<'_>>) -> Result<&'static Row> {
    let expected = "a string that names the model's family";
    let outer = root.text("model_type")?;
    let inner = nested.map_or(Ok(None), |text| text.text("model_type"))?;
    let named = outer
        .or(inner)
        .ok_or_else(|| root.refuse("model_type", expected))?;
    let Some(row) = Row::of(named) else {
        return Err(match python_file(root) {
            Some(file) => Error::CustomCode {
                file,
                model_type: error::shorten(named),
            },
            None => Error::UnknownFamily(error::shorten(named)),
        });
    };
    if let (Some(text), Some(inner)) = (nested, inner)
        && Row::of(inner).map(|row| row.family) != Some(row.family)
    {
        let names = row.model_types.join(" or ");
        let expected = format!("{names}, as the model_type around it ({named}) says");
        return Err(text.refuse("model_type", expected));
    }
    Ok(row)
}

/// The Python file that `auto_map` names, preferably the model's: `modeling_foo.FooModel`.
fn python_file(root: &Fields<'_>) -> Option<String> {
    let map = root.get("auto_map")?.as_object()?;
    let class = ["AutoModelForCausalLM", "AutoModel", "AutoConfig"]
        .iter()
        .find_map(|key| map.get(*key))
        .or_else(|| map.values().next())?;
    let class = class
        .as_str()
        .or_else(|| class.as_array()?.first()?.as_str())?;
    let module = class.rsplit_once('.').map_or(class, |(module, _)| module);
    // `owner/repository--modeling_foo.FooModel` names a file of another repository.
    let module = module
        .rsplit_once("--")
        .map_or(module, |(_, module)| module);
    Some(error::shorten(&format!("{module}.py")))
}

/// What `read` finds in the first, else in the second; one object in a flat config.
fn either<T>(
    first: &Fields<'_>,
    second: &Fields<'_>,
    read: impl Fn(&Fields<'_>) -> Result<Option<T>>,
) -> Result<Option<T>> {
    match read(first)? {
        Some(found) => Ok(Some(found)),
        None => read(second),
    }
}

fn mtp_layers(text: &Fields<'_>) -> Result<usize> {
    for key in ["mtp_num_hidden_layers", "num_nextn_predict_layers"] {
        if let Some(layers) = text.size(key, 0..=64)? {
            return Ok(layers);
        }
    }
    Ok(0)
}

fn dtype(fields: &Fields<'_>) -> Result<Option<Dtype>> {
    for key in ["dtype", "torch_dtype"] {
        if let Some(name) = fields.text(key)? {
            return match name.strip_prefix("torch.").unwrap_or(name) {
                "bfloat16" => Ok(Some(Dtype::BF16)),
                "float16" => Ok(Some(Dtype::F16)),
                "float32" => Ok(Some(Dtype::F32)),
                "auto" => Ok(None),
                _ => Err(fields.refuse(key, "bfloat16, float16 or float32")),
            };
        }
    }
    Ok(None)
}
