//! Groups of 4-bit or 8-bit floats that share a scale: `mxfp4`, `mxfp8` and `nvfp4`.
//!
//! E2M1 is a sign, two bits of exponent and one of mantissa (0, 0.5, 1, 1.5, 2, 3, 4, 6); E4M3 has four
//! and three (up to 448); E8M0 is a power of two. A scale of E8M0 is rounded up, so that no element
//! leaves the range; elements and scales of E4M3 are rounded to even. Written as selects over integers,
//! so that the loops vectorise. Open Compute Project, Microscaling Formats 1.0, 2023.

use std::sync::Mutex;

use lazuli_core::dtype::Dtype;

use super::floats;
use crate::pool::Pool;

/// How an element is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Element {
    /// Four bits, the first in the low ones.
    E2m1,
    /// Eight bits.
    E4m3,
}

/// How a scale is stored, and how many elements share it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScaleKind {
    /// A power of two for 32 elements.
    E8m0,
    /// An E4M3 float for 16 elements.
    E4m3,
}

impl Element {
    const fn bits(self) -> usize {
        match self {
            Element::E2m1 => 4,
            Element::E4m3 => 8,
        }
    }

    const fn largest(self) -> f32 {
        match self {
            Element::E2m1 => 6.0,
            Element::E4m3 => 448.0,
        }
    }
}

impl ScaleKind {
    const fn group(self) -> usize {
        match self {
            ScaleKind::E8m0 => 32,
            ScaleKind::E4m3 => 16,
        }
    }

    #[inline(always)]
    fn decode(self, code: u8) -> f32 {
        match self {
            ScaleKind::E8m0 => from_e8m0(code),
            ScaleKind::E4m3 => from_e4m3(code),
        }
    }
}

/// Rows of whole groups of floats.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Elements.
    pub packed: &'a [u8],
    /// One byte per group.
    pub scales: &'a [u8],
    /// How the elements are stored.
    pub element: Element,
    /// How the scales are stored.
    pub scale: ScaleKind,
}

impl Block<'_> {
    /// Asserts that this can be `rows` rows of length `k`.
    ///
    /// # Panics
    /// If it cannot: shapes are the caller's contract.
    pub(crate) fn check(&self, rows: usize, k: usize) {
        let group = self.scale.group();
        assert!(
            k.is_multiple_of(group),
            "blocks: rows of {k} in groups of {group}"
        );
        assert!(
            self.packed.len() >= rows * k * self.element.bits() / 8,
            "blocks: elements are too short"
        );
        assert!(
            self.scales.len() >= rows * k / group,
            "blocks: scales are too short"
        );
    }

    /// The elements from `first` on, which starts a group, as f32.
    #[inline(always)]
    pub(crate) fn read(&self, first: usize, out: &mut [f32]) {
        let (group, bits) = (self.scale.group(), self.element.bits());
        let packed = &self.packed[first * bits / 8..];
        let scales = &self.scales[first / group..];
        let groups = out.chunks_mut(group).zip(packed.chunks(group * bits / 8));
        for ((out, packed), &scale) in groups.zip(scales) {
            let scale = self.scale.decode(scale);
            match self.element {
                Element::E2m1 => {
                    for (pair, &byte) in out.chunks_exact_mut(2).zip(packed) {
                        pair[0] = from_e2m1(byte & 15) * scale;
                        pair[1] = from_e2m1(byte >> 4) * scale;
                    }
                }
                Element::E4m3 => {
                    for (out, &byte) in out.iter_mut().zip(packed) {
                        *out = from_e4m3(byte) * scale;
                    }
                }
            }
        }
    }
}

/// The value of an E2M1 code.
#[inline(always)]
fn from_e2m1(code: u8) -> f32 {
    let code = u32::from(code);
    let magnitude = code & 7;
    let normal = (magnitude << 22) + (126 << 23);
    let small = (magnitude as f32 * 0.5).to_bits();
    let bits = if magnitude < 2 { small } else { normal };
    f32::from_bits(bits | (code & 8) << 28)
}

/// The code of a value: ties to even, beyond 6 and NaN to 6.
#[inline(always)]
fn to_e2m1(value: f32) -> u8 {
    let a = value.abs();
    let steps = u8::from(a > 0.25)
        + u8::from(a >= 0.75)
        + u8::from(a > 1.25)
        + u8::from(a >= 1.75)
        + u8::from(a > 2.5)
        + u8::from(a >= 3.5)
        + u8::from(a > 5.0);
    let magnitude = if a.is_nan() { 7 } else { steps };
    magnitude | (u8::from(value.is_sign_negative()) << 3)
}

