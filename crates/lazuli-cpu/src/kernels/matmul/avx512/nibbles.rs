//! Affine weights of 4 bits as bf16 vectors: the format that most checkpoints have.
//!
//! 64 bytes hold 128 codes, and shifting their 32 words by 0, 4, 8 and 12 bits brings every fourth
//! code to the bottom of a word, where one permute looks it up in a table of bf16 weights. So
//! vector `s` of a block has elements `4i + s`, and activations are reordered to match. Wide loads
//! and shifts cost a third less than the general way of `affine.rs`. A table serves two groups: bit
//! 4 of an index says which, and is set by lane.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::super::table::{ArrangeRow, Fused};
use super::super::{Matrix, Weight};
use super::affine::{as_bf16, pair};
use super::bf16::Bf16;
use super::kernels::fused;
use super::scales::{Scale, decode};
use super::{AffineRows, Decode};

/// Elements of a block.
const BLOCK: usize = 128;

/// 4 bits in groups of `G`.
pub(super) struct Nibbles<const G: usize, S>(PhantomData<S>);

impl<const G: usize, S: Scale> Nibbles<G, S> {
    /// The bf16 weights of all codes of up to two groups: entries 16 and up are the second's. Zeros
    /// where a group is missing, which its codes multiply with padding.
    ///
    /// # Safety
    /// `groups` scales and biases are readable.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn table(scales: *const u8, biases: *const u8, groups: usize) -> __m512i {
        let codes = _mm512_setr_ps(
            0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
        );
        // SAFETY: the caller's contract, for all reads.
        unsafe {
            if groups >= 2 {
                let [scale, next_scale] = S::pair(scales);
                let [bias, next_bias] = S::pair(biases);
                pair(
                    decode::<S>(codes, scale, bias),
                    decode::<S>(codes, next_scale, next_bias),
                )
            } else if groups == 1 {
                let weights = decode::<S>(codes, S::one(scales), S::one(biases));
                // A whole block in one group ignores bit 4; else the second group is missing.
                let second = if G == BLOCK {
                    weights
                } else {
                    _mm512_setzero_ps()
                };
                pair(weights, second)
            } else {
                _mm512_setzero_si512()
            }
        }
    }
}

impl<const G: usize, S: Scale> Decode for Nibbles<G, S> {
    type Element = Bf16;

    const BLOCK: usize = BLOCK;

    const REORDER: Option<ArrangeRow> = Some(reorder);

    const FUSED: &'static [Fused] = &[
        fused::<Self, 1>,
        fused::<Self, 2>,
        fused::<Self, 3>,
        fused::<Self, 4>,
    ];

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        mut sink: impl FnMut(usize, [__m512bh; R]),
    ) {
        let Weight::Affine(affine) = matrix.weight else {
            return;
        };
        let at = AffineRows::new(&affine, matrix.k, rows);
        let nibble = _mm512_set1_epi16(15);
        // The entry at which the table of a word's group starts.
        let first_entry = match G {
            // Words 0 to 7 are the first group, and so on.
            32 => _mm512_set_epi64(
                ENTRY * 3,
                ENTRY * 3,
                ENTRY * 2,
                ENTRY * 2,
                ENTRY,
                ENTRY,
                0,
                0,
            ),
            _ => _mm512_set_epi64(ENTRY, ENTRY, ENTRY, ENTRY, 0, 0, 0, 0),
        };
        for block in 0..matrix.k.div_ceil(BLOCK) {
            at.prefetch(block * 64, 64);
            let rest = (matrix.k - block * BLOCK).min(BLOCK);
            let groups = rest / G;
            let offset = block * (BLOCK / G) * S::SIZE;
            let present = u64::MAX >> (64 - rest / 2);
            let mut words = [_mm512_setzero_si512(); R];
            let mut tables = [[_mm512_setzero_si512(); 2]; R];
            for r in 0..R {
                // SAFETY: the row has `rest` codes in `groups` groups from here on.
                unsafe {
                    let codes = at.codes[r].add(block * 64);
                    words[r] = _mm512_maskz_loadu_epi8(present, codes.cast());
                    let (scales, biases) = (at.scales[r].add(offset), at.biases[r].add(offset));
                    tables[r][0] = Self::table(scales, biases, groups);
                    if G == 32 {
                        let (scales, biases) = (
                            scales.wrapping_add(2 * S::SIZE),
                            biases.wrapping_add(2 * S::SIZE),
                        );
                        tables[r][1] = Self::table(scales, biases, groups.saturating_sub(2));
                    }
                }
            }
            for step in 0..4 {
                let mut weights = [_mm512_setzero_si512(); R];
                for (r, weight) in weights.iter_mut().enumerate() {
                    let [table, second] = tables[r];
                    // (words & nibble) | first_entry
                    let entries =
                        || _mm512_ternarylogic_epi32::<0xea>(words[r], nibble, first_entry);
                    *weight = match G {
                        32 => _mm512_permutex2var_epi16(table, entries(), second),
                        64 => _mm512_permutexvar_epi16(entries(), table),
                        _ => _mm512_permutexvar_epi16(words[r], table),
                    };
                    words[r] = _mm512_srli_epi16::<4>(words[r]);
                }
                // SAFETY: AVX-512 is available here.
                sink(block * 4 + step, unsafe { as_bf16(weights) });
            }
        }
    }
}

/// Sixteen in each word of a quadword.
const ENTRY: i64 = 0x0010_0010_0010_0010;

/// Puts elements `4i + s` of each block of 128 bf16 at `32s + i`.
///
/// # Safety
/// See [`ArrangeRow`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn reorder(row: &mut [u8], _: usize, _: usize) {
    // Within 32 elements: those of each `s` together, in a quarter of the register.
    let gather = _mm512_set_epi16(
        31, 27, 23, 19, 15, 11, 7, 3, 30, 26, 22, 18, 14, 10, 6, 2, 29, 25, 21, 17, 13, 9, 5, 1,
        28, 24, 20, 16, 12, 8, 4, 0,
    );
    for block in row.chunks_exact_mut(BLOCK * 2) {
        let mut at = [_mm512_setzero_si512(); 4];
        for (vector, bytes) in at.iter_mut().zip(block.chunks_exact(64)) {
            // SAFETY: 64 bytes.
            let elements = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
            *vector = _mm512_permutexvar_epi16(gather, elements);
        }
        // Transpose the quarters.
        let [a, b, c, d] = at;
        let ab_low = _mm512_shuffle_i32x4::<0b01_00_01_00>(a, b);
        let ab_high = _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b);
        let cd_low = _mm512_shuffle_i32x4::<0b01_00_01_00>(c, d);
        let cd_high = _mm512_shuffle_i32x4::<0b11_10_11_10>(c, d);
        let transposed = [
            _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_low, cd_low),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_low, cd_low),
            _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_high, cd_high),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_high, cd_high),
        ];
        for (vector, bytes) in transposed.into_iter().zip(block.chunks_exact_mut(64)) {
            // SAFETY: 64 bytes.
            unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), vector) };
        }
    }
}
