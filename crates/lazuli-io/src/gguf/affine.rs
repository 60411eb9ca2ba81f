//! Blocks that are affine groups of 32 as they are: repacked, nothing is rounded.
//!
//! `w = scale * q + bias` with `q` unsigned and from the low bits of 32-bit words up. Q4_0 counts from
//! -8 and Q8_0 from -128, which becomes the bias `-8 * scale` or `-128 * scale`; Q4_1 has its bias.

use half::f16;

use super::Tensor;
use super::kind::Kind;
use crate::mmap::Bytes;

/// A tensor as `quantized_matmul` takes it, in groups of 32.
#[derive(Debug, Clone)]
pub struct Affine {
    /// Bits of an element: 4 or 8.
    pub bits: usize,
    /// Packed elements, `uint32`.
    pub words: Bytes,
    /// Shape of the words: the tensor's, with as many on the last axis as its elements take.
    pub shape: Vec<usize>,
    /// A scale for each group, `float16`.
    pub scales: Bytes,
    /// A bias for each group, `float16`.
    pub biases: Bytes,
    /// Shape of scales and biases.
    pub groups: Vec<usize>,
}

impl Tensor {
    /// The tensor in affine form; none if its kind has none.
    pub fn affine(&self) -> Option<Affine> {
        // Bits, and what is added to a signed number to make it unsigned.
        let (bits, zero) = match self.kind {
            Kind::Q4_0 => (4, Some(8)),
            Kind::Q4_1 => (4, None),
            Kind::Q8_0 => (8, Some(128)),
            _ => return None,
        };
        let blocks = self.bytes.len() / self.kind.block_bytes();
        let mut words = Vec::with_capacity(blocks * bits * 4);
        let (mut scales, mut biases) = (
            Vec::with_capacity(blocks * 2),
            Vec::with_capacity(blocks * 2),
        );
        for block in self.bytes.chunks_exact(self.kind.block_bytes()) {
            let (head, packed) = block.split_at(block.len() - bits * 4);
            scales.extend_from_slice(&head[..2]);
            match zero {
                Some(zero) => {
                    let scale = f16::from_le_bytes([head[0], head[1]]).to_f32();
                    let bias = f16::from_f32(scale * -(zero as f32));
                    biases.extend_from_slice(&bias.to_le_bytes());
                }
                None => biases.extend_from_slice(&head[2..4]),
            }
            if bits == 8 {
                words.extend(packed.iter().map(|q| q ^ 0x80));
            } else {
                // Elements 0 to 15 are low nibbles and 16 to 31 high ones; wanted is pair by pair.
                words.extend(packed.chunks_exact(2).map(|p| p[0] & 15 | p[1] << 4));
                words.extend(packed.chunks_exact(2).map(|p| p[0] >> 4 | p[1] & 0xf0));
            }
        }
        let with_last = |divisor: usize| {
            let mut shape = self.shape.clone();
            if let Some(last) = shape.last_mut() {
                *last /= divisor;
            }
            shape
        };
        Some(Affine {
            bits,
            words: words.into(),
            shape: with_last(32 / bits),
            scales: scales.into(),
            biases: biases.into(),
            groups: with_last(32),
        })
    }
}