/// The value of an E4M3 code; 0x7f and 0xff are NaN.
#[inline(always)]
pub(crate) fn from_e4m3(code: u8) -> f32 {
    let code = u32::from(code);
    let magnitude = code & 0x7f;
    let normal = (magnitude << 20) + (120 << 23);
    let small = (magnitude as f32 * (1.0 / 512.0)).to_bits();
    let bits = if magnitude < 8 { small } else { normal };
    let bits = if magnitude == 0x7f { 0x7fc0_0000 } else { bits };
    f32::from_bits(bits | (code & 0x80) << 24)
}

/// The code of a value: ties to even, beyond 448 to 448; NaN too, without a sign.
#[inline(always)]
pub(crate) fn to_e4m3(value: f32) -> u8 {
    let bits = value.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    // Adding 2^14 leaves the value in units of 2^-9 in the low bits: the adder rounds.
    let small = (f32::from_bits(magnitude) + 16384.0).to_bits() & 0xff;
    let rounded = magnitude.wrapping_add(0x7_ffff + ((magnitude >> 20) & 1)) >> 20;
    let normal = rounded.wrapping_sub(120 << 3);
    let code = if magnitude < 0x3c80_0000 {
        small
    } else {
        normal
    };
    let code = if magnitude >= 0x43e0_0000 { 0x7e } else { code };
    let sign = if magnitude > 0x7f80_0000 {
        0
    } else {
        bits >> 24 & 0x80
    };
    (code | sign) as u8
}

/// The value of an E8M0 code; 255 is NaN.
#[inline(always)]
fn from_e8m0(code: u8) -> f32 {
    f32::from_bits(match code {
        0 => 0x0040_0000,
        255 => 0x7fc0_0000,
        _ => u32::from(code) << 23,
    })
}

/// The code of the next power of two that is not below a value which is not negative; of zero 1.
fn to_e8m0(value: f32) -> u8 {
    let bits = value.to_bits();
    match bits {
        0 => 127,
        1..=0x0040_0000 => 0,
        0x7f80_0000.. => 255,
        _ => ((bits >> 23) + u32::from(bits & 0x7f_ffff != 0)) as u8,
    }
}

/// Where [`quantize_blocks`] writes.
#[derive(Debug)]
pub struct Blocks<'a> {
    /// Elements.
    pub packed: &'a mut [u8],
    /// One byte per group.
    pub scales: &'a mut [u8],
    /// How elements are stored.
    pub element: Element,
    /// How scales are stored.
    pub scale: ScaleKind,
}

/// Quantizes `w`, any number of whole groups of `dtype` (`F32`, `F16` or `BF16`).
///
/// # Panics
/// If the lengths do not fit together: shapes are the caller's contract.
pub fn quantize_blocks(pool: &Pool, w: &[u8], dtype: Dtype, out: Blocks<'_>) {
    let (element, scale) = (out.element, out.scale);
    let (size, group) = (dtype.size(), scale.group());
    let code_bytes = group * element.bits() / 8;
    let groups = out.scales.len();
    assert!(floats::is_float(dtype), "quantize: weights of {dtype}");
    assert_eq!(w.len(), groups * group * size, "quantize: not whole groups");
    assert_eq!(
        out.packed.len(),
        groups * code_bytes,
        "quantize: length of the elements"
    );
    let per_part = groups.div_ceil(pool.threads()).max(1);
    let parts: Vec<_> = w
        .chunks(per_part * group * size)
        .zip(out.packed.chunks_mut(per_part * code_bytes))
        .zip(out.scales.chunks_mut(per_part))
        .map(Mutex::new)
        .collect();
    pool.run(parts.len(), &|i| {
        // Each lock is taken once.
        let Ok(mut part) = parts[i].lock() else {
            return;
        };
        let ((w, packed), scales) = &mut *part;
        let mut values = [0.0; 32];
        let values = &mut values[..group];
        let sources = w.chunks_exact(group * size);
        for ((source, packed), to) in sources
            .zip(packed.chunks_exact_mut(code_bytes))
            .zip(&mut **scales)
        {
            floats::read(dtype, source, values);
            *to = encode(values, element, scale, packed);
        }
    });
}

