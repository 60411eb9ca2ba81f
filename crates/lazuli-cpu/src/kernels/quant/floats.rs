//! `f32`, `f16` and `bf16` as bytes of any alignment, to `f32` and back.
//!
//! Written as branch-free selects over fixed-width integers, so that the loops vectorise for every
//! target and give the same bits on all of them. Rounding is to nearest even, subnormals included.

use lazuli_core::dtype::Dtype;

/// Whether the kernels of this crate take the dtype as a float.
pub(crate) const fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

/// `f16` bits to `f32`.
#[inline(always)]
pub(crate) fn f16_to_f32(h: u16) -> f32 {
    let h = u32::from(h);
    let sign = (h & 0x8000) << 16;
    let magnitude = (h & 0x7fff) << 13;
    // Multiplying by 2^112 moves the exponent and normalises subnormals, both exactly.
    let scaled = (f32::from_bits(magnitude) * f32::from_bits(0x7780_0000)).to_bits();
    let special = magnitude | 0x7f80_0000;
    f32::from_bits(
        sign | if magnitude >= 0x0f80_0000 {
            special
        } else {
            scaled
        },
    )
}

/// `bf16` bits to `f32`.
#[inline(always)]
pub(crate) fn bf16_to_f32(b: u16) -> f32 {
    f32::from_bits(u32::from(b) << 16)
}

/// `f32` to `bf16` bits.
#[inline(always)]
pub(crate) fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let quiet = bits | 0x0040_0000;
    (if bits & 0x7fff_ffff > 0x7f80_0000 {
        quiet
    } else {
        rounded
    } >> 16) as u16
}

/// `f32` to `f16` bits.
#[inline(always)]
pub(crate) fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    let special = if magnitude > 0x7f80_0000 {
        0x7e00
    } else {
        0x7c00
    };
    // Adding 0.5 leaves the value in units of 2^-24 in the low bits: the adder rounds.
    let subnormal = (f32::from_bits(magnitude) + 0.5)
        .to_bits()
        .wrapping_sub(0x3f00_0000);
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude
        .wrapping_sub(0x3800_0000)
        .wrapping_add(0xfff + odd)
        >> 13;
    let small = magnitude < 0x3880_0000;
    let finite = if small { subnormal } else { normal };
    (sign
        | if magnitude >= 0x4780_0000 {
            special
        } else {
            finite
        }) as u16
}

/// Converts `out.len()` floats from the front of `bytes`. `dtype` is a float dtype.
#[inline(always)]
pub(crate) fn read(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        Dtype::F32 => {
            for (value, raw) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                *value = f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
            }
        }
        Dtype::BF16 => {
            for (value, raw) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                *value = bf16_to_f32(u16::from_le_bytes([raw[0], raw[1]]));
            }
        }
        _ => {
            for (value, raw) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                *value = f16_to_f32(u16::from_le_bytes([raw[0], raw[1]]));
            }
        }
    }
}

/// Rounds `values` to `dtype` at the front of `bytes`. `dtype` is a float dtype.
#[inline(always)]
pub(crate) fn write(dtype: Dtype, values: &[f32], bytes: &mut [u8]) {
    match dtype {
        Dtype::F32 => {
            for (raw, value) in bytes.chunks_exact_mut(4).zip(values) {
                raw.copy_from_slice(&value.to_le_bytes());
            }
        }
        Dtype::BF16 => {
            for (raw, value) in bytes.chunks_exact_mut(2).zip(values) {
                raw.copy_from_slice(&f32_to_bf16(*value).to_le_bytes());
            }
        }
        _ => {
            for (raw, value) in bytes.chunks_exact_mut(2).zip(values) {
                raw.copy_from_slice(&f32_to_f16(*value).to_le_bytes());
            }
        }
    }
}

/// Rounds each value to `dtype` and back.
#[inline(always)]
pub(crate) fn round(dtype: Dtype, values: &mut [f32]) {
    match dtype {
        Dtype::F32 => {}
        Dtype::BF16 => values
            .iter_mut()
            .for_each(|v| *v = bf16_to_f32(f32_to_bf16(*v))),
        _ => values
            .iter_mut()
            .for_each(|v| *v = f16_to_f32(f32_to_f16(*v))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};

    #[test]
    fn every_half_converts_as_the_half_crate_says() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (f16_to_f32(bits), f16::from_bits(bits).to_f32());
            assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan());
            assert_eq!(bf16_to_f32(bits).to_bits(), u32::from(bits) << 16);
        }
    }

    #[test]
    fn rounding_is_to_nearest_even_over_all_exponents() {
        let near = |bits: u32| (0..6).map(move |d| bits.wrapping_add(d).wrapping_sub(3));
        // All exponents and signs, mantissas around every f16 rounding border and some bf16 ones.
        for high in (0..=u32::MAX >> 12).flat_map(|h| near(h << 12)) {
            let value = f32::from_bits(high);
            if value.is_nan() {
                assert!(f16::from_bits(f32_to_f16(value)).is_nan());
                assert!(bf16::from_bits(f32_to_bf16(value)).is_nan());
            } else {
                assert_eq!(
                    f32_to_f16(value),
                    f16::from_f32(value).to_bits(),
                    "{value:e}"
                );
                assert_eq!(
                    f32_to_bf16(value),
                    bf16::from_f32(value).to_bits(),
                    "{value:e}"
                );
            }
        }
    }
}
