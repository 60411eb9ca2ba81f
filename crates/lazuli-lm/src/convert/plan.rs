//! What becomes of each tensor, decided from names, dtypes and shapes alone.

use std::collections::{BTreeMap, HashMap};

use lazuli_core::Dtype;
use lazuli_core::ops::quantized::Affine;
use lazuli_io::safetensors::{Checkpoint, Tensor, TensorSpec};

use super::names::{Meaning, Names};
use super::{Conversion, Error, Report, Result, Weights};
use crate::config::{Config, QuantizationMode, QuantizedWeights};

/// A conversion's tensors in the order in which they are written.
pub(super) struct Plan {
    pub(super) items: Vec<Item>,
    /// Format of quantized modules, when the conversion quantizes.
    pub(super) default: Option<Affine>,
    /// Modules with a format of their own, by converted path.
    pub(super) overrides: BTreeMap<String, Affine>,
}

/// One tensor or matrix of the result.
pub(super) struct Item {
    /// The converted name; of a packed matrix, that of its words.
    pub(super) name: String,
    pub(super) input: Stored,
    pub(super) step: Step,
    parameters: u64,
}

/// What is done to the stored numbers.
pub(super) enum Step {
    /// Written in this dtype, plus 1 if `centred`.
    Store { dtype: Dtype, centred: bool },
    /// Quantized, from floats of this dtype.
    Pack { affine: Affine, dtype: Dtype },
    /// Dequantized to this dtype.
    Unpack {
        affine: Affine,
        dtype: Dtype,
        scales: Stored,
        biases: Stored,
    },
}

/// A tensor as the result arranges it, and the checkpoint's tensors that it is made of.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) pieces: Vec<Piece>,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: Dtype,
}

/// A tensor of the checkpoint, or half of one.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) tensor: String,
    /// Which half of the last axis but one, in each matrix of a stack.
    pub(super) half: Option<usize>,
}

/// Where a tensor of the checkpoint goes: under this canonical name, at this place of a stack, in halves.
struct Destination {
    name: String,
    expert: Option<usize>,
    half: Option<usize>,
}

impl Item {
    /// The tensors that are written for the item, in that order.
    pub(super) fn outputs(&self) -> Vec<TensorSpec> {
        let (name, shape) = (&self.name, &self.input.shape);
        match &self.step {
            Step::Store { dtype, .. } => vec![TensorSpec::new(name, *dtype, &shape[..])],
            Step::Pack { affine, dtype } => {
                let wide =
                    |last: fn(Affine, usize) -> usize| with_last(shape, |k| last(*affine, k));
                let groups = wide(|affine, k| k / usize::from(affine.group));
                vec![
                    TensorSpec::new(name, Dtype::U32, wide(Affine::words)),
                    TensorSpec::new(sibling(name, "scales"), *dtype, &groups[..]),
                    TensorSpec::new(sibling(name, "biases"), *dtype, groups),
                ]
            }
            Step::Unpack {
                affine,
                dtype,
                scales,
                ..
            } => {
                let shape = with_last(&scales.shape, |groups| groups * usize::from(affine.group));
                vec![TensorSpec::new(name, *dtype, shape)]
            }
        }
    }
}

