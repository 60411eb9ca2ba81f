//! Affine weights times rows of generated tokens: whole numbers within a group, floats across groups.
//!
//! One row meets each weight once, so unpacking bounds the product and every instruction counts. A
//! group's activations become integers of 16 bits by a power of two of their own: those within a
//! factor of 64 of the largest exactly, the others rounded to steps of at most 1/8192 of it. Codes
//! stay as they are packed but for a mask, bytes are multiplied by `vpdpbusd` with the high and the
//! low byte of each integer, and scales and biases meet a group's sum instead of each weight:
//! `x . (q s + b) = s (x . q) + b sum(x)`. Sums within a group are exact, weights are not rounded.
//!
//! 13 instructions for 128 weights of 4 bits, where weights of bf16 take 23 (`nibbles.rs`), and all
//! of them run at full rate also where `vpdpbf16ps` does not. Many rows are better served by decoding
//! a tile once, which is what prompts do: hence the role. An infinite or NaN activation makes its
//! row NaN.

use std::arch::x86_64::*;

use lazuli_core::dtype::Dtype;

use super::super::table::{Arrange, Decoder, Fused, MAX_COLUMNS, ROWS};
use super::super::{Affine, Matrix, Weight};
use super::AffineRows;
use super::kernels::totals;
use super::scales::{self, Scale};

/// Groups whose scales are read together: a vector of f32.
const SPAN: usize = 16;

/// Bytes that a span takes behind a row of activations: their scales and their sums, as f32.
const SPAN_BYTES: usize = SPAN * 4 * 2;

/// The functions for an affine weight.
pub(super) fn decoder(affine: &Affine<'_>) -> Decoder {
    match affine.bits {
        1 => decoder_of::<Stream<1>>(affine),
        2 => decoder_of::<Stream<2>>(affine),
        3 => decoder_of::<Stream<3>>(affine),
        4 => decoder_of::<Halves>(affine),
        5 => decoder_of::<Stream<5>>(affine),
        6 => decoder_of::<Stream<6>>(affine),
        _ => decoder_of::<Stream<8>>(affine),
    }
}

fn decoder_of<D: Codes>(affine: &Affine<'_>) -> Decoder {
    Decoder {
        block: D::BLOCK,
        expand: None,
        fused: &[
            product::<D, 1> as Fused,
            product::<D, 2>,
            product::<D, 3>,
            product::<D, 4>,
        ],
        arrange: Some(Arrange {
            group: affine.group.into(),
            extra: |k, group| (k / group).div_ceil(SPAN) * SPAN_BYTES,
            row: arrange::<D>,
        }),
    }
}

/// How codes become bytes.
trait Codes {
    /// Vectors of 64 codes that a block has.
    const VECTORS: usize;

    /// Codes of a block.
    const BLOCK: usize = Self::VECTORS * 64;

    /// Bytes of a block.
    const BYTES: usize;

    /// The vectors of a block of which `present` codes are in memory; the others have any value. Lane
    /// `i` of each holds some of the codes `i * BLOCK / 16..`, so that a lane is of one group.
    ///
    /// # Safety
    /// AVX-512 is available and the bytes of the codes are readable.
    unsafe fn read(p: *const u8, present: usize) -> [__m512i; 2];
}

/// 4 bits: the low halves of 64 bytes, then the high ones.
struct Halves;

impl Codes for Halves {
    const VECTORS: usize = 2;
    const BYTES: usize = 64;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn read(p: *const u8, present: usize) -> [__m512i; 2] {
        let mask = u64::MAX >> (64 - present / 2);
        // SAFETY: the caller's contract; masked bytes are not read.
        let bytes = unsafe { _mm512_maskz_loadu_epi8(mask, p.cast()) };
        let low = _mm512_set1_epi8(15);
        [
            _mm512_and_si512(bytes, low),
            _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low),
        ]
    }
}

/// Other widths, 8 included: 64 codes in their order.
struct Stream<const B: usize>;

impl<const B: usize> Stream<B> {
    /// Byte indices that bring codes `8q..8q + 8`, which are whole bytes, into quadword `q`.
    const SPREAD: [u8; 64] = {
        let mut index = [0; 64];
        let mut i = 0;
        while i < 64 {
            index[i] = (i / 8 * B + i % 8) as u8;
            i += 1;
        }
        index
    };

    /// The bit at which each byte's code starts in its quadword.
    const SHIFTS: [u8; 64] = {
        let mut shifts = [0; 64];
        let mut i = 0;
        while i < 64 {
            shifts[i] = (i % 8 * B) as u8;
            i += 1;
        }
        shifts
    };
}

