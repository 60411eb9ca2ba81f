//! Affine weights of other widths than 4 bits as bf16 vectors.
//!
//! Up to 6 bits a group has so few values that they are computed once, into a table of bf16 in a
//! register, and each 32 codes are one permute away from their weights. 8 bits are converted.
//!
//! Codes come out of the bit stream in two steps: a byte permute brings the bits of four codes into
//! each quadword (for 2 bits a broadcast load does it), and a multishift puts one code into each
//! word.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::super::table::Fused;
use super::super::{Matrix, Weight};
use super::bf16::Bf16;
use super::kernels::fused;
use super::scales::{Scale, decode};
use super::{AffineRows, Decode};

/// 1, 2, 3, 5 or 6 bits.
pub(super) struct Lookup<const B: usize, S>(PhantomData<S>);

/// 8 bits.
pub(super) struct Convert<S>(PhantomData<S>);

/// Byte indices that bring codes `4q..4q + 4` into quadword `q`.
const fn code_bytes(bits: usize) -> [u8; 64] {
    let mut index = [0; 64];
    let mut i = 0;
    while i < 64 {
        index[i] = (i / 8 * bits / 2 + i % 8) as u8;
        i += 1;
    }
    index
}

/// The bit at which each byte starts in its quadword: one code in the low byte of each word.
const fn code_shifts(bits: usize) -> [u8; 64] {
    let mut shifts = [0; 64];
    let mut i = 0;
    while i < 64 {
        let (quadword, code) = (i / 8, i % 8 / 2);
        let first = match bits {
            // All 32 codes are in every quadword.
            2 => quadword * 8,
            _ => quadword * bits * 4 % 8,
        };
        shifts[i] = (first + code * bits) as u8;
        i += 1;
    }
    shifts
}

impl<const B: usize, S: Scale> Lookup<B, S> {
    const BYTES: [u8; 64] = code_bytes(B);
    const SHIFTS: [u8; 64] = code_shifts(B);

    /// 32 codes, each in the low bits of a word; other bits are undefined.
    ///
    /// # Safety
    /// `4 * B` bytes are readable.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn codes(p: *const u8) -> __m512i {
        let spread = match B {
            // SAFETY: 8 bytes.
            2 => _mm512_set1_epi64(unsafe { p.cast::<i64>().read_unaligned() }),
            _ => {
                let mask = ((1u64 << (4 * B)) - 1) as u32;
                // SAFETY: masked bytes are not read.
                let bytes = unsafe { _mm256_maskz_loadu_epi8(mask, p.cast()) };
                _mm512_permutexvar_epi8(bytes_of(&Self::BYTES), _mm512_zextsi256_si512(bytes))
            }
        };
        _mm512_multishift_epi64_epi8(bytes_of(&Self::SHIFTS), spread)
    }

    /// The weights of all codes of a group; 64 for 6 bits, else 32, repeated if codes are fewer: a
    /// lookup ignores the bits above its five or six, and repetition makes it ignore more.
    ///
    /// # Safety
    /// A scale and a bias are readable.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn table(scale: *const u8, bias: *const u8) -> [__m512i; 2] {
        // SAFETY: the caller's contract.
        let (scale, bias) = unsafe { (S::one(scale), S::one(bias)) };
        let sixteen = |first: i32| {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let codes = _mm512_add_epi32(lanes, _mm512_set1_epi32(first));
            let codes = _mm512_and_si512(codes, _mm512_set1_epi32((1 << B) - 1));
            decode::<S>(_mm512_cvtepi32_ps(codes), scale, bias)
        };
        match B {
            6 => [
                pair(sixteen(0), sixteen(16)),
                pair(sixteen(32), sixteen(48)),
            ],
            5 => [pair(sixteen(0), sixteen(16)); 2],
            _ => {
                let all = sixteen(0);
                [pair(all, all); 2]
            }
        }
    }
}

impl<const B: usize, S: Scale> Decode for Lookup<B, S> {
    type Element = Bf16;

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
        let group_blocks = usize::from(affine.group) / 32;
        let mut block = 0;
        for group in 0..at.groups {
            at.prefetch(block * 4 * B, group_blocks * 4 * B);
            let mut tables = [[_mm512_setzero_si512(); 2]; R];
            for (r, table) in tables.iter_mut().enumerate() {
                // SAFETY: the row has this group.
                *table = unsafe {
                    let offset = group * S::SIZE;
                    Self::table(at.scales[r].add(offset), at.biases[r].add(offset))
                };
            }
            for _ in 0..group_blocks {
                let mut weights = [_mm512_setzero_si512(); R];
                for (r, weight) in weights.iter_mut().enumerate() {
                    // SAFETY: the row has this block of codes.
                    let codes = unsafe { Self::codes(at.codes[r].add(block * 4 * B)) };
                    let [table, second] = tables[r];
                    *weight = match B {
                        6 => _mm512_permutex2var_epi16(table, codes, second),
                        _ => _mm512_permutexvar_epi16(codes, table),
                    };
                }
                // SAFETY: the same 512 bits.
                sink(block, unsafe { as_bf16(weights) });
                block += 1;
            }
        }
    }
}

impl<S: Scale> Decode for Convert<S> {
    type Element = Bf16;

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
        let group_blocks = usize::from(affine.group) / 32;
        let mut block = 0;
        for group in 0..at.groups {
            at.prefetch(block * 32, group_blocks * 32);
            let mut scale = [_mm512_setzero_ps(); R];
            let mut bias = [_mm512_setzero_ps(); R];
            for r in 0..R {
                // SAFETY: the row has this group.
                unsafe {
                    scale[r] = S::one(at.scales[r].add(group * S::SIZE));
                    bias[r] = S::one(at.biases[r].add(group * S::SIZE));
                }
            }
            for _ in 0..group_blocks {
                let mut weights = [_mm512_setzero_si512(); R];
                for (r, weight) in weights.iter_mut().enumerate() {
                    // SAFETY: the row has this block of 32 codes.
                    let codes = unsafe { _mm256_loadu_si256(at.codes[r].add(block * 32).cast()) };
                    let [low, high] = [
                        _mm256_castsi256_si128(codes),
                        _mm256_extracti128_si256::<1>(codes),
                    ]
                    .map(|codes| {
                        let codes = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(codes));
                        decode::<S>(codes, scale[r], bias[r])
                    });
                    *weight = pair(low, high);
                }
                // SAFETY: the same 512 bits.
                sink(block, unsafe { as_bf16(weights) });
                block += 1;
            }
        }
    }
}

/// 32 bf16 from 32 f32.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
pub(super) fn pair(low: __m512, high: __m512) -> __m512i {
    let rounded = _mm512_cvtne2ps_pbh(high, low);
    // SAFETY: the same 512 bits.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(rounded) }
}

/// # Safety
/// AVX-512 is available.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
pub(super) unsafe fn as_bf16<const R: usize>(vectors: [__m512i; R]) -> [__m512bh; R] {
    // SAFETY: arrays of the same length of vectors of the same 512 bits.
    unsafe { std::mem::transmute_copy(&vectors) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn bytes_of(bytes: &'static [u8; 64]) -> __m512i {
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