impl Plan {
    pub(super) fn new(
        conversion: &Conversion,
        checkpoint: &Checkpoint,
        config: &Config,
        names: &Names,
    ) -> Result<Plan> {
        let mut stored = arrange(checkpoint, config, names)?;
        let packed: Vec<String> = stored
            .keys()
            .filter_map(|name| name.strip_suffix(".scales").map(str::to_owned))
            .collect();
        match conversion.weights {
            Weights::Quantize(_) | Weights::Mixed { .. } if !packed.is_empty() => {
                return Err(Error::Quantized);
            }
            Weights::Dequantize if packed.is_empty() => return Err(Error::NotQuantized),
            _ => {}
        }
        let layers = config.layers.len();
        let mut plan = Plan {
            items: Vec::new(),
            default: conversion.weights.default_format()?,
            overrides: BTreeMap::new(),
        };
        let wanted = conversion.dtype.or(config.dtype);
        let mut settings: HashMap<&str, QuantizedWeights> = HashMap::new();
        for path in &packed {
            settings.insert(path, setting(path, &stored, checkpoint, config)?);
        }
        if conversion.weights == Weights::Dequantize {
            for (path, setting) in &settings {
                let unpacked = unpack(path, *setting, wanted, &mut stored, names)?;
                plan.items.push(unpacked);
            }
        }
        for (name, input) in &stored {
            let dtype = match (wanted, is_float(input.dtype) && !name.ends_with(".A_log")) {
                (Some(wanted), true) => wanted,
                _ => input.dtype,
            };
            let converted = names.converted(name);
            let path = name.strip_suffix(".weight");
            let format = match path.filter(|_| is_matrix(name, &input.shape) && is_float(dtype)) {
                Some(path) => {
                    let k = input.shape.last().copied().unwrap_or(0);
                    conversion.weights.format(path, k, layers)?
                }
                None => None,
            };
            let elements: u64 = input.shape.iter().map(|&n| n as u64).product();
            let parameters = match (path.and_then(|p| settings.get(p)), name.rsplit_once('.')) {
                (Some(setting), _) => elements * 32 / setting.bits as u64,
                (_, Some((path, "scales" | "biases"))) if settings.contains_key(path) => 0,
                _ => elements,
            };
            if let (Some(affine), Some(path)) = (format, path)
                && format != plan.default
            {
                plan.overrides.insert(names.converted(path), affine);
            }
            plan.items.push(Item {
                name: converted,
                parameters,
                input: input.clone(),
                step: match format {
                    Some(affine) => Step::Pack { affine, dtype },
                    None => Step::Store {
                        dtype,
                        centred: config.centred_norms && names.raw() && is_centred(name, input),
                    },
                },
            });
        }
        plan.items.sort_by_cached_key(|item| natural(&item.name));
        Ok(plan)
    }

    pub(super) fn report(&self) -> Report {
        let outputs: Vec<TensorSpec> = self.items.iter().flat_map(Item::outputs).collect();
        let bytes = |spec: &TensorSpec| {
            let elements: u64 = spec.shape.iter().map(|&n| n as u64).product();
            elements * spec.dtype.size() as u64
        };
        Report {
            tensors: outputs.len(),
            bytes: outputs.iter().map(bytes).sum(),
            parameters: self.items.iter().map(|item| item.parameters).sum(),
        }
    }
}

/// The name of a packed matrix's other tensors.
pub(super) fn sibling(name: &str, suffix: &str) -> String {
    let path = name.strip_suffix(".weight").unwrap_or(name);
    format!("{path}.{suffix}")
}

fn with_last(shape: &[usize], change: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = change(*last);
    }
    shape
}

fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::BF16 | Dtype::F16)
}

/// Whether a float tensor is a matrix, a table or a stack of matrices, which can be quantized.
fn is_matrix(name: &str, shape: &[usize]) -> bool {
    shape.len() == 2 || (shape.len() == 3 && name.contains(".switch_mlp."))
}

/// Whether a tensor is the weight of a norm that families with centred norms publish minus 1: all but
/// the gated norm of a gated delta net.
fn is_centred(name: &str, input: &Stored) -> bool {
    input.shape.len() == 1
        && name.ends_with("norm.weight") | name.contains(".pre_fc_norm_")
        && !name.ends_with(".linear_attn.norm.weight")
}