impl<const B: usize> Codes for Stream<B> {
    const VECTORS: usize = 1;
    const BYTES: usize = 8 * B;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn read(p: *const u8, present: usize) -> [__m512i; 2] {
        let mask = u64::MAX >> (64 - present * B / 8);
        // SAFETY: the caller's contract; masked bytes are not read.
        let bytes = unsafe { _mm512_maskz_loadu_epi8(mask, p.cast()) };
        if B == 8 {
            return [bytes; 2];
        }
        // SAFETY: 64 bytes each.
        let (spread, shifts) = unsafe {
            (
                _mm512_loadu_si512(Self::SPREAD.as_ptr().cast()),
                _mm512_loadu_si512(Self::SHIFTS.as_ptr().cast()),
            )
        };
        let quadwords = _mm512_permutexvar_epi8(spread, bytes);
        let codes = _mm512_multishift_epi64_epi8(shifts, quadwords);
        [_mm512_and_si512(codes, _mm512_set1_epi8((1 << B) - 1)); 2]
    }
}

/// The values at `p`, one for each bit of `mask`, zeros elsewhere.
///
/// # Safety
/// AVX-512 is available and the values are readable.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
unsafe fn sixteen(dtype: Dtype, p: *const u8, mask: __mmask16) -> __m512 {
    // SAFETY: the caller's contract.
    unsafe {
        match dtype {
            Dtype::F32 => scales::F32::sixteen(p, mask),
            Dtype::F16 => scales::F16::sixteen(p, mask),
            _ => scales::Bf16::sixteen(p, mask),
        }
    }
}

