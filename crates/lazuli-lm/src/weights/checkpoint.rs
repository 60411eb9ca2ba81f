//! Parameters from a checkpoint, as published or as MLX's conversion leaves it.
//!
//! Mapped bytes become arrays without a copy. What must differ from the stored form (another compute
//! dtype, `+ 1` on centred norms, experts stored one by one, interleaved rows) is built as a graph and
//! computed at the end, all at once, by [`Weights::finish`].

use std::collections::HashSet;
use std::sync::Arc;

use lazuli_core::ops::quantized::{Affine, QuantizedArray};
use lazuli_core::{Array, Dtype, Result};
use lazuli_io::safetensors::{Checkpoint, Tensor};
use lazuli_nn::{Linear, Matrix, SwitchLinear};

use super::interleave;
use super::names::{ExpertLayout, Names};
use super::problems::{Mismatch, Problem, What};
use super::{DeltaInputs, Experts, Source};
use crate::config::{Config, GatedDelta, QuantizationMode};

/// What element types a tensor may have.
#[derive(Clone, Copy)]
enum Elements {
    Float,
    Words,
}

/// The parameters of one checkpoint, for one config.
pub struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    config: &'a Config,
    dtype: Dtype,
    names: Names,
    used: HashSet<String>,
    problems: Vec<Problem>,
    /// Arrays that a model holds and that are still to be computed.
    pending: Vec<Array>,
}

