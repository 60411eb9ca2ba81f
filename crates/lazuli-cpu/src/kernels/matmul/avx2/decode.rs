//! The rows of each kind of weight as f32 vectors.
//!
//! Codes of any width come out of the bit stream in the same way: a byte shuffle puts the one or two
//! bytes of a code into its lane, a variable shift and a mask leave the code.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::super::streams::AffineRows;
use super::super::{Matrix, Weight};
use super::LANES;

/// One kind of weight as vectors of f32.
pub(super) trait Decode {
    /// Calls `sink(i, vectors)` for each vector `i` of the padded length, ascending, with one vector
    /// for each of `rows`.
    ///
    /// # Safety
    /// AVX2 is available, and the matrix is of this kind and has the rows.
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        sink: impl FnMut(usize, [__m256; R]),
    );
}

/// A float dtype: of scales and biases, or of dense weights.
pub(super) trait Scale {
    /// Bytes of one value.
    const SIZE: usize;

    /// Whether a code times a scale is exact in f32, so that fusing the addition changes nothing.
    const EXACT: bool;

    /// The value at `p` in all lanes.
    ///
    /// # Safety
    /// AVX2 is available and the value is readable.
    unsafe fn one(p: *const u8) -> __m256;

    /// The eight values at `p`.
    ///
    /// # Safety
    /// AVX2 is available and the values are readable.
    unsafe fn eight(p: *const u8) -> __m256;
}

pub(super) struct F32;
pub(super) struct F16;
pub(super) struct Bf16;

impl Scale for F32 {
    const SIZE: usize = 4;
    const EXACT: bool = false;

    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn one(p: *const u8) -> __m256 {
        // SAFETY: the caller's contract.
        _mm256_set1_ps(unsafe { p.cast::<f32>().read_unaligned() })
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn eight(p: *const u8) -> __m256 {
        // SAFETY: the caller's contract.
        unsafe { _mm256_loadu_ps(p.cast()) }
    }
}

impl Scale for F16 {
    const SIZE: usize = 2;
    const EXACT: bool = true;

    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn one(p: *const u8) -> __m256 {
        // SAFETY: the caller's contract.
        let bits = unsafe { p.cast::<i16>().read_unaligned() };
        _mm256_cvtph_ps(_mm_set1_epi16(bits))
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn eight(p: *const u8) -> __m256 {
        // SAFETY: the caller's contract.
        _mm256_cvtph_ps(unsafe { _mm_loadu_si128(p.cast()) })
    }
}

impl Scale for Bf16 {
    const SIZE: usize = 2;
    const EXACT: bool = true;

    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn one(p: *const u8) -> __m256 {
        // SAFETY: the caller's contract.
        let bits = _mm256_set1_epi16(unsafe { p.cast::<i16>().read_unaligned() });
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn eight(p: *const u8) -> __m256 {
        // SAFETY: the caller's contract.
        let bits = _mm256_cvtepu16_epi32(unsafe { _mm_loadu_si128(p.cast()) });
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
    }
}

/// Floats of the dtype that `S` names.
pub(super) struct Dense<S>(PhantomData<S>);

impl<S: Scale> Decode for Dense<S> {
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        mut sink: impl FnMut(usize, [__m256; R]),
    ) {
        let (Weight::F32(bytes) | Weight::F16(bytes) | Weight::BF16(bytes)) = matrix.weight else {
            return;
        };
        let k = matrix.k;
        let rows = rows.map(|row| bytes[row * k * S::SIZE..][..k * S::SIZE].as_ptr());
        let mut vectors = [_mm256_setzero_ps(); R];
        for i in 0..k / LANES {
            for (vector, row) in vectors.iter_mut().zip(rows) {
                // SAFETY: the row has these elements.
                *vector = unsafe { S::eight(row.add(i * LANES * S::SIZE)) };
            }
            sink(i, vectors);
        }
        if !k.is_multiple_of(LANES) {
            let i = k / LANES;
            for (vector, row) in vectors.iter_mut().zip(rows) {
                let mut padded = [0u8; LANES * 4];
                let tail = k % LANES * S::SIZE;
                // SAFETY: the row has the tail, and the copy has eight elements.
                *vector = unsafe {
                    let tail = std::slice::from_raw_parts(row.add(i * LANES * S::SIZE), tail);
                    padded[..tail.len()].copy_from_slice(tail);
                    S::eight(padded.as_ptr())
                };
            }
            sink(i, vectors);
        }
    }
}

/// Affine codes of `B` bits.
pub(super) struct Affine<const B: usize, S>(PhantomData<S>);

/// The first of the 16 bytes that hold the codes `8 * step..` of 32.
const fn window(bits: usize, step: usize) -> usize {
    let last = (bits * 4).saturating_sub(16);
    if step * bits < last {
        step * bits
    } else {
        last
    }
}

/// For each of the four steps through 32 codes: the bytes of each code in its window.
const fn code_bytes(bits: usize) -> [[u8; 32]; 4] {
    let mut index = [[0x80; 32]; 4];
    let mut i = 0;
    while i < 32 {
        let first = i * bits / 8 - window(bits, i / 8);
        let lane = i % 8 * 4;
        index[i / 8][lane] = first as u8;
        if i * bits % 8 + bits > 8 {
            index[i / 8][lane + 1] = first as u8 + 1;
        }
        i += 1;
    }
    index
}

/// The bit at which each code starts in its first byte.
const fn code_shifts(bits: usize) -> [i32; 8] {
    let mut shifts = [0; 8];
    let mut i = 0;
    while i < 8 {
        shifts[i] = (i * bits % 8) as i32;
        i += 1;
    }
    shifts
}

impl<const B: usize, S: Scale> Affine<B, S> {
    const BYTES: [[u8; 32]; 4] = code_bytes(B);
    const SHIFTS: [i32; 8] = code_shifts(B);

