//! What the layers of a model are made of: kinds of mixers, experts, gated delta nets.

use super::error::{Error, Result};
use super::family::{Renormalise, Row, Sliding};
use super::fields::Fields;
use super::{MAX_HEADS, MAX_LAYERS, MAX_POSITIONS, MAX_WIDTH};

/// How a layer mixes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerKind {
    /// Attention to all earlier tokens.
    Full,
    /// Attention to the last `sliding_window` tokens, the token itself included.
    Sliding,
    /// Gated delta net: linear attention with a state of fixed size.
    Linear,
}

impl LayerKind {
    const ALL: [LayerKind; 3] = [Self::Full, Self::Sliding, Self::Linear];

    /// The name in `layer_types`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full_attention",
            Self::Sliding => "sliding_attention",
            Self::Linear => "linear_attention",
        }
    }
}

/// Mixture of experts.
#[derive(Debug, Clone, PartialEq)]
pub struct Moe {
    /// Routed experts of a layer.
    pub experts: usize,
    /// Experts that a token uses.
    pub top_k: usize,
    /// Whether the weights of the chosen experts are divided by their sum.
    pub norm_topk_prob: bool,
    /// Hidden width of a routed expert.
    pub intermediate: usize,
    /// Hidden width of the shared expert, where the family has one.
    pub shared_intermediate: Option<usize>,
    /// Every so many layers have experts: those with `(index + 1) % step == 0`.
    pub decoder_sparse_step: usize,
    /// Layers that are dense all the same.
    pub mlp_only_layers: Vec<usize>,
}

impl Moe {
    /// Whether the layer has experts in place of one dense MLP.
    pub fn has_layer(&self, layer: usize) -> bool {
        (layer + 1).is_multiple_of(self.decoder_sparse_step)
            && !self.mlp_only_layers.contains(&layer)
    }

    pub(super) fn read(text: &Fields<'_>, row: &Row, layers: usize) -> Result<Option<Self>> {
        let Some(renormalise) = row.experts else {
            return Ok(None);
        };
        let experts = text.required_size("num_experts", 0..=MAX_WIDTH)?;
        if experts == 0 {
            return Ok(None); // published as the dense form of the family
        }
        let mlp_only_layers = text
            .sizes("mlp_only_layers", 0..=layers - 1)?
            .unwrap_or_default();
        let shared_intermediate = match row.hybrid {
            true => Some(text.required_size("shared_expert_intermediate_size", 1..=MAX_WIDTH)?),
            false => None,
        };
        Ok(Some(Moe {
            experts,
            top_k: text.required_size("num_experts_per_tok", 1..=experts)?,
            norm_topk_prob: match renormalise {
                Renormalise::Always => true,
                Renormalise::Key(usual) => text.flag("norm_topk_prob")?.unwrap_or(usual),
            },
            intermediate: text.required_size("moe_intermediate_size", 1..=MAX_WIDTH)?,
            shared_intermediate,
            decoder_sparse_step: text
                .size("decoder_sparse_step", 1..=MAX_LAYERS)?
                .unwrap_or(1),
            mlp_only_layers,
        }))
    }
}

/// Shape of the gated delta nets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatedDelta {
    /// Heads of queries and keys; divides `value_heads`.
    pub key_heads: usize,
    /// Heads of values; value head `h` reads key head `h / (value_heads / key_heads)`.
    pub value_heads: usize,
    /// Channels of a query or key head.
    pub key_head_dim: usize,
    /// Channels of a value head.
    pub value_head_dim: usize,
    /// Taps of the causal convolution.
    pub conv_kernel: usize,
}

impl GatedDelta {
    pub(super) fn read(text: &Fields<'_>) -> Result<Self> {
        let key_heads = text.required_size("linear_num_key_heads", 1..=MAX_HEADS)?;
        let value_heads = text.required_size("linear_num_value_heads", 1..=MAX_HEADS)?;
        if !value_heads.is_multiple_of(key_heads) {
            let expected = format!("a multiple of linear_num_key_heads ({key_heads})");
            return Err(text.refuse("linear_num_value_heads", expected));
        }
        Ok(GatedDelta {
            key_heads,
            value_heads,
            key_head_dim: text.required_size("linear_key_head_dim", 1..=1024)?,
            value_head_dim: text.required_size("linear_value_head_dim", 1..=1024)?,
            conv_kernel: text.required_size("linear_conv_kernel_dim", 2..=64)?,
        })
    }
}

/// The window that some layers may have.
pub(super) fn sliding_window(text: &Fields<'_>, row: &Row) -> Result<Option<usize>> {
    let used = match row.sliding {
        Sliding::Never | Sliding::All => true,
        Sliding::AllIfUsed | Sliding::UpperIfUsed => {
            text.flag("use_sliding_window")?.unwrap_or(false)
        }
    };
    if row.hybrid || !used {
        return Ok(None);
    }
    text.size("sliding_window", 1..=MAX_POSITIONS)
}

/// The kind of each layer: as `layer_types` lists them, else by the family's rule.
pub(super) fn kinds(
    text: &Fields<'_>,
    row: &Row,
    layers: usize,
    window: Option<usize>,
) -> Result<Vec<LayerKind>> {
    if let Some(list) = text.list("layer_types")? {
        return listed(text, list, row, layers, window);
    }
    if row.hybrid {
        let interval = text
            .size("full_attention_interval", 1..=MAX_LAYERS)?
            .unwrap_or(4);
        let kind = |i: usize| match (i + 1).is_multiple_of(interval) {
            true => LayerKind::Full,
            false => LayerKind::Linear,
        };
        return Ok((0..layers).map(kind).collect());
    }
    let first_sliding = match (window, row.sliding) {
        (None, _) | (_, Sliding::Never) => layers,
        (Some(_), Sliding::All | Sliding::AllIfUsed) => 0,
        (Some(_), Sliding::UpperIfUsed) => {
            text.required_size("max_window_layers", 0..=MAX_LAYERS)?
        }
    };
    let kind = |i: usize| match i < first_sliding {
        true => LayerKind::Full,
        false => LayerKind::Sliding,
    };
    Ok((0..layers).map(kind).collect())
}

fn listed(
    text: &Fields<'_>,
    list: &[serde_json::Value],
    row: &Row,
    layers: usize,
    window: Option<usize>,
) -> Result<Vec<LayerKind>> {
    if list.len() != layers {
        return Err(Error::Value {
            key: text.path("layer_types"),
            value: format!("a list of {}", list.len()),
            expected: format!("a list of num_hidden_layers ({layers})"),
        });
    }
    let allowed: &[LayerKind] = match (row.hybrid, window) {
        (true, _) => &[LayerKind::Full, LayerKind::Linear],
        (false, Some(_)) => &[LayerKind::Full, LayerKind::Sliding],
        (false, None) => &[LayerKind::Full],
    };
    list.iter()
        .enumerate()
        .map(|(i, value)| {
            let named = |kind: &LayerKind| value.as_str() == Some(kind.name());
            let kind = LayerKind::ALL.into_iter().find(|kind| named(kind));
            kind.filter(|kind| allowed.contains(kind)).ok_or_else(|| {
                let names: Vec<&str> = allowed.iter().map(|kind| kind.name()).collect();
                let mut expected = names.join(" or ");
                if kind == Some(LayerKind::Sliding) && !row.hybrid {
                    expected.push_str(" (no sliding_window is in use)");
                }
                Error::value(text.path(&format!("layer_types[{i}]")), value, expected)
            })
        })
        .collect()
}
