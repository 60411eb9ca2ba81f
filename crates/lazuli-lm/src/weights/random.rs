//! Parameters from nothing: the shapes of a model of any size, for measuring.
//!
//! Every value is a hash of a counter, so a model is the same for the same seed whatever the number of
//! threads. Quantized matrices are made of random words with scales that give weights of the usual
//! spread; the floats behind them never exist.

use lazuli_core::ops::quantized::{Affine, QuantizedArray};
use lazuli_core::{Array, Dtype, Error, Result};
use lazuli_nn::{Linear, Matrix, SwitchLinear};

use super::{DeltaInputs, Experts, Source};
use crate::config::GatedDelta;

/// Standard deviation of a weight.
const SPREAD: f32 = 0.02;
/// Routers and gates of shared experts are kept at this format when the rest is packed.
const ROUTERS: Affine = Affine { bits: 8, group: 64 };

/// Random parameters.
#[derive(Clone, Debug)]
pub struct Random {
    dtype: Dtype,
    affine: Option<Affine>,
    seed: u64,
    /// Values drawn so far.
    drawn: u64,
}

impl Random {
    /// Floats of `dtype`, or matrices packed as `affine` whose scales are of `dtype`.
    ///
    /// # Errors
    /// [`Error::Dtype`] when `dtype` is not `float32`, `bfloat16` or `float16`.
    pub fn new(dtype: Dtype, affine: Option<Affine>, seed: u64) -> Result<Random> {
        if !matches!(dtype, Dtype::F32 | Dtype::BF16 | Dtype::F16) {
            return Err(Error::dtype(
                "random",
                format!("a model computes in float32, bfloat16 or float16, not {dtype}"),
            ));
        }
        Ok(Random {
            dtype,
            affine,
            seed,
            drawn: 0,
        })
    }

    /// A counter range of `count` values of our own.
    fn draw(&mut self, count: usize) -> u64 {
        let first = mix(self.seed).wrapping_add(self.drawn);
        self.drawn += count as u64;
        first
    }

    fn floats(&mut self, shape: &[usize], dtype: Dtype) -> Result<Array> {
        let count: usize = shape.iter().product();
        let first = self.draw(count);
        let mut bytes = vec![0u8; count * dtype.size()];
        let write = |value: f32, out: &mut [u8]| match dtype {
            Dtype::BF16 => out.copy_from_slice(&half::bf16::from_f32(value).to_le_bytes()),
            Dtype::F16 => out.copy_from_slice(&half::f16::from_f32(value).to_le_bytes()),
            _ => out.copy_from_slice(&value.to_le_bytes()),
        };
        fill(&mut bytes, dtype.size(), |at, out| {
            for (i, out) in out.chunks_exact_mut(dtype.size()).enumerate() {
                write(normal(first.wrapping_add(at + i as u64)) * SPREAD, out);
            }
        });
        array(bytes, dtype, shape)
    }

    fn constant(&self, shape: &[usize], value: f32, dtype: Dtype) -> Result<Array> {
        let one: Vec<u8> = match dtype {
            Dtype::BF16 => half::bf16::from_f32(value).to_le_bytes().to_vec(),
            Dtype::F16 => half::f16::from_f32(value).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        };
        array(one.repeat(shape.iter().product()), dtype, shape)
    }

    fn any(&mut self, path: &str, shape: &[usize]) -> Result<Matrix> {
        let (lead, k) = match shape {
            [lead @ .., k] => (lead, *k),
            [] => (shape, 0),
        };
        let router = path.ends_with("mlp.gate") || path.ends_with("shared_expert_gate");
        let affine = self.affine.map(|own| if router { ROUTERS } else { own });
        let Some(affine) = affine.filter(|a| k.is_multiple_of(a.group as usize)) else {
            return Ok(Matrix::Float(self.floats(shape, self.dtype)?));
        };
        let wide = |last: usize| [lead, &[last]].concat();
        let (words, groups) = (wide(affine.words(k)), wide(k / affine.group as usize));
        let count: usize = words.iter().product();
        let first = self.draw(count);
        let mut bytes = vec![0u8; count * 4];
        fill(&mut bytes, 4, |at, out| {
            // Two words of each hash; every piece begins at an even one.
            for (i, out) in out.chunks_mut(8).enumerate() {
                let words = mix(first.wrapping_add(at / 2 + i as u64)).to_le_bytes();
                out.copy_from_slice(&words[..out.len()]);
            }
        });
        // Codes are uniform over 0..=top: their variance is ((top + 1)² - 1) / 12.
        let top = ((1u32 << affine.bits) - 1) as f32;
        let scale = SPREAD / (((top + 1.0) * (top + 1.0) - 1.0) / 12.0).sqrt();
        let parts = [
            array(bytes, Dtype::U32, &words)?,
            self.constant(&groups, scale, self.dtype)?,
            self.constant(&groups, -scale * top / 2.0, self.dtype)?,
        ];
        Ok(Matrix::Quantized(QuantizedArray::from_parts(
            affine, parts,
        )?))
    }
}

