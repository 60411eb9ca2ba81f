//! Blocks expanded to numbers: those of 32 elements here, the K-quants beside it.
//!
//! A block is one function from its bytes to `f32`s; everything is rounded to `float16` once. Scales are
//! halves, so each product of a scale and a small integer is exact in `f32` but for sums with a minimum.

use half::f16;

use super::kind::Kind;
use super::{Tensor, k_quants};

/// Expands one block: `bytes` of one block, `out` of its elements.
type Expand = fn(bytes: &[u8], out: &mut [f32]);

fn expander(kind: Kind) -> Option<Expand> {
    Some(match kind {
        Kind::Q4_0 => q4_0,
        Kind::Q4_1 => q4_1,
        Kind::Q5_0 => q5_0,
        Kind::Q5_1 => q5_1,
        Kind::Q8_0 => q8_0,
        Kind::Q2_K => k_quants::q2,
        Kind::Q3_K => k_quants::q3,
        Kind::Q4_K => k_quants::q4,
        Kind::Q5_K => k_quants::q5,
        Kind::Q6_K => k_quants::q6,
        Kind::Q8_K => k_quants::q8,
        _ => return None,
    })
}

impl Tensor {
    /// The elements of blocks as `float16`, little-endian.
    ///
    /// # Errors
    /// When the tensor has no blocks, or there is no memory for them.
    pub fn halves(&self) -> Result<Vec<u8>, String> {
        let mut halves = Vec::new();
        let elements = self.shape.iter().product::<usize>();
        let enough = halves.try_reserve_exact(elements * 2);
        enough.map_err(|_| format!("there is no memory for {elements} elements of float16"))?;
        self.expand(|values| {
            for &value in values {
                halves.extend(f16::from_f32(value).to_le_bytes());
            }
        })?;
        Ok(halves)
    }

    /// Hands the elements of each block to `give`, in order.
    ///
    /// # Errors
    /// When the tensor has no blocks.
    pub fn expand(&self, mut give: impl FnMut(&[f32])) -> Result<(), String> {
        let kind = self.kind;
        let expand = expander(kind).ok_or_else(|| format!("{kind} has no blocks"))?;
        let mut values = [0f32; 256];
        for block in self.bytes.chunks_exact(kind.block_bytes()) {
            let values = &mut values[..kind.block()];
            expand(block, values);
            give(values);
        }
        Ok(())
    }
}

/// The half at byte `at`.
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The first 16 elements are the low nibbles, the others the high ones.
fn nibbles(packed: &[u8], out: &mut [f32], value: impl Fn(usize, u8) -> f32) {
    let (low, high) = out.split_at_mut(16);
    for (i, (&byte, (low, high))) in packed.iter().zip(low.iter_mut().zip(high)).enumerate() {
        *low = value(i, byte & 15);
        *high = value(i + 16, byte >> 4);
    }
}

fn q4_0(block: &[u8], out: &mut [f32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], out, |_, q| scale * (f32::from(q) - 8.0));
}

fn q4_1(block: &[u8], out: &mut [f32]) {
    let (scale, least) = (half(block, 0), half(block, 2));
    nibbles(&block[4..], out, |_, q| scale * f32::from(q) + least);
}

/// The fifth bit of element `i`.
fn fifth(bits: &[u8], i: usize) -> u8 {
    ((bits[i / 8] >> (i % 8)) & 1) << 4
}

fn q5_0(block: &[u8], out: &mut [f32]) {
    let (scale, bits) = (half(block, 0), &block[2..6]);
    nibbles(&block[6..], out, |i, q| {
        scale * (f32::from(q | fifth(bits, i)) - 16.0)
    });
}

fn q5_1(block: &[u8], out: &mut [f32]) {
    let (scale, least, bits) = (half(block, 0), half(block, 2), &block[4..8]);
    nibbles(&block[8..], out, |i, q| {
        scale * f32::from(q | fifth(bits, i)) + least
    });
}

fn q8_0(block: &[u8], out: &mut [f32]) {
    let scale = half(block, 0);
    for (out, &q) in out.iter_mut().zip(&block[2..]) {
        *out = scale * f32::from(q as i8);
    }
}
