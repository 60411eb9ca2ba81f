//! Affine weights as bf16 vectors.
//!
//! Up to 6 bits a group has so few values that they are computed once, into a table of bf16 in a
//! register, and each 32 codes are one permute away from their weights. 8 bits are converted.
//!
//! Codes come out of the bit stream in two steps: a byte permute brings the bits of four codes into
//! each quadword (a broadcast load does it for 2 and 4 bits), and a multishift puts one code into
//! each word. For 4 bits the broadcast gives the even quadwords the first half of the codes and the
//! odd ones the second: that is [`Order::Interleaved`], and activations are reordered to match.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::super::table::Order;
use super::super::{Matrix, Weight};
use super::bf16::Bf16;
use super::scales::{Scale, decode};
use super::{AffineRows, Decode};

/// 2 to 6 bits.
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
            // All codes in every quadword.
            2 => quadword * 8,
            // Sixteen codes in every quadword, four of them used.
            4 => quadword / 2 * 16,
            _ => quadword * bits * 4 % 8,
        };
        shifts[i] = (first + code * bits) as u8;
        i += 1;
    }
    shifts
}

/// For each of 32 table entries: its group (`field` 0) or its code (1).
const fn entries(bits: usize, field: usize) -> [i32; 32] {
    let mut values = [0; 32];
    let mut i = 0;
    while i < 32 {
        values[i] = [i >> bits, i & ((1 << bits) - 1)][field] as i32;
        i += 1;
    }
    values
}

impl<const B: usize, S: Scale> Lookup<B, S> {
    const BYTES: [u8; 64] = code_bytes(B);
    const SHIFTS: [u8; 64] = code_shifts(B);
    const ENTRY_GROUPS: [i32; 32] = entries(B, 0);
    const ENTRY_CODES: [i32; 32] = entries(B, 1);

    /// Groups that share a table of 32 entries.
    const GROUPS: usize = if B < 5 { 32 >> B } else { 1 };

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
            // SAFETY: 16 bytes.
            4 => _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(p.cast()) }),
            _ => {
                let mask = ((1u64 << (4 * B)) - 1) as u32;
                // SAFETY: masked bytes are not read.
                let bytes = unsafe { _mm256_maskz_loadu_epi8(mask, p.cast()) };
                _mm512_permutexvar_epi8(bytes_of(&Self::BYTES), _mm512_zextsi256_si512(bytes))
            }
        };
        _mm512_multishift_epi64_epi8(bytes_of(&Self::SHIFTS), spread)
    }

    /// The weights of all codes of `count` groups; two registers for 6 bits.
    ///
    /// # Safety
    /// `count` scales and biases are readable, at most `GROUPS`.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn table(scales: *const u8, biases: *const u8, count: usize) -> [__m512i; 2] {
        let [low, high] = halves_of(&Self::ENTRY_CODES).map(|codes| _mm512_cvtepi32_ps(codes));
        // SAFETY: the caller's contract, for both blocks.
        let ([scale_low, scale_high], [bias_low, bias_high]) =
            unsafe { (Self::spread(scales, count), Self::spread(biases, count)) };
        if B == 6 {
            let part = |first: f32| {
                let first = _mm512_set1_ps(first);
                let low = decode::<S>(_mm512_add_ps(low, first), scale_low, bias_low);
                let high = decode::<S>(_mm512_add_ps(high, first), scale_low, bias_low);
                pair(low, high)
            };
            return [part(0.0), part(32.0)];
        }
        let low = decode::<S>(low, scale_low, bias_low);
        let high = decode::<S>(high, scale_high, bias_high);
        [pair(low, high), _mm512_setzero_si512()]
    }

    /// The value of each table entry's group.
    ///
    /// # Safety
    /// `count` values are readable.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn spread(p: *const u8, count: usize) -> [__m512; 2] {
        // SAFETY: the caller's contract, for all calls.
        unsafe {
            match (Self::GROUPS, count) {
                (2, 2) => S::pair(p),
                (1, _) | (2, _) => [S::one(p); 2],
                _ => {
                    let mask = ((1u32 << count) - 1) as __mmask8;
                    let values = _mm512_zextps256_ps512(S::up_to_eight(p, mask));
                    halves_of(&Self::ENTRY_GROUPS)
                        .map(|groups| _mm512_permutexvar_ps(groups, values))
                }
            }
        }
    }
}

impl<const B: usize, S: Scale> Decode for Lookup<B, S> {
    type Element = Bf16;

    const ORDER: Order = if B == 4 {
        Order::Interleaved
    } else {
        Order::Natural
    };

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
        let code_mask = _mm512_set1_epi16((1 << B) - 1);
        let next_group = _mm512_set1_epi16(1 << B);
        let mut block = 0;
        let mut group = 0;
        while group < at.groups {
            let count = Self::GROUPS.min(at.groups - group);
            at.prefetch(block * 4 * B, count * group_blocks * 4 * B);
            let mut tables = [[_mm512_setzero_si512(); 2]; R];
            for (r, table) in tables.iter_mut().enumerate() {
                // SAFETY: the row has these groups.
                *table = unsafe {
                    let offset = group * S::SIZE;
                    Self::table(at.scales[r].add(offset), at.biases[r].add(offset), count)
                };
            }
            let mut first_entry = _mm512_setzero_si512();
            for _ in 0..count {
                for _ in 0..group_blocks {
                    let mut weights = [_mm512_setzero_si512(); R];
                    for (r, weight) in weights.iter_mut().enumerate() {
                        // SAFETY: the row has this block of codes.
                        let codes = unsafe { Self::codes(at.codes[r].add(block * 4 * B)) };
                        let [table, second] = tables[r];
                        *weight = match B {
                            6 => _mm512_permutex2var_epi16(table, codes, second),
                            5 => _mm512_permutexvar_epi16(codes, table),
                            _ => {
                                // (codes & mask) | first_entry
                                let entry = _mm512_ternarylogic_epi32::<0xea>(
                                    codes,
                                    code_mask,
                                    first_entry,
                                );
                                _mm512_permutexvar_epi16(entry, table)
                            }
                        };
                    }
                    // SAFETY: the same 512 bits.
                    sink(block, unsafe { as_bf16(weights) });
                    block += 1;
                }
                first_entry = _mm512_add_epi16(first_entry, next_group);
            }
            group += count;
        }
    }
}

impl<S: Scale> Decode for Convert<S> {
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
fn pair(low: __m512, high: __m512) -> __m512i {
    let rounded = _mm512_cvtne2ps_pbh(high, low);
    // SAFETY: the same 512 bits.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(rounded) }
}

/// # Safety
/// AVX-512 is available.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
unsafe fn as_bf16<const R: usize>(vectors: [__m512i; R]) -> [__m512bh; R] {
    // SAFETY: arrays of the same length of vectors of the same 512 bits.
    unsafe { std::mem::transmute_copy(&vectors) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn bytes_of(bytes: &'static [u8; 64]) -> __m512i {
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn halves_of(words: &'static [i32; 32]) -> [__m512i; 2] {
    let first = words.as_ptr();
    // SAFETY: 32 words.
    unsafe {
        [
            _mm512_loadu_si512(first.cast()),
            _mm512_loadu_si512(first.add(16).cast()),
        ]
    }
}
