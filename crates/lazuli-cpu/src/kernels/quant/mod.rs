//! Quantized numbers: groups of a row share a scale and, in affine formats, a bias.
//!
//! The formats are those of `mlx.core.quantize`, the affine ones bit for bit with its CPU path, so that
//! existing checkpoints load unchanged; the others are in [`blocks`]. Matmuls on packed weights are in [`super::matmul`]; here are the
//! conversions, which work on bytes because weights come from mapped files without alignment.

pub(crate) mod bits;
pub mod blocks;
mod decode;
mod encode;
pub(crate) mod floats;

#[cfg(test)]
mod tests;

pub use blocks::{Block, Element, ScaleKind};
pub use decode::{dequantize, dequantize_rows};
pub use encode::{Quantized, quantize};

use lazuli_core::dtype::Dtype;

/// Group sizes that the formats allow.
pub const GROUPS: [usize; 3] = [32, 64, 128];

/// Code widths that the formats allow.
pub const BITS: [usize; 7] = [1, 2, 3, 4, 5, 6, 8];

/// An affine-quantized matrix of `[rows, k]`: `w = code * scale + bias`, one scale and one bias per
/// `group` consecutive elements of a row. `k` is a multiple of `group`.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// Codes: each row is one little-endian bit stream of `k * bits / 8` bytes.
    pub packed: &'a [u8],
    /// `[rows, k / group]` of `scale_dtype`, little-endian bytes of any alignment.
    pub scales: &'a [u8],
    /// Same shape and dtype as `scales`.
    pub biases: &'a [u8],
    /// `F32`, `F16` or `BF16`.
    pub scale_dtype: Dtype,
    /// One of [`BITS`].
    pub bits: u8,
    /// One of [`GROUPS`].
    pub group: u16,
}

impl Affine<'_> {
    /// Bytes of the codes of one row of length `k`.
    pub fn row_bytes(&self, k: usize) -> usize {
        k * usize::from(self.bits) / 8
    }

    /// Groups of one row of length `k`.
    pub fn row_groups(&self, k: usize) -> usize {
        k / usize::from(self.group)
    }

    /// Asserts that this can be `rows` rows of length `k`.
    ///
    /// # Panics
    /// If it cannot: shapes are the caller's contract.
    pub(crate) fn check(&self, rows: usize, k: usize) {
        let group = usize::from(self.group);
        assert!(
            BITS.contains(&usize::from(self.bits)),
            "affine: {} bits",
            self.bits
        );
        assert!(GROUPS.contains(&group), "affine: groups of {group}");
        assert!(
            k.is_multiple_of(group),
            "affine: rows of {k} in groups of {group}"
        );
        assert!(
            floats::is_float(self.scale_dtype),
            "affine: scales of {}",
            self.scale_dtype
        );
        let groups = rows * self.row_groups(k) * self.scale_dtype.size();
        assert!(
            self.packed.len() >= rows * self.row_bytes(k),
            "affine: codes are too short"
        );
        assert!(self.scales.len() >= groups, "affine: scales are too short");
        assert!(self.biases.len() >= groups, "affine: biases are too short");
    }
}
