//! From a checkpoint's names to those of MLX's conversion.
//!
//! Names are brought to one canonical form first (`model.…`, `lm_head`, `mtp.…`); rules are written
//! against that. The families that mlx-lm reads as a part of a multimodal model get its prefix.

use lazuli_io::safetensors::Checkpoint;

use crate::config::{Config, Family};
use crate::weights::names::{self, HEADS, is_other_part, under};

/// Whether a canonical or converted name is of the MTP layers.
pub(super) fn is_mtp(name: &str) -> bool {
    name.starts_with("mtp.")
}

/// What a checkpoint's name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// A tensor or a module of the language model, by its canonical name.
    Ours(String),
    /// Not needed: vision, precomputed rotations, a head that is the embedding.
    Dropped,
    Unknown,
}

/// The names of one checkpoint and of its conversion.
pub(super) struct Names {
    stored: names::Names,
    nested: bool,
    tied: bool,
    /// What goes before `model.` and `lm_head` in the conversion.
    prefix: &'static str,
}

impl Names {
    pub(super) fn of(checkpoint: &Checkpoint, config: &Config) -> Names {
        Names {
            stored: names::Names::of(checkpoint),
            nested: config.nested,
            tied: config.tie_word_embeddings,
            prefix: match config.family {
                Family::Qwen3_5 | Family::Qwen3_5Moe => "language_model.",
                _ => "",
            },
        }
    }

    /// Whether tensors are as published, rather than as MLX's conversion leaves them.
    pub(super) fn raw(&self) -> bool {
        self.stored.raw
    }

    /// What a tensor's name, or a module's path, stands for.
    pub(super) fn meaning(&self, name: &str) -> Meaning {
        if name.ends_with("rotary_emb.inv_freq") || (self.nested && is_other_part(name)) {
            return Meaning::Dropped;
        }
        if let Some(rest) = under(name, "mtp.") {
            return Meaning::Ours(format!("mtp.{rest}"));
        }
        let part = |rest: &&str| rest.is_empty() || rest.starts_with('.');
        let head = (HEADS.iter()).find_map(|head| name.strip_prefix(head).filter(part));
        match (head, self.tied) {
            (Some(_), true) => Meaning::Dropped,
            (Some(rest), false) => Meaning::Ours(format!("lm_head{rest}")),
            (None, _) => match self.stored.of_trunk(name) {
                Some(canonical) => Meaning::Ours(canonical),
                None => Meaning::Unknown,
            },
        }
    }

    /// The conversion's name for a canonical one.
    pub(super) fn converted(&self, canonical: &str) -> String {
        match is_mtp(canonical) {
            true => canonical.to_owned(),
            false => format!("{}{canonical}", self.prefix),
        }
    }
}