impl<'a> Weights<'a> {
    /// The parameters in `checkpoint`; floats that multiply activations become `dtype`, which is the
    /// checkpoint's own if none is given.
    pub fn new(
        checkpoint: &'a Checkpoint,
        config: &'a Config,
        dtype: Option<Dtype>,
    ) -> Weights<'a> {
        let names = Names::of(checkpoint);
        let own = || {
            ["model.embed_tokens.scales", "model.embed_tokens.weight"]
                .iter()
                .find_map(|name| checkpoint.get(&names.actual(name)))
                .map(|tensor| tensor.dtype)
        };
        let dtype = dtype.or_else(own).or(config.dtype);
        Weights {
            checkpoint,
            config,
            dtype: match dtype {
                Some(half @ (Dtype::F16 | Dtype::BF16)) => half,
                _ => Dtype::F32,
            },
            names,
            used: HashSet::new(),
            problems: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Whether the tensors are as published, rather than as MLX's conversion leaves them.
    pub fn is_raw(&self) -> bool {
        self.names.raw
    }

    /// Ends the taking: computes what must be computed.
    ///
    /// # Errors
    /// [`Mismatch`] with everything that did not fit and every tensor that nobody asked for; else the
    /// first error of the computation.
    pub fn finish(self) -> Result<(), crate::model::Error> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Mismatch { problems }.into());
        }
        let pending: Vec<&Array> = self.pending.iter().collect();
        Ok(lazuli_core::eval(&pending)?)
    }

    /// What did not fit so far, and every tensor that nobody has asked for.
    pub fn problems(&self) -> Vec<Problem> {
        let tied = self.config.tie_word_embeddings;
        let mut problems = self.problems.clone();
        for (name, _) in self.checkpoint.iter() {
            let nested = self.config.nested;
            if !self.used.contains(name) && !self.names.may_be_there(name, nested, tied) {
                problems.push(Problem {
                    tensor: name.to_owned(),
                    what: What::Unexpected,
                });
            }
        }
        problems
    }

    fn note(&mut self, tensor: &str, what: What) {
        self.problems.push(Problem {
            tensor: tensor.to_owned(),
            what,
        });
    }

    /// Remembers that a model holds this array, so that it is computed with the others.
    fn hold(&mut self, array: Array) -> Array {
        if !array.is_evaluated() {
            self.pending.push(array.clone());
        }
        array
    }

    fn hold_matrix(&mut self, matrix: Matrix) -> Matrix {
        for part in matrix.parts() {
            if !part.is_evaluated() {
                self.pending.push(part.clone());
            }
        }
        matrix
    }

    fn has(&self, canonical: &str) -> bool {
        self.checkpoint.get(&self.names.actual(canonical)).is_some()
    }

    /// The tensor as it is stored, if it has one of `shapes`. Else the problem is noted, and zeros of
    /// the first of them, which take no memory, stand in.
    fn take(&mut self, canonical: &str, shapes: &[&[usize]], elements: Elements) -> Result<Array> {
        let name = self.names.actual(canonical);
        let checkpoint = self.checkpoint;
        let stand_in = |dtype| Array::full(shapes.first().copied().unwrap_or(&[]), 0.0, dtype);
        let usual = match elements {
            Elements::Float => Dtype::F32,
            Elements::Words => Dtype::U32,
        };
        let Some(tensor) = checkpoint.get(&name) else {
            self.note(&name, What::Missing);
            return stand_in(usual);
        };
        self.used.insert(name.clone());
        if !fits(tensor, elements) {
            let expected = match elements {
                Elements::Float => "float32, bfloat16 or float16",
                Elements::Words => "uint32",
            };
            let found = tensor.stored_as.to_owned();
            self.note(&name, What::Dtype { expected, found });
            return stand_in(usual);
        }
        if !shapes.contains(&&tensor.shape[..]) {
            let all: Vec<String> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
            let what = What::Shape {
                expected: all.join(" or "),
                found: format!("{:?}", tensor.shape),
            };
            self.note(&name, what);
            return stand_in(usual);
        }
        let owner = Arc::new(tensor.bytes.clone());
        Array::from_foreign(owner, tensor.dtype, &tensor.shape[..])
    }

    /// A matrix, or a stack of them, packed or not, in the stored form.
    fn stored(&mut self, path: &str, shape: &[usize]) -> Result<Matrix> {
        if self.has(&format!("{path}.scales")) {
            return self.packed(path, shape);
        }
        self.floats(&format!("{path}.weight"), shape)
    }

    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Matrix> {
        let stored = self.take(name, &[shape], Elements::Float)?;
        Ok(Matrix::Float(stored.astype(self.dtype)?))
    }

    fn packed(&mut self, path: &str, shape: &[usize]) -> Result<Matrix> {
        let (lead, k) = match shape {
            [lead @ .., k] => (lead, *k),
            [] => (shape, 0),
        };
        let affine = self.affine(path, k)?;
        let wide = |last: usize| [lead, &[last]].concat();
        let (words, groups) = (wide(affine.words(k)), wide(k / affine.group as usize));
        let mut part = |suffix: &str, shape: &[usize], elements| {
            self.take(&format!("{path}.{suffix}"), &[shape], elements)
        };
        let packed = part("weight", &words, Elements::Words)?;
        let scales = part("scales", &groups, Elements::Float)?;
        let biases = part("biases", &groups, Elements::Float)?;
        let biases = biases.astype(scales.dtype())?;
        Ok(Matrix::Quantized(QuantizedArray {
            quantization: affine.into(),
            packed,
            scales,
            biases: Some(biases),
            global_scale: None,
        }))
    }

    /// The format of a packed matrix: what the config says of the module, else what its shapes say.
    fn affine(&mut self, path: &str, k: usize) -> Result<Affine> {
        let actual = self.names.actual(path);
        let block = self.config.quantization.as_ref();
        let named = |path: &str| block.is_some_and(|b| b.overrides.contains_key(path));
        let setting = match named(&actual) {
            true => block.and_then(|b| b.of(&actual)),
            false => block.and_then(|b| b.of(path)),
        };
        if let Some(setting) = setting {
            if setting.mode != QuantizationMode::Affine {
                let mode = setting.mode.to_string();
                self.note(&format!("{actual}.weight"), What::Mode(mode));
                return Affine::new(4, 64);
            }
            return Affine::new(setting.bits, setting.group_size);
        }
        let last = |suffix: &str| {
            let tensor = self.checkpoint.get(&format!("{actual}.{suffix}"));
            tensor.and_then(|t| t.shape.last().copied())
        };
        let (words, groups) = (
            last("weight").unwrap_or(0),
            last("scales").unwrap_or(0).max(1),
        );
        Affine::new(words * 32 / k.max(1), k / groups).or_else(|_| {
            self.note(
                &format!("{actual}.weight"),
                What::Shape {
                    expected: format!("packed rows of {k}"),
                    found: format!("rows of {words} words in {groups} groups"),
                },
            );
            Affine::new(4, 64)
        })
    }

    /// Experts that are stored one by one, stacked.
    fn stacked(
        &mut self,
        path: &str,
        leaf: &str,
        experts: usize,
        shape: &[usize],
    ) -> Result<Matrix> {
        let all = (0..experts)
            .map(|i| self.stored(&format!("{path}.experts.{i}.{leaf}"), shape))
            .collect::<Result<Vec<Matrix>>>()?;
        let part = |i: usize| -> Result<Array> {
            let parts = all
                .iter()
                .filter_map(|m| m.parts().get(i).map(|&a| a.clone()));
            Array::stack(&parts.collect::<Vec<_>>(), 0)
        };
        let whole = all.iter().find_map(|m| match m {
            Matrix::Quantized(q) => Some(q.quantization),
            Matrix::Float(_) => None,
        });
        Ok(match whole {
            None => Matrix::Float(part(0)?),
            Some(format) => {
                for (i, matrix) in all.iter().enumerate() {
                    if !matches!(matrix, Matrix::Quantized(q) if q.quantization == format) {
                        let name = self
                            .names
                            .actual(&format!("{path}.experts.{i}.{leaf}.weight"));
                        let expected = "quantized like the other experts of its layer";
                        let found = "not".to_owned();
                        self.note(&name, What::Dtype { expected, found });
                    }
                }
                if all.iter().any(|m| m.parts().len() != format.parts()) {
                    return Ok(Matrix::Float(Array::full(
                        [&[experts], shape].concat(),
                        0.0,
                        self.dtype,
                    )?));
                }
                Matrix::Quantized(QuantizedArray {
                    quantization: format,
                    packed: part(0)?,
                    scales: part(1)?,
                    biases: format.mode.has_biases().then(|| part(2)).transpose()?,
                    global_scale: None,
                })
            }
        })
    }

    fn rows_of(&mut self, matrix: &Matrix, rows: &[u32]) -> Result<Linear> {
        let rows = Array::from_slice(rows, [rows.len()])?;
        let weight = matrix.map(|a| a.take(&rows, 0))?;
        Ok(Linear {
            weight: self.hold_matrix(weight),
            bias: None,
        })
    }
}

