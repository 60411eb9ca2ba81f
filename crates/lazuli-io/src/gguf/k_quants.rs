//! The K-quants: super-blocks of 256 elements whose groups have scales that are quantized themselves.
//!
//! In each, 2-bit to 6-bit numbers lie in planes: a run of 32 bytes holds the same 32 places of several
//! groups of 32, one after another from the low bits up.

use super::blocks::half;

/// 256 numbers of 2 bits: two runs of 32 bytes, four planes each.
fn two_bits(packed: &[u8], at: usize) -> u8 {
    let (run, plane, place) = (at / 128, at / 32 % 4, at % 32);
    (packed[run * 32 + place] >> (2 * plane)) & 3
}

/// 256 numbers of 4 bits: four runs of 32 bytes, two planes each.
fn four_bits(packed: &[u8], at: usize) -> u8 {
    let (run, plane, place) = (at / 64, at / 32 % 2, at % 32);
    (packed[run * 32 + place] >> (4 * plane)) & 15
}

/// 256 single bits: one run of 32 bytes, eight planes.
fn bit(packed: &[u8], at: usize) -> u8 {
    (packed[at % 32] >> (at / 32)) & 1
}

/// Groups of 16: a scale and a minimum of 4 bits each in one byte.
pub(super) fn q2(block: &[u8], out: &mut [f32]) {
    let (scales, packed) = (&block[..16], &block[16..80]);
    let (scale, least) = (half(block, 80), half(block, 82));
    for (i, out) in out.iter_mut().enumerate() {
        let group = scales[i / 16];
        let q = f32::from(two_bits(packed, i));
        *out = scale * f32::from(group & 15) * q - least * f32::from(group >> 4);
    }
}

/// Groups of 16: a scale of 6 bits, of which four are in nibbles and two in planes of four bytes.
pub(super) fn q3(block: &[u8], out: &mut [f32]) {
    let (high, packed, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let scale = half(block, 108);
    for (i, out) in out.iter_mut().enumerate() {
        let group = i / 16;
        let low = (scales[group % 8] >> (4 * (group / 8))) & 15;
        let top = (scales[8 + group % 4] >> (2 * (group / 4))) & 3;
        let group = f32::from(low | top << 4) - 32.0;
        let q = two_bits(packed, i) | bit(high, i) << 2;
        *out = scale * group * (f32::from(q) - 4.0);
    }
}

/// Scale and minimum, 6 bits each, of one of eight groups of 32.
fn scale_and_least(packed: &[u8], group: usize) -> (f32, f32) {
    let (scale, least) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let low = packed[group + 4];
        (
            low & 15 | (packed[group - 4] >> 6) << 4,
            low >> 4 | (packed[group] >> 6) << 4,
        )
    };
    (scale.into(), least.into())
}

fn with_least(block: &[u8], out: &mut [f32], number: impl Fn(usize) -> u8) {
    let (scale, least) = (half(block, 0), half(block, 2));
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (s, m) = scale_and_least(&block[4..16], group);
        for (place, out) in out.iter_mut().enumerate() {
            *out = scale * s * f32::from(number(group * 32 + place)) - least * m;
        }
    }
}

pub(super) fn q4(block: &[u8], out: &mut [f32]) {
    with_least(block, out, |i| four_bits(&block[16..144], i));
}

pub(super) fn q5(block: &[u8], out: &mut [f32]) {
    let (high, packed) = (&block[16..48], &block[48..176]);
    with_least(block, out, |i| four_bits(packed, i) | bit(high, i) << 4);
}

/// Groups of 16 with a signed byte as scale. The low nibbles lie in runs of 64 bytes, two planes each.
pub(super) fn q6(block: &[u8], out: &mut [f32]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half(block, 208);
    for (i, out) in out.iter_mut().enumerate() {
        let (run, plane, place) = (i / 128, i / 64 % 2, i % 64);
        let nibble = (low[run * 64 + place] >> (4 * plane)) & 15;
        let q = nibble | two_bits(high, i) << 4;
        *out = scale * f32::from(scales[i / 16] as i8) * (f32::from(q) - 32.0);
    }
}

/// A scale in `f32` and bytes; the sums of groups that follow serve products and are not read.
pub(super) fn q8(block: &[u8], out: &mut [f32]) {
    let scale = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    for (out, &q) in out.iter_mut().zip(&block[4..260]) {
        *out = scale * f32::from(q as i8);
    }
}
