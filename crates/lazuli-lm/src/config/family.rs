//! The model families, as data.
//!
//! Families that differ in biases, norms or windows are rows of one table, not code: a new one that
//! is made of the same blocks is a new row. What a row says is what the reference implementation
//! (transformers) does when the config is silent, or whatever the config says.

use std::fmt;

/// A model family: one arrangement of the shared blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Llama 3 and whatever has its shape.
    Llama,
    /// Mistral 7B: Llama with a sliding window in every layer.
    Mistral,
    /// Qwen2 and 2.5: Llama with biases on queries, keys and values.
    Qwen2,
    /// Qwen3: norms on queries and keys, explicit `head_dim`.
    Qwen3,
    /// Qwen3 with experts.
    Qwen3Moe,
    /// Gated delta layers and gated attention, with experts; projections interleaved per key head.
    Qwen3Next,
    /// Qwen3.5: gated delta layers and gated attention, dense.
    Qwen3_5,
    /// Qwen3.5 with experts.
    Qwen3_5Moe,
}

/// Which projections of attention have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttentionBias {
    /// All four, if `attention_bias` says so.
    Key,
    /// Queries, keys and values, always.
    Qkv,
    None,
}

/// Which layers have a sliding window when `layer_types` does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sliding {
    /// None, even if the config gives a window.
    Never,
    /// All, if the config gives a window.
    All,
    /// All, if `use_sliding_window`.
    AllIfUsed,
    /// Those from `max_window_layers` on, if `use_sliding_window`.
    UpperIfUsed,
}

/// Whether the weights of the chosen experts are divided by their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renormalise {
    /// `norm_topk_prob`, with this default.
    Key(bool),
    Always,
}

/// How a family differs from the others.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) family: Family,
    /// `model_type`s; the first is the family's name.
    pub(super) model_types: &'static [&'static str],
    pub(super) attention_bias: AttentionBias,
    /// Whether `mlp_bias` is read.
    pub(super) mlp_bias: bool,
    pub(super) qk_norm: bool,
    pub(super) sliding: Sliding,
    pub(super) experts: Option<Renormalise>,
    /// Gated delta layers, gated attention, norms stored minus one, a quarter of each head rotated.
    pub(super) hybrid: bool,
}

const PLAIN: Row = Row {
    family: Family::Llama,
    model_types: &["llama"],
    attention_bias: AttentionBias::Key,
    mlp_bias: false,
    qk_norm: false,
    sliding: Sliding::Never,
    experts: None,
    hybrid: false,
};

const ROWS: [Row; 8] = [
    Row {
        mlp_bias: true,
        ..PLAIN
    },
    Row {
        family: Family::Mistral,
        model_types: &["mistral"],
        attention_bias: AttentionBias::None,
        sliding: Sliding::All,
        ..PLAIN
    },
    Row {
        family: Family::Qwen2,
        model_types: &["qwen2"],
        attention_bias: AttentionBias::Qkv,
        sliding: Sliding::UpperIfUsed,
        ..PLAIN
    },
    Row {
        family: Family::Qwen3,
        model_types: &["qwen3"],
        qk_norm: true,
        sliding: Sliding::UpperIfUsed,
        ..PLAIN
    },
    Row {
        family: Family::Qwen3Moe,
        model_types: &["qwen3_moe"],
        qk_norm: true,
        sliding: Sliding::AllIfUsed,
        experts: Some(Renormalise::Key(false)),
        ..PLAIN
    },
    Row {
        family: Family::Qwen3Next,
        model_types: &["qwen3_next"],
        qk_norm: true,
        experts: Some(Renormalise::Key(true)),
        hybrid: true,
        ..PLAIN
    },
    Row {
        family: Family::Qwen3_5,
        model_types: &["qwen3_5", "qwen3_5_text"],
        qk_norm: true,
        hybrid: true,
        ..PLAIN
    },
    Row {
        family: Family::Qwen3_5Moe,
        model_types: &["qwen3_5_moe", "qwen3_5_moe_text"],
        qk_norm: true,
        experts: Some(Renormalise::Always),
        hybrid: true,
        ..PLAIN
    },
];

impl Row {
    pub(super) fn of(model_type: &str) -> Option<&'static Row> {
        ROWS.iter()
            .find(|row| row.model_types.contains(&model_type))
    }

    fn name(&self) -> &'static str {
        self.model_types.first().copied().unwrap_or_default()
    }
}

impl Family {
    /// The family of a `model_type`, which may be an alias.
    pub fn from_model_type(model_type: &str) -> Option<Family> {
        Row::of(model_type).map(|row| row.family)
    }

    /// The family's own `model_type`.
    pub fn name(self) -> &'static str {
        ROWS.iter()
            .find(|row| row.family == self)
            .map_or("", Row::name)
    }

    /// All families, in alphabetical order of their names.
    pub fn all() -> Vec<Family> {
        let mut all: Vec<Family> = ROWS.iter().map(|row| row.family).collect();
        all.sort_by_key(|family| family.name());
        all
    }

    /// The names of all families, as an error lists them.
    pub(super) fn names() -> String {
        let names: Vec<&str> = Family::all().into_iter().map(Family::name).collect();
        names.join(", ")
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