impl Source for Random {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn matrix(&mut self, path: &str, shape: [usize; 2]) -> Result<Matrix> {
        self.any(path, &shape)
    }

    fn vector(&mut self, _: &str, len: usize, dtype: Dtype) -> Result<Array> {
        self.floats(&[len], dtype)
    }

    fn norm_weight(&mut self, _: &str, len: usize, _: bool) -> Result<Array> {
        self.constant(&[len], 1.0, Dtype::F32)
    }

    fn conv(&mut self, _: &str, channels: usize, taps: usize) -> Result<Array> {
        self.floats(&[channels, taps], self.dtype)
    }

    fn experts(
        &mut self,
        path: &str,
        experts: usize,
        hidden: usize,
        inner: usize,
    ) -> Result<Experts> {
        let mut one = |leaf: &str, n: usize, k: usize| -> Result<SwitchLinear> {
            let path = format!("{path}.switch_mlp.{leaf}");
            Ok(SwitchLinear::new(self.any(&path, &[experts, n, k])?))
        };
        Ok(Experts {
            gate: one("gate_proj", inner, hidden)?,
            up: one("up_proj", inner, hidden)?,
            down: one("down_proj", hidden, inner)?,
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
        let mut one = |leaf: &str, n: usize| -> Result<Linear> {
            self.linear(&format!("{path}.{leaf}"), n, hidden, false)
        };
        Ok(DeltaInputs {
            qkv: one("in_proj_qkv", qkv)?,
            z: one("in_proj_z", values)?,
            b: one("in_proj_b", shape.value_heads)?,
            a: one("in_proj_a", shape.value_heads)?,
        })
    }
}

fn array(bytes: Vec<u8>, dtype: Dtype, shape: &[usize]) -> Result<Array> {
    // Copied into memory of our own, which is aligned for vectors and asked for in huge pages.
    Array::from_bytes(&bytes, dtype, shape)
}

/// A bijection of 64 bits without visible structure (the finaliser of SplitMix64).
fn mix(counter: u64) -> u64 {
    let x = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Nearly normal, mean 0 and variance 1: the sum of four uniform numbers.
fn normal(counter: u64) -> f32 {
    let bits = mix(counter);
    let sum: u64 = (0..4).map(|i| (bits >> (16 * i)) & 0xffff).sum();
    (sum as f32 / 65536.0 - 2.0) * 3f32.sqrt()
}

/// Calls `write` on pieces of `bytes`, on all cores, with the index of each piece's first element.
fn fill(bytes: &mut [u8], size: usize, write: impl Fn(u64, &mut [u8]) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let elements = bytes.len() / size;
    let piece = elements.div_ceil(threads).max(1).next_multiple_of(1 << 16);
    std::thread::scope(|scope| {
        for (i, out) in bytes.chunks_mut(piece * size).enumerate() {
            let write = &write;
            scope.spawn(move || write((i * piece) as u64, out));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_spread_they_claim_and_do_not_depend_on_threads() {
        let mut random = Random::new(Dtype::F32, None, 7).unwrap();
        let values = random.floats(&[300, 1000], Dtype::F32).unwrap();
        let values: Vec<f32> = values.to_vec().unwrap();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let square = values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 2e-4, "{mean}");
        assert!((square.sqrt() / SPREAD - 1.0).abs() < 0.01, "{square}");
        let first = mix(7);
        for at in [0usize, 65_535, 65_536, 299_999] {
            assert_eq!(values[at], normal(first.wrapping_add(at as u64)) * SPREAD);
        }
    }

    #[test]
    fn packed_weights_have_the_same_spread() {
        for bits in [1, 2, 3, 4, 5, 6, 8] {
            let affine = Affine::new(bits, 64).unwrap();
            let mut random = Random::new(Dtype::F32, Some(affine), 1).unwrap();
            let Matrix::Quantized(q) = random.matrix("x", [64, 128]).unwrap() else {
                panic!("not packed");
            };
            let scale = q.scales.to_vec::<f32>().unwrap()[0];
            let bias = q.biases.as_ref().unwrap().to_vec::<f32>().unwrap()[0];
            let packed = q.packed.to_bytes().unwrap();
            let code = |i: usize| {
                let bit = i * bits;
                let low = packed[bit / 8] as u32;
                let high = packed.get(bit / 8 + 1).copied().unwrap_or(0) as u32;
                ((low | high << 8) >> (bit % 8)) & ((1 << bits) - 1)
            };
            let values: Vec<f32> = (0..64 * 128)
                .map(|i| code(i) as f32 * scale + bias)
                .collect();
            let square = values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32;
            assert!((square.sqrt() / SPREAD - 1.0).abs() < 0.05, "{bits} bits");
        }
    }
}