/// Writes the elements of a group; its scale.
fn encode(values: &[f32], element: Element, kind: ScaleKind, packed: &mut [u8]) -> u8 {
    // By bits, so that NaN is the largest.
    let most = values
        .iter()
        .map(|v| v.to_bits() & 0x7fff_ffff)
        .max()
        .unwrap_or(0);
    let wanted = f32::from_bits(most) / element.largest();
    let code = match kind {
        ScaleKind::E8m0 => to_e8m0(wanted),
        ScaleKind::E4m3 => to_e4m3(wanted),
    };
    let scale = kind.decode(code);
    let scaled = |value: f32| if scale == 0.0 { 0.0 } else { value / scale };
    match element {
        Element::E2m1 => {
            for (byte, pair) in packed.iter_mut().zip(values.chunks_exact(2)) {
                *byte = to_e2m1(scaled(pair[0])) | (to_e2m1(scaled(pair[1])) << 4);
            }
        }
        Element::E4m3 => {
            for (byte, &value) in packed.iter_mut().zip(values) {
                *byte = to_e4m3(scaled(value));
            }
        }
    }
    code
}

/// Decodes all of `q` to `out` of `dtype` (`F32`, `F16` or `BF16`).
///
/// # Panics
/// If the lengths do not fit together: shapes are the caller's contract.
pub fn dequantize_blocks(pool: &Pool, q: &Block<'_>, out: &mut [u8], dtype: Dtype) {
    assert!(floats::is_float(dtype), "dequantize: to {dtype}");
    let (size, group) = (dtype.size(), q.scale.group());
    q.check(1, out.len() / size);
    if out.is_empty() {
        return;
    }
    let groups = out.len() / (group * size);
    let per_part = groups.div_ceil(pool.threads());
    let parts: Vec<_> = (out.chunks_mut(per_part * group * size))
        .map(Mutex::new)
        .collect();
    pool.run(parts.len(), &|part| {
        // Each lock is taken once.
        let Ok(mut out) = parts[part].lock() else {
            return;
        };
        let mut values = [0.0; 32];
        let values = &mut values[..group];
        for (i, out) in out.chunks_exact_mut(group * size).enumerate() {
            q.read((part * per_part + i) * group, values);
            floats::write(dtype, values, out);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code whose value is nearest, of two the even one, among `codes`.
    fn nearest(value: f64, codes: u8, decode: fn(u8) -> f32) -> u8 {
        let far = |c: u8| (f64::from(decode(c)) - value.abs()).abs();
        (0..codes)
            .reduce(|best, c| match far(c).total_cmp(&far(best)) {
                std::cmp::Ordering::Less => c,
                std::cmp::Ordering::Equal if c % 2 == 0 => c,
                _ => best,
            })
            .unwrap_or(0)
    }

    #[test]
    fn codes_are_those_of_the_nearest_value_and_of_the_even_one_between_two() {
        let e2m1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
        for (code, want) in e2m1.into_iter().enumerate() {
            assert_eq!(from_e2m1(code as u8), want);
            assert_eq!(from_e2m1(code as u8 | 8).to_bits(), (-want).to_bits());
        }
        for code in 0..0x7f {
            let (e, m) = (i32::from(code >> 3), f32::from(code & 7));
            let want = match e {
                0 => m / 512.0,
                _ => (1.0 + m / 8.0) * 2f32.powi(e - 7),
            };
            assert_eq!(from_e4m3(code), want);
            assert_eq!(to_e4m3(want), code);
            assert_eq!(to_e4m3(-want), code | 0x80);
        }
        assert!(from_e4m3(0x7f).is_nan() && from_e4m3(0xff).is_nan());
        let mut value = 1e-4f32;
        while value < 1000.0 {
            assert_eq!(
                to_e2m1(value),
                nearest(value.into(), 8, from_e2m1),
                "{value}"
            );
            assert_eq!(
                to_e4m3(value),
                nearest(value.into(), 127, from_e4m3),
                "{value}"
            );
            value *= 1.001;
        }
        let between = |decode: fn(u8) -> f32, c: u8| (decode(c) + decode(c + 1)) / 2.0;
        for code in 0..7 {
            assert_eq!(to_e2m1(between(from_e2m1, code)), code + code % 2);
        }
        for code in 0..0x7e {
            assert_eq!(to_e4m3(between(from_e4m3, code)), code + code % 2);
        }
        assert_eq!(to_e4m3(f32::NAN), 0x7e);
        assert_eq!(to_e4m3(f32::NEG_INFINITY), 0xfe);
        assert_eq!(to_e2m1(f32::NAN), 7);
    }

    #[test]
    fn scales_are_the_next_power_of_two() {
        for code in 1..=254 {
            let value = from_e8m0(code);
            assert_eq!(to_e8m0(value), code);
            assert_eq!(to_e8m0(value * 0.75), code);
            assert_eq!(to_e8m0(f32::from_bits(value.to_bits() + 1)), (code + 1));
        }
        assert_eq!(to_e8m0(0.0), 127);
        assert_eq!(to_e8m0(1e-44), 0);
        assert_eq!(to_e8m0(f32::INFINITY), 255);
        assert_eq!(to_e8m0(f32::NAN), 255);
    }
}
