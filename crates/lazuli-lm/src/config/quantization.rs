//! The quantization block of an MLX-format model.
//!
//! One setting for all, and exceptions by module path: `false` for a module that stays plain, or
//! settings of its own. The block stands under `quantization`, and for the hub again under
//! `quantization_config`, which other tools use for formats of theirs: those are refused by name.

use std::collections::BTreeMap;

pub use lazuli_core::ops::quantized::Mode as QuantizationMode;
use serde_json::Value;

use super::error::{Error, Result, shorten};
use super::fields::Fields;

/// Storage of one module's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuantizedWeights {
    /// Consecutive weights that share a scale.
    pub group_size: usize,
    /// Bits of one weight.
    pub bits: usize,
    /// How they are stored.
    pub mode: QuantizationMode,
}

/// The quantization of a model's weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantization {
    /// For every quantized module without a setting of its own.
    pub default: QuantizedWeights,
    /// By full module path (`model.layers.3.mlp.gate`); none for a module that stays plain.
    pub overrides: BTreeMap<String, Option<QuantizedWeights>>,
}

impl Quantization {
    /// The setting of a module; none if it stays plain. A module without a setting of its own is
    /// quantized only if the checkpoint also holds scales for it.
    pub fn of(&self, module: &str) -> Option<QuantizedWeights> {
        match self.overrides.get(module) {
            Some(own) => *own,
            None => Some(self.default),
        }
    }

    pub(super) fn read(config: &Fields<'_>) -> Result<Option<Self>> {
        if let Some(block) = config.object("quantization")? {
            return Self::read_block(&block).map(Some);
        }
        let Some(block) = config.object("quantization_config")? else {
            return Ok(None);
        };
        if block.get("quant_method").is_some() || block.get("group_size").is_none() {
            let expected = "absent, or settings as MLX writes them (group_size, bits, mode): \
                            convert the unquantized model instead";
            return Err(match block.get("quant_method") {
                Some(_) => block.refuse("quant_method", expected),
                None => config.refuse("quantization_config", expected),
            });
        }
        Self::read_block(&block).map(Some)
    }

    fn read_block(block: &Fields<'_>) -> Result<Self> {
        let mut overrides = BTreeMap::new();
        let default = QuantizedWeights::read(block)?;
        for (path, value) in block.iter() {
            let own = match value {
                Value::Bool(false) => None,
                Value::Bool(true) => Some(default),
                Value::Object(_) => match block.object(path)? {
                    Some(own) => Some(QuantizedWeights::read(&own)?),
                    None => continue,
                },
                // Settings of the block itself, and notes that tools leave.
                _ => continue,
            };
            overrides.insert(path.clone(), own);
        }
        Ok(Quantization { default, overrides })
    }
}

impl QuantizedWeights {
    fn read(fields: &Fields<'_>) -> Result<Self> {
        let mode = match fields.text("mode")? {
            None => QuantizationMode::Affine,
            Some(name) => QuantizationMode::from_name(name).ok_or_else(|| {
                let names = QuantizationMode::ALL.map(QuantizationMode::name).join(", ");
                fields.refuse("mode", format_args!("one of {names}"))
            })?,
        };
        let (usual_bits, usual_group) = mode.usual();
        let group_size = fields.size("group_size", 1..=1024)?.unwrap_or(usual_group);
        let bits = fields.size("bits", 1..=32)?.unwrap_or(usual_bits);
        for (key, value, allowed) in [
            ("group_size", group_size, mode.groups()),
            ("bits", bits, mode.bits()),
        ] {
            if !allowed.contains(&value) {
                return Err(Error::Value {
                    key: shorten(&fields.path(key)),
                    value: value.to_string(),
                    expected: format!("{} in mode {mode}", one_of(allowed)),
                });
            }
        }
        Ok(QuantizedWeights {
            group_size,
            bits,
            mode,
        })
    }
}

fn one_of(allowed: &[usize]) -> String {
    let names: Vec<String> = allowed.iter().map(usize::to_string).collect();
    names.join(" or ")
}