/// Layers in the order of their numbers, not of their digits; scales and biases after their words.
fn natural(name: &str) -> (Vec<(usize, String)>, usize) {
    let (path, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    let part = |part: &str| match part.parse() {
        Ok(number) => (number, String::new()),
        Err(_) => (usize::MAX, part.to_owned()),
    };
    let leaves = ["weight", "scales", "biases"];
    match leaves.iter().position(|known| *known == leaf) {
        Some(rank) => (path.split('.').map(part).collect(), rank),
        None => (name.split('.').map(part).collect(), 0),
    }
}

/// The checkpoint's tensors by canonical name, arranged as MLX's conversion has them.
fn arrange(
    checkpoint: &Checkpoint,
    config: &Config,
    names: &Names,
) -> Result<BTreeMap<String, Stored>> {
    let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
    let mut stacks: BTreeMap<String, BTreeMap<usize, &str>> = BTreeMap::new();
    for (name, tensor) in checkpoint.iter() {
        let canonical = match names.meaning(name) {
            Meaning::Ours(canonical) => canonical,
            Meaning::Dropped => continue,
            Meaning::Unknown => {
                let family = config.family;
                let reason = format!("has no place in a model of family {family}");
                return Err(wrong(checkpoint, name, reason));
            }
        };
        if tensor.stored_as.starts_with("F8") || tensor.dtype == Dtype::F64 {
            let reason = format!(
                "is {}, supported are F32, BF16, F16 and what MLX packs",
                tensor.stored_as
            );
            return Err(wrong(checkpoint, name, reason));
        }
        for to in destinations(&canonical) {
            if let Some(expert) = to.expert {
                stacks.entry(to.name).or_default().insert(expert, name);
                continue;
            }
            let piece = Piece {
                tensor: name.to_owned(),
                half: to.half,
            };
            let shape = arranged_shape(&to, tensor).ok_or_else(|| {
                wrong(
                    checkpoint,
                    name,
                    format!("shape {:?} has no halves", tensor.shape),
                )
            })?;
            let tensor = Stored {
                pieces: vec![piece],
                shape,
                dtype: tensor.dtype,
            };
            if stored.insert(to.name, tensor).is_some() {
                return Err(wrong(
                    checkpoint,
                    name,
                    "stands for a tensor that is there under another name too",
                ));
            }
        }
    }
    for (name, experts) in stacks {
        let stack = stack(checkpoint, config, &name, &experts)?;
        stored.insert(name, stack);
    }
    Ok(stored)
}

/// Where a tensor of this canonical name goes; experts are stacked, gate and up apart.
fn destinations(canonical: &str) -> Vec<Destination> {
    let to = |name: String, expert, half| Destination { name, expert, half };
    if let Some((mlp, leaf)) = canonical.split_once(".mlp.experts.") {
        let switch = |leaf: &str| format!("{mlp}.mlp.switch_mlp.{leaf}");
        match leaf {
            "gate_up_proj" => {
                return vec![
                    to(switch("gate_proj.weight"), None, Some(0)),
                    to(switch("up_proj.weight"), None, Some(1)),
                ];
            }
            "down_proj" => return vec![to(switch("down_proj.weight"), None, None)],
            _ => {}
        }
        let numbered = leaf
            .split_once('.')
            .and_then(|(i, leaf)| Some((i.parse().ok()?, leaf)));
        if let Some((expert, leaf)) = numbered {
            return vec![to(switch(leaf), Some(expert), None)];
        }
    }
    vec![to(canonical.to_owned(), None, None)]
}

/// The shape of a tensor at its destination; none when it should have halves and has not.
fn arranged_shape(to: &Destination, tensor: &Tensor) -> Option<Vec<usize>> {
    let mut shape = tensor.shape.clone();
    // One input channel: moving the taps in front of it moves no number.
    if let ([_, channel @ 1, taps], true) = (&mut shape[..], to.name.ends_with("conv1d.weight")) {
        std::mem::swap(channel, taps);
    }
    if to.half.is_some() {
        let [_, rows, _] = &mut shape[..] else {
            return None;
        };
        if *rows % 2 != 0 {
            return None;
        }
        *rows /= 2;
    }
    Some(shape)
}

/// Experts that are stored one by one, as one tensor.
fn stack(
    checkpoint: &Checkpoint,
    config: &Config,
    name: &str,
    experts: &BTreeMap<usize, &str>,
) -> Result<Stored> {
    let wanted = config.moe.as_ref().map_or(0, |moe| moe.experts);
    let one = experts.values().next().copied().unwrap_or(name);
    if experts.len() != wanted || experts.keys().copied().ne(0..wanted) {
        let found = experts.len();
        let reason = format!("is one of {found} experts of its layer, config.json says {wanted}");
        return Err(wrong(checkpoint, one, reason));
    }
    let kind = |name: &str| checkpoint.get(name).map(|t| (t.dtype, t.shape.clone()));
    let Some((dtype, shape)) = kind(one) else {
        return Err(wrong(checkpoint, one, "is missing"));
    };
    for other in experts.values() {
        if kind(other) != Some((dtype, shape.clone())) {
            let reason = format!("differs in dtype or shape from `{one}`");
            return Err(wrong(checkpoint, other, reason));
        }
    }
    let pieces = experts.values().map(|&tensor| Piece {
        tensor: tensor.to_owned(),
        half: None,
    });
    Ok(Stored {
        pieces: pieces.collect(),
        shape: [&[wanted], &shape[..]].concat(),
        dtype,
    })
}

/// How the packed module at a canonical path is stored, as the config says.
fn setting(
    path: &str,
    stored: &BTreeMap<String, Stored>,
    checkpoint: &Checkpoint,
    config: &Config,
) -> Result<QuantizedWeights> {
    let piece = stored
        .get(&format!("{path}.scales"))
        .and_then(|s| s.pieces.first());
    let tensor = piece.map_or("", |piece| piece.tensor.as_str());
    let block = config.quantization.as_ref();
    // The config may name modules as the checkpoint does, or as we do.
    let of = |path: &str| {
        block
            .filter(|b| b.overrides.contains_key(path))
            .map(|b| b.of(path))
    };
    let setting = (tensor.strip_suffix(".scales").and_then(of))
        .or_else(|| block.map(|b| b.of(path)))
        .flatten();
    setting.ok_or_else(|| {
        let reason = "config.json does not say how the module of these scales is quantized";
        wrong(checkpoint, tensor, reason)
    })
}

/// Takes a packed module out of `stored`.
fn unpack(
    path: &str,
    setting: QuantizedWeights,
    wanted: Option<Dtype>,
    stored: &mut BTreeMap<String, Stored>,
    names: &Names,
) -> Result<Item> {
    let QuantizedWeights {
        group_size,
        bits,
        mode,
    } = setting;
    let name = names.converted(&format!("{path}.weight"));
    let refuse = |reason: String| Error::Tensor {
        file: "the model".to_owned(),
        tensor: name.clone(),
        reason,
    };
    if mode != QuantizationMode::Affine {
        return Err(refuse(format!(
            "is quantized as {mode}, supported is affine"
        )));
    }
    let affine = Affine::new(bits, group_size)?;
    let mut take = |suffix: &str| stored.remove(&format!("{path}.{suffix}"));
    let (Some(words), Some(scales), Some(biases)) =
        (take("weight"), take("scales"), take("biases"))
    else {
        return Err(refuse(
            "needs weight, scales and biases, one is missing".to_owned(),
        ));
    };
    let k = scales.shape.last().map_or(0, |groups| groups * group_size);
    let expected = with_last(&scales.shape, |_| affine.words(k));
    if words.dtype != Dtype::U32 || words.shape != expected || scales.shape != biases.shape {
        let (words, scales) = (&words.shape, &scales.shape);
        return Err(refuse(format!(
            "shapes {words:?} and {scales:?} do not fit {bits} bits in groups of {group_size}"
        )));
    }
    let elements: u64 = scales.shape.iter().map(|&n| n as u64).product();
    Ok(Item {
        parameters: elements * group_size as u64,
        step: Step::Unpack {
            affine,
            dtype: wanted.unwrap_or(scales.dtype),
            scales,
            biases,
        },
        input: words,
        name,
    })
}

fn wrong(checkpoint: &Checkpoint, tensor: &str, reason: impl Into<String>) -> Error {
    let file = checkpoint.get(tensor).and_then(|t| checkpoint.file_of(t));
    Error::Tensor {
        file: file.map_or_else(String::new, |path| path.display().to_string()),
        tensor: tensor.to_owned(),
        reason: reason.into(),
    }
}