/// # Safety
/// See [`Fused`]; the rows of `x` were arranged for `D`.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512bf16,avx2,fma,f16c"
)]
unsafe fn product<D: Codes, const C: usize>(
    matrix: &Matrix<'_>,
    rows: [usize; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    sums: &mut [[f32; ROWS]],
) {
    let Weight::Affine(affine) = matrix.weight else {
        return;
    };
    let k = matrix.k;
    let at = AffineRows::new(&affine, k, rows);
    let group = usize::from(affine.group);
    let (blocks, blocks_of_span) = (k.div_ceil(D::BLOCK), SPAN * group / D::BLOCK);
    // Groups are 32, 64 or 128: dividing is shifting.
    let shift = group.trailing_zeros();
    let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let lane = _mm512_mullo_epi32(lane, _mm512_set1_epi32((D::BLOCK / 16) as i32));
    let group_of_lane = _mm512_srl_epi32(lane, _mm_cvtsi32_si128(shift as i32));
    let tail = blocks * D::BLOCK * 2;
    let mut lanes = [[_mm512_setzero_ps(); ROWS]; C];
    for span in 0..at.groups.div_ceil(SPAN) {
        let mask = u16::MAX >> SPAN.saturating_sub(at.groups - span * SPAN);
        let offset = span * SPAN * affine.scale_dtype.size();
        let mut scaled = [[_mm512_setzero_ps(); ROWS]; C];
        for r in 0..ROWS {
            // SAFETY: the row has a scale and a bias for each bit of the mask, and each row of `x` a
            // span of scales and sums behind its integers.
            unsafe {
                let scales = sixteen(affine.scale_dtype, at.scales[r].add(offset), mask);
                let biases = sixteen(affine.scale_dtype, at.biases[r].add(offset), mask);
                for c in 0..C {
                    let x = x[c].add(tail + span * SPAN_BYTES).cast::<f32>();
                    scaled[c][r] = _mm512_mul_ps(scales, _mm512_loadu_ps(x));
                    let sums = _mm512_loadu_ps(x.add(SPAN));
                    lanes[c][r] = _mm512_fmadd_ps(biases, sums, lanes[c][r]);
                }
            }
        }
        let first = span * blocks_of_span;
        for block in first..blocks.min(first + blocks_of_span) {
            at.prefetch(block * D::BYTES, D::BYTES);
            let group_of_block = ((block - first) * D::BLOCK) >> shift;
            let groups = _mm512_add_epi32(group_of_lane, _mm512_set1_epi32(group_of_block as i32));
            let present = (k - block * D::BLOCK).min(D::BLOCK);
            for r in 0..ROWS {
                // SAFETY: the row has this many codes from here on, each row of `x` a padded block.
                unsafe {
                    let codes = D::read(at.codes[r].add(block * D::BYTES), present);
                    for c in 0..C {
                        let digits = x[c].add(block * D::BLOCK * 2).cast::<__m512i>();
                        let mut sum = _mm512_setzero_si512();
                        for (v, &codes) in codes[..D::VECTORS].iter().enumerate() {
                            let high = digits.add(v).read_unaligned();
                            sum = _mm512_dpbusd_epi32(sum, codes, high);
                        }
                        sum = _mm512_slli_epi32::<8>(sum);
                        for (v, &codes) in codes[..D::VECTORS].iter().enumerate() {
                            let low = digits.add(D::VECTORS + v).read_unaligned();
                            sum = _mm512_dpbusd_epi32(sum, codes, low);
                        }
                        let scale = _mm512_permutexvar_ps(groups, scaled[c][r]);
                        lanes[c][r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, lanes[c][r]);
                    }
                }
            }
        }
    }
    for (sums, lanes) in sums.iter_mut().zip(lanes) {
        // SAFETY: `sums` has four elements.
        unsafe { _mm_storeu_ps(sums.as_mut_ptr(), totals(lanes)) };
    }
}

/// A step of a group's integers and its inverse, both powers of two: the least of which the largest
/// activation, of these bf16 bits without the sign, has at most 32639, which is 127 times 256 plus
/// 127. NaN if it is not finite.
fn step(largest: u16) -> (f32, f32) {
    if largest >= 0x7f80 {
        return (f32::NAN, 0.0);
    }
    // All ones in the mantissa would be 32640 steps.
    let exponent = u32::from(largest >> 7) + u32::from(largest & 0x7f == 0x7f);
    // So small that all of it is zero is too small for an inverse.
    let exponent = exponent.max(16);
    let power = |biased: u32| f32::from_bits(biased << 23);
    (power(exponent - 14), power(254 + 14 - exponent))
}

/// Turns a row of bf16 into blocks of high bytes, then low bytes, in the order of `D`'s codes; behind
/// them the step of each group's integers, and their sum.
///
/// # Safety
/// See [`Arrange`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512bf16,avx2,fma,f16c"
)]
unsafe fn arrange<D: Codes>(row: &mut [u8], k: usize, group: usize) {
    let (elements, tail) = row.split_at_mut(k * 2);
    let spans = elements.chunks_mut(SPAN * group * 2);
    for (elements, tail) in spans.zip(tail.chunks_exact_mut(SPAN_BYTES)) {
        let (steps, sums) = tail.split_at_mut(SPAN * 4);
        let steps: &mut [f32] = bytemuck::cast_slice_mut(steps);
        let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
        steps.fill(0.0);
        let mut inverses = [0.0; SPAN];
        for (i, elements) in elements.chunks(group * 2).enumerate() {
            let bits = elements
                .chunks_exact(2)
                .map(|e| u16::from_le_bytes([e[0], e[1]]));
            let largest = bits.fold(0, |largest, bits| (bits & 0x7fff).max(largest));
            (steps[i], inverses[i]) = step(largest);
        }
        let mut totals = [0i32; SPAN];
        for (b, block) in elements.chunks_exact_mut(D::BLOCK * 2).enumerate() {
            let mut bytes = [[0u8; 64]; 4];
            let (high, low) = bytes.split_at_mut(D::VECTORS);
            for quarter in 0..D::BLOCK / 32 {
                // SAFETY: 64 bytes.
                let pairs = unsafe { _mm512_loadu_si512(block.as_ptr().add(quarter * 64).cast()) };
                let at = (b * D::BLOCK + quarter * 32) / group;
                let inverse = _mm512_set1_ps(inverses[at]);
                let integers = |floats: __m512i| {
                    _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_castsi512_ps(floats), inverse))
                };
                let even = integers(_mm512_slli_epi32::<16>(pairs));
                let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
                let odd = integers(_mm512_and_si512(pairs, upper));
                totals[at] =
                    totals[at].wrapping_add(_mm512_reduce_add_epi32(_mm512_add_epi32(even, odd)));
                let split = |integers: __m512i| {
                    let rounded = _mm512_add_epi32(integers, _mm512_set1_epi32(128));
                    let high = _mm512_srai_epi32::<8>(rounded);
                    // The low byte is what is left, modulo 256.
                    (_mm512_cvtepi32_epi8(high), _mm512_cvtepi32_epi8(integers))
                };
                let ((even_high, even_low), (odd_high, odd_low)) = (split(even), split(odd));
                for (bytes, even, odd) in [
                    (&mut *high, even_high, odd_high),
                    (&mut *low, even_low, odd_low),
                ] {
                    let places = if D::VECTORS == 2 {
                        [(0, quarter * 16, even), (1, quarter * 16, odd)]
                    } else {
                        [
                            (0, quarter * 32, _mm_unpacklo_epi8(even, odd)),
                            (0, quarter * 32 + 16, _mm_unpackhi_epi8(even, odd)),
                        ]
                    };
                    for (vector, first, sixteen) in places {
                        // SAFETY: 16 bytes of a vector.
                        unsafe {
                            _mm_storeu_si128(
                                bytes[vector][first..first + 16].as_mut_ptr().cast(),
                                sixteen,
                            );
                        }
                    }
                }
            }
            for (place, bytes) in block.chunks_exact_mut(64).zip(&bytes) {
                place.copy_from_slice(bytes);
            }
        }
        for ((sum, total), step) in sums.iter_mut().zip(totals).zip(steps.iter()) {
            *sum = total as f32 * step;
        }
    }
}