    /// Codes `8 * step..` of the 32 at `p`, as f32.
    ///
    /// # Safety
    /// `4 * B` bytes are readable.
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn codes(p: *const u8, step: usize) -> __m256 {
        // SAFETY: the loads are of 4, 8, 12 or 16 bytes of the 4 * B; the tables have 32 bytes.
        let (bytes, places, shifts) = unsafe {
            let bytes = match B {
                1 => _mm_set1_epi32(p.cast::<i32>().read_unaligned()),
                2 => _mm_set1_epi64x(p.cast::<i64>().read_unaligned()),
                3 => _mm_insert_epi32::<2>(
                    _mm_loadl_epi64(p.cast()),
                    p.add(8).cast::<i32>().read_unaligned(),
                ),
                _ => _mm_loadu_si128(p.add(window(B, step)).cast()),
            };
            (
                bytes,
                _mm256_loadu_si256(Self::BYTES[step].as_ptr().cast()),
                _mm256_loadu_si256(Self::SHIFTS.as_ptr().cast()),
            )
        };
        let spread = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), places);
        let shifted = _mm256_srlv_epi32(spread, shifts);
        _mm256_cvtepi32_ps(_mm256_and_si256(shifted, _mm256_set1_epi32((1 << B) - 1)))
    }
}

impl<const B: usize, S: Scale> Decode for Affine<B, S> {
    #[target_feature(enable = "avx2,fma,f16c")]
    #[inline]
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        mut sink: impl FnMut(usize, [__m256; R]),
    ) {
        let Weight::Affine(affine) = matrix.weight else {
            return;
        };
        let at = AffineRows::new(&affine, matrix.k, rows);
        let group_blocks = usize::from(affine.group) / 32;
        let mut block = 0;
        for group in 0..at.groups {
            at.prefetch(block * 4 * B, group_blocks * 4 * B);
            let mut scale = [_mm256_setzero_ps(); R];
            let mut bias = [_mm256_setzero_ps(); R];
            for r in 0..R {
                // SAFETY: the row has this group.
                unsafe {
                    scale[r] = S::one(at.scales[r].add(group * S::SIZE));
                    bias[r] = S::one(at.biases[r].add(group * S::SIZE));
                }
            }
            for _ in 0..group_blocks {
                for step in 0..4 {
                    let mut vectors = [_mm256_setzero_ps(); R];
                    for (r, vector) in vectors.iter_mut().enumerate() {
                        // SAFETY: the row has this block of 32 codes.
                        let codes = unsafe { Self::codes(at.codes[r].add(block * 4 * B), step) };
                        *vector = if S::EXACT {
                            _mm256_fmadd_ps(codes, scale[r], bias[r])
                        } else {
                            _mm256_add_ps(_mm256_mul_ps(codes, scale[r]), bias[r])
                        };
                    }
                    sink(block * 4 + step, vectors);
                }
                block += 1;
            }
        }
    }
}
