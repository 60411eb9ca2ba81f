//! Which weights are stored how.
//!
//! Matrices and tables whose rows are whole groups are quantized; routers, whose errors choose other
//! experts, get 8 bits in groups of 64 whatever the rest gets, as in mlx-lm.

use lazuli_core::ops::quantized::Affine;

use super::names::is_mtp;

/// The form of a converted model's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// As they are, quantized or not.
    #[default]
    Keep,
    /// Quantized, all alike but routers.
    Quantize(Affine),
    /// Quantized, with more bits where they matter most.
    Mixed {
        /// How many bits, and where.
        recipe: Recipe,
        /// Weights that share a scale: 32, 64 or 128.
        group: usize,
    },
    /// Quantized weights turned back into floats.
    Dequantize,
}

/// A mixture of two widths. The wider one goes to the head, and to values and down projections in the
/// first and last eighth of the layers and in every third one between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipe {
    /// 2 and 6 bits.
    Mixed2_6,
    /// 3 and 4 bits.
    Mixed3_4,
    /// 3 and 6 bits.
    Mixed3_6,
    /// 4 and 6 bits.
    Mixed4_6,
}

impl Recipe {
    /// All recipes.
    pub const ALL: [Recipe; 4] = [
        Recipe::Mixed2_6,
        Recipe::Mixed3_4,
        Recipe::Mixed3_6,
        Recipe::Mixed4_6,
    ];

    /// The name, as mlx-lm calls it: `mixed_3_6`.
    pub fn name(self) -> &'static str {
        match self {
            Recipe::Mixed2_6 => "mixed_2_6",
            Recipe::Mixed3_4 => "mixed_3_4",
            Recipe::Mixed3_6 => "mixed_3_6",
            Recipe::Mixed4_6 => "mixed_4_6",
        }
    }

    /// The smaller and the larger number of bits.
    pub fn bits(self) -> (usize, usize) {
        match self {
            Recipe::Mixed2_6 => (2, 6),
            Recipe::Mixed3_4 => (3, 4),
            Recipe::Mixed3_6 => (3, 6),
            Recipe::Mixed4_6 => (4, 6),
        }
    }
}

impl Weights {
    /// The format of a model whose modules have no other; none when nothing is quantized.
    pub(super) fn default_format(self) -> lazuli_core::Result<Option<Affine>> {
        match self {
            Weights::Quantize(affine) => {
                Affine::new(affine.bits.into(), affine.group.into()).map(Some)
            }
            Weights::Mixed { recipe, group } => Affine::new(recipe.bits().0, group).map(Some),
            Weights::Keep | Weights::Dequantize => Ok(None),
        }
    }

    /// The format of the module of this canonical path, whose rows have `k` numbers, in a model of
    /// `layers` layers; none when it stays plain.
    pub(super) fn format(
        self,
        path: &str,
        k: usize,
        layers: usize,
    ) -> lazuli_core::Result<Option<Affine>> {
        let Some(usual) = self.default_format()? else {
            return Ok(None);
        };
        let fits = |affine: &Affine| k > 0 && k.is_multiple_of(affine.group.into());
        if !fits(&usual) {
            return Ok(None);
        }
        if path.ends_with(".mlp.gate") || path.ends_with(".shared_expert_gate") {
            return Ok(Some(Affine::new(8, 64)?).filter(fits));
        }
        Ok(Some(match self {
            Weights::Mixed { recipe, group } if is_wide(path, layers) => {
                Affine::new(recipe.bits().1, group)?
            }
            _ => usual,
        }))
    }
}

/// Whether a recipe gives the module its larger number of bits. MTP layers count as the last ones.
fn is_wide(path: &str, layers: usize) -> bool {
    if path == "lm_head" {
        return true;
    }
    if !path.ends_with(".v_proj") && !path.ends_with(".down_proj") {
        return false;
    }
    let eighth = layers / 8;
    let number = path.split('.').find_map(|part| part.parse::<usize>().ok());
    match number.filter(|_| !is_mtp(path)) {
        None => true,
        Some(i) => i < eighth || i >= 7 * layers / 8 || (i - eighth) % 3 == 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wider_bits_go_where_mlx_lm_puts_them() {
        // The rule as mlx-lm states it, evaluated in Python; tests/round_trip compares whole models.
        let wide = |layers: usize| -> Vec<usize> {
            let path = |i| format!("model.layers.{i}.mlp.switch_mlp.down_proj");
            (0..layers).filter(|&i| is_wide(&path(i), layers)).collect()
        };
        assert_eq!(wide(12), [0, 3, 6, 9, 10, 11]);
        assert_eq!(
            wide(40),
            [
                0, 1, 2, 3, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34, 35, 36, 37, 38, 39
            ]
        );
        assert!(is_wide("lm_head", 12));
        assert!(is_wide("mtp.layers.0.self_attn.v_proj", 12));
        assert!(!is_wide("model.embed_tokens", 12));
        assert!(!is_wide("model.layers.0.self_attn.q_proj", 12));
    }

    #[test]
    fn rows_that_are_not_whole_groups_stay_plain_and_routers_get_eight_bits() {
        let four = Weights::Quantize(Affine::new(4, 32).unwrap());
        let of = |path: &str, k| four.format(path, k, 4).unwrap().map(|a| (a.bits, a.group));
        assert_eq!(of("model.layers.0.self_attn.q_proj", 96), Some((4, 32)));
        assert_eq!(of("model.layers.0.self_attn.q_proj", 48), None);
        assert_eq!(of("model.layers.0.mlp.gate", 128), Some((8, 64)));
        assert_eq!(
            of("model.layers.0.mlp.shared_expert_gate", 128),
            Some((8, 64))
        );
        assert_eq!(of("model.layers.0.mlp.gate_proj", 128), Some((4, 32)));
        assert_eq!(
            of("model.layers.0.mlp.gate", 96),
            None,
            "96 is not in groups of 64"
        );
    }
}