fn fits(tensor: &Tensor, elements: Elements) -> bool {
    match elements {
        Elements::Float => matches!(tensor.dtype, Dtype::F32 | Dtype::BF16 | Dtype::F16),
        Elements::Words => tensor.dtype == Dtype::U32,
    }
}

impl Source for Weights<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn matrix(&mut self, path: &str, shape: [usize; 2]) -> Result<Matrix> {
        let stored = self.stored(path, &shape)?;
        Ok(self.hold_matrix(stored))
    }

    fn vector(&mut self, name: &str, len: usize, dtype: Dtype) -> Result<Array> {
        let stored = self.take(name, &[&[len]], Elements::Float)?;
        Ok(self.hold(stored.astype(dtype)?))
    }

    fn norm_weight(&mut self, path: &str, len: usize, centred: bool) -> Result<Array> {
        let stored = self.take(&format!("{path}.weight"), &[&[len]], Elements::Float)?;
        let wide = stored.astype(Dtype::F32)?;
        Ok(self.hold(match centred && self.names.raw {
            true => wide.add(&Array::scalar(1.0f32))?,
            false => wide,
        }))
    }

    fn conv(&mut self, path: &str, channels: usize, taps: usize) -> Result<Array> {
        let shapes: [&[usize]; 2] = [&[channels, 1, taps], &[channels, taps, 1]];
        let stored = self.take(&format!("{path}.weight"), &shapes, Elements::Float)?;
        let flat = stored.reshape([channels, taps])?.astype(self.dtype)?;
        Ok(self.hold(flat))
    }

    fn experts(
        &mut self,
        path: &str,
        experts: usize,
        hidden: usize,
        inner: usize,
    ) -> Result<Experts> {
        let (up, down) = ([inner, hidden], [hidden, inner]);
        let whole = |shape: [usize; 2]| [experts, shape[0], shape[1]];
        if self.names.experts == ExpertLayout::Fused {
            let shape = [experts, 2 * inner, hidden];
            let fused = self.floats(&format!("{path}.experts.gate_up_proj"), &shape)?;
            let down = self.floats(&format!("{path}.experts.down_proj"), &whole(down))?;
            let mut parts = SwitchLinear::parts_of(&fused, 2)?;
            let (Some(up), Some(gate)) = (parts.pop(), parts.pop()) else {
                return Err(lazuli_core::Error::value("experts", "gate and up are two"));
            };
            for array in gate.storage() {
                self.hold(array.clone());
            }
            let down = SwitchLinear::new(self.hold_matrix(down));
            return Ok(Experts { gate, up, down });
        }
        let mut one = |leaf: &str, shape: [usize; 2]| -> Result<SwitchLinear> {
            let matrix = match self.names.experts {
                ExpertLayout::Split => self.stacked(path, leaf, experts, &shape)?,
                _ => self.stored(&format!("{path}.switch_mlp.{leaf}"), &whole(shape))?,
            };
            Ok(SwitchLinear::new(self.hold_matrix(matrix)))
        };
        Ok(Experts {
            gate: one("gate_proj", up)?,
            up: one("up_proj", up)?,
            down: one("down_proj", down)?,
        })
    }

    fn delta_inputs(
        &mut self,
        path: &str,
        shape: &GatedDelta,
        hidden: usize,
    ) -> Result<DeltaInputs> {
        let values = shape.value_heads * shape.value_head_dim;
        let qkv = 2 * shape.key_heads * shape.key_head_dim + values;
        if !self.has(&format!("{path}.in_proj_qkvz.weight")) {
            let mut one = |leaf: &str, n| self.linear(&format!("{path}.{leaf}"), n, hidden, false);
            return Ok(DeltaInputs {
                qkv: one("in_proj_qkv", qkv)?,
                z: one("in_proj_z", values)?,
                b: one("in_proj_b", shape.value_heads)?,
                a: one("in_proj_a", shape.value_heads)?,
            });
        }
        let qkvz = self.stored(&format!("{path}.in_proj_qkvz"), &[qkv + values, hidden])?;
        let ba = self.stored(
            &format!("{path}.in_proj_ba"),
            &[2 * shape.value_heads, hidden],
        )?;
        let (qkv, z) = interleave::qkv_and_z(shape);
        let (b, a) = interleave::b_and_a(shape);
        Ok(DeltaInputs {
            qkv: self.rows_of(&qkvz, &qkv)?,
            z: self.rows_of(&qkvz, &z)?,
            b: self.rows_of(&ba, &b)?,
            a: self.rows_of(&ba, &a)?,
        })
    }
}
