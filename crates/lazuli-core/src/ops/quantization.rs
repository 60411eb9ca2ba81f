//! How quantized numbers are stored: the modes of `mlx.core.quantize` and everything that follows from
//! one, in one place.

use std::fmt;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// How the numbers of a group share what they share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// Unsigned integers with a scale and a bias per group.
    Affine,
    /// OCP microscaling: 4-bit floats (E2M1), a power of two (E8M0) per 32.
    Mxfp4,
    /// OCP microscaling: 8-bit floats (E4M3), a power of two (E8M0) per 32.
    Mxfp8,
    /// 4-bit floats (E2M1), an 8-bit float (E4M3) per 16.
    Nvfp4,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 4] = [Mode::Affine, Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4];

    /// The name that configurations and `mlx.core` use.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Affine => "affine",
            Mode::Mxfp4 => "mxfp4",
            Mode::Mxfp8 => "mxfp8",
            Mode::Nvfp4 => "nvfp4",
        }
    }

    /// The mode of a name.
    pub fn from_name(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Bits that a number may have; the usual one is [`Mode::usual`].
    pub const fn bits(self) -> &'static [usize] {
        match self {
            Mode::Affine => &[1, 2, 3, 4, 5, 6, 8],
            Mode::Mxfp4 | Mode::Nvfp4 => &[4],
            Mode::Mxfp8 => &[8],
        }
    }

    /// Numbers that may share a scale.
    pub const fn groups(self) -> &'static [usize] {
        match self {
            Mode::Affine => &[32, 64, 128],
            Mode::Mxfp4 | Mode::Mxfp8 => &[32],
            Mode::Nvfp4 => &[16],
        }
    }

    /// Bits and group size where none are named.
    pub const fn usual(self) -> (usize, usize) {
        match self {
            Mode::Affine => (4, 64),
            Mode::Mxfp4 => (4, 32),
            Mode::Mxfp8 => (8, 32),
            Mode::Nvfp4 => (4, 16),
        }
    }

    /// Whether groups have biases, and scales of the weights' dtype. Other modes have scales of 8 bits.
    pub const fn has_biases(self) -> bool {
        matches!(self, Mode::Affine)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mode with the bits of a number and the numbers that share a scale.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Quantization {
    /// The mode.
    pub mode: Mode,
    /// One of [`Mode::bits`].
    pub bits: u8,
    /// One of [`Mode::groups`].
    pub group: u16,
}

impl Quantization {
    /// The format, with the mode's usual bits and group where none are given.
    ///
    /// # Errors
    /// [`Error::Value`] when the mode has no such bits or groups.
    pub fn new(mode: Mode, bits: Option<usize>, group: Option<usize>) -> Result<Quantization> {
        let (usual_bits, usual_group) = mode.usual();
        let (bits, group) = (bits.unwrap_or(usual_bits), group.unwrap_or(usual_group));
        for (what, value, allowed) in [
            ("bits", bits, mode.bits()),
            ("group size", group, mode.groups()),
        ] {
            if !allowed.contains(&value) {
                return Err(Error::value(
                    "quantize",
                    format!(
                        "{what} must be {} in mode {mode}, not {value}",
                        one_of(allowed)
                    ),
                ));
            }
        }
        Ok(Quantization {
            mode,
            bits: bits as u8,
            group: group as u16,
        })
    }

    /// `uint32` words that hold `k` numbers.
    pub fn words(self, k: usize) -> usize {
        k / 32 * self.bits as usize + k % 32 * self.bits as usize / 32
    }

    /// Arrays that make up quantized numbers: packed values, scales and, if there are any, biases.
    pub fn parts(self) -> usize {
        if self.mode.has_biases() { 3 } else { 2 }
    }

    /// The dtype of scales for numbers of `dtype`.
    pub fn scale_dtype(self, dtype: Dtype) -> Dtype {
        if self.mode.has_biases() {
            dtype
        } else {
            Dtype::U8
        }
    }

    /// The affine format, if it is one.
    pub fn affine(self) -> Option<Affine> {
        (self.mode == Mode::Affine).then_some(Affine {
            bits: self.bits,
            group: self.group,
        })
    }

    /// Checks packed values, scales and biases against one another; the unpacked shape.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Dtype`] when they do not fit.
    pub fn unpacked(self, op: &'static str, parts: &[Array]) -> Result<Shape> {
        let wanted = parts.len() == self.parts();
        let (Some(packed), Some(scales), true) = (parts.first(), parts.get(1), wanted) else {
            let biases = if self.mode.has_biases() {
                " and biases"
            } else {
                " and no biases"
            };
            return Err(Error::value(
                op,
                format!("mode {} needs packed values, scales{biases}", self.mode),
            ));
        };
        let dtypes = match parts.get(2) {
            Some(biases) => scales.dtype().is_float() && biases.dtype() == scales.dtype(),
            None => scales.dtype() == Dtype::U8,
        };
        if packed.dtype() != Dtype::U32 || !dtypes {
            let scale = match self.mode.has_biases() {
                true => "float scales and biases of one dtype",
                false => "uint8 scales",
            };
            return Err(Error::dtype(
                op,
                format!(
                    "mode {} needs uint32 values and {scale}: {parts:?}",
                    self.mode
                ),
            ));
        }
        let rank = scales.rank();
        let k = scales
            .dim(rank.wrapping_sub(1))
            .checked_mul(self.group as usize);
        let fits = rank > 0
            && parts.get(2).is_none_or(|b| b.shape() == scales.shape())
            && packed.rank() == rank
            && packed.shape()[..rank - 1] == scales.shape()[..rank - 1]
            && k.is_some_and(|k| packed.dim(rank - 1) == self.words(k));
        match k {
            Some(k) if fits => Ok(scales.shape().with(rank - 1, k)),
            _ => Err(Error::shape(op, format!("{parts:?} do not fit {self}"))),
        }
    }
}

impl fmt::Display for Quantization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mode {} of {} bits in groups of {}",
            self.mode, self.bits, self.group
        )
    }
}

/// An affine format: the one that attention reads caches in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Affine {
    /// Bits of a number.
    pub bits: u8,
    /// Numbers that share a scale and a bias.
    pub group: u16,
}

impl Affine {
    /// The format, if there is such a one.
    ///
    /// # Errors
    /// [`Error::Value`] for other bits or groups.
    pub fn new(bits: usize, group: usize) -> Result<Affine> {
        let Quantization { bits, group, .. } =
            Quantization::new(Mode::Affine, Some(bits), Some(group))?;
        Ok(Affine { bits, group })
    }

    /// `uint32` words that hold `k` values.
    pub fn words(self, k: usize) -> usize {
        Quantization::from(self).words(k)
    }
}

impl From<Affine> for Quantization {
    fn from(affine: Affine) -> Quantization {
        Quantization {
            mode: Mode::Affine,
            bits: affine.bits,
            group: affine.group,
        }
    }
}

fn one_of(allowed: &[usize]) -> String {
    let names: Vec<String> = allowed.iter().map(usize::to_string).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.join(""),
    }
}
