//! What checkpoints call things.
//!
//! Canonical names are `model.…` and `lm_head`. Checkpoints that hold a language model as one part of
//! something larger put it under a prefix, in one of several orders; the prefix is found once, by the
//! embedding, which every model has.

use lazuli_io::safetensors::Checkpoint;

/// Prefixes that stand for `model.`.
const TRUNKS: [&str; 5] = [
    "model.",
    "language_model.model.",
    "model.language_model.",
    "language_model.",
    "",
];
pub(crate) const HEADS: [&str; 3] = ["lm_head", "language_model.lm_head", "model.lm_head"];
/// Parts of a multimodal model that are not its language model.
const OTHER_PARTS: [&str; 6] = [
    "visual.",
    "vision_tower.",
    "vision_model.",
    "audio_tower.",
    "multi_modal_projector.",
    "embed_vision.",
];

/// How the experts of a layer are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExpertLayout {
    /// `mlp.switch_mlp.gate_proj.weight [e, i, h]`.
    Stacked,
    /// `mlp.experts.gate_up_proj [e, 2i, h]`.
    Fused,
    /// `mlp.experts.7.gate_proj.weight [i, h]`.
    Split,
}

/// The names of one checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    trunk: &'static str,
    head: &'static str,
    /// Layout of the experts in all layers.
    pub(crate) experts: ExpertLayout,
    /// Whether the tensors are as published, rather than as MLX's conversion leaves them.
    pub(crate) raw: bool,
}

impl Names {
    pub(crate) fn of(checkpoint: &Checkpoint) -> Names {
        let holds = |name: String| checkpoint.get(&name).is_some();
        let trunk = TRUNKS
            .into_iter()
            .find(|trunk| holds(format!("{trunk}embed_tokens.weight")))
            .unwrap_or(TRUNKS[0]);
        let head = HEADS
            .into_iter()
            .find(|head| holds(format!("{head}.weight")))
            .unwrap_or(HEADS[0]);
        let layers = format!("{trunk}layers.");
        let of_trunk = || {
            checkpoint
                .iter()
                .filter(|(name, _)| name.starts_with(&layers))
        };
        let experts = if of_trunk().any(|(name, _)| name.contains(".switch_mlp.")) {
            ExpertLayout::Stacked
        } else if of_trunk().any(|(name, _)| name.ends_with(".experts.gate_up_proj")) {
            ExpertLayout::Fused
        } else {
            ExpertLayout::Split
        };
        // MLX's conversion moves the taps of a convolution in front of its single input channel, and
        // adds 1 to centred norms in the same breath: so where there is a convolution it tells.
        let mut convolutions = of_trunk()
            .filter(|(name, _)| name.ends_with("conv1d.weight"))
            .peekable();
        let raw = match convolutions.peek() {
            Some(_) => convolutions.any(|(_, tensor)| tensor.shape.last() != Some(&1)),
            None => checkpoint.metadata().get("format").map(String::as_str) != Some("mlx"),
        };
        Names {
            trunk,
            head,
            experts,
            raw,
        }
    }

    /// The checkpoint's name for a canonical one.
    pub(crate) fn actual(&self, canonical: &str) -> String {
        if let Some(rest) = canonical.strip_prefix("model.") {
            return format!("{}{rest}", self.trunk);
        }
        match canonical.strip_prefix("lm_head") {
            Some(rest) => format!("{}{rest}", self.head),
            None => canonical.to_owned(),
        }
    }

    /// The canonical name for one of the checkpoint's trunk.
    pub(crate) fn of_trunk(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(self.trunk)?;
        Some(format!("model.{rest}"))
    }

    /// Whether a tensor that the model did not ask for may be there all the same.
    pub(crate) fn may_be_there(&self, name: &str, nested: bool, tied: bool) -> bool {
        name.ends_with("rotary_emb.inv_freq")
            || under(name, "mtp.").is_some()
            || (nested && is_other_part(name))
            || (tied
                && HEADS
                    .iter()
                    .any(|head| name.starts_with(&format!("{head}."))))
    }
}

/// What follows `part` in the name of a tensor of that part of a model.
pub(crate) fn under<'n>(name: &'n str, part: &str) -> Option<&'n str> {
    ["", "model.", "language_model."]
        .iter()
        .find_map(|outer| name.strip_prefix(outer)?.strip_prefix(part))
}

/// Whether a tensor belongs to a part of a multimodal model that is not its language model.
pub(crate) fn is_other_part(name: &str) -> bool {
    OTHER_PARTS.iter().any(|part| under(name, part).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(trunk: &'static str) -> Names {
        Names {
            trunk,
            head: "lm_head",
            experts: ExpertLayout::Split,
            raw: true,
        }
    }

    #[test]
    fn canonical_names_get_the_checkpoints_prefix() {
        let names = names("model.language_model.");
        let actual = names.actual("model.layers.3.mlp.gate.weight");
        assert_eq!(actual, "model.language_model.layers.3.mlp.gate.weight");
        assert_eq!(names.actual("lm_head.weight"), "lm_head.weight");
    }

    #[test]
    fn only_known_strangers_may_be_there() {
        let names = names("model.");
        for (name, nested, tied, may) in [
            (
                "model.layers.0.self_attn.rotary_emb.inv_freq",
                false,
                false,
                true,
            ),
            ("mtp.layers.0.mlp.gate.weight", false, false, true),
            ("language_model.mtp.fc.weight", true, false, true),
            ("model.visual.blocks.0.attn.qkv.weight", true, false, true),
            ("vision_tower.blocks.0.attn.qkv.weight", true, false, true),
            ("model.visual.blocks.0.attn.qkv.weight", false, false, false),
            ("lm_head.weight", false, true, true),
            ("lm_head.scales", false, true, true),
            ("lm_head.weight", false, false, false),
            ("model.layers.0.self_attn.q_proj.bias", true, true, false),
        ] {
            assert_eq!(names.may_be_there(name, nested, tied), may, "{name}");
        }
    }
}
