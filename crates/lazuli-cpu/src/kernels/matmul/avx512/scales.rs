//! Floats of the three dtypes, as f32 vectors: scales and biases, and dense weights.

use std::arch::x86_64::*;

/// The dtype of scales, biases or weights.
pub(super) trait Scale {
    /// Bytes of one value.
    const SIZE: usize;

    /// Whether a code times a scale is exact in f32, so that fusing the addition changes nothing.
    const EXACT: bool;

    /// The value at `p` in all lanes.
    ///
    /// # Safety
    /// AVX-512 is available and the value is readable.
    unsafe fn one(p: *const u8) -> __m512;

    /// The values at `p`, one for each bit of `mask`, zeros elsewhere.
    ///
    /// # Safety
    /// AVX-512 is available and the values are readable.
    unsafe fn sixteen(p: *const u8, mask: __mmask16) -> __m512;

    /// The two values at `p`, each in all lanes.
    ///
    /// # Safety
    /// AVX-512 is available and the values are readable.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn pair(p: *const u8) -> [__m512; 2] {
        // SAFETY: the caller's contract.
        unsafe { [Self::one(p), Self::one(p.add(Self::SIZE))] }
    }
}

pub(super) struct F32;
pub(super) struct F16;
pub(super) struct Bf16;

impl Scale for F32 {
    const SIZE: usize = 4;
    const EXACT: bool = false;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn one(p: *const u8) -> __m512 {
        // SAFETY: the caller's contract.
        _mm512_set1_ps(unsafe { p.cast::<f32>().read_unaligned() })
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn sixteen(p: *const u8, mask: __mmask16) -> __m512 {
        // SAFETY: the caller's contract; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(mask, p.cast()) }
    }
}

impl Scale for F16 {
    const SIZE: usize = 2;
    const EXACT: bool = true;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn one(p: *const u8) -> __m512 {
        // SAFETY: the caller's contract.
        let bits = unsafe { p.cast::<i16>().read_unaligned() };
        _mm512_cvtph_ps(_mm256_set1_epi16(bits))
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn sixteen(p: *const u8, mask: __mmask16) -> __m512 {
        // SAFETY: the caller's contract; masked lanes are not read.
        _mm512_cvtph_ps(unsafe { _mm256_maskz_loadu_epi16(mask, p.cast()) })
    }
}

impl Scale for Bf16 {
    const SIZE: usize = 2;
    const EXACT: bool = true;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn one(p: *const u8) -> __m512 {
        // SAFETY: the caller's contract.
        let bits = _mm512_set1_epi16(unsafe { p.cast::<i16>().read_unaligned() });
        // Shifted as vectors: a broadcast from memory is cheaper than one from a register.
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn sixteen(p: *const u8, mask: __mmask16) -> __m512 {
        // SAFETY: the caller's contract; masked lanes are not read.
        let bits = _mm512_cvtepu16_epi32(unsafe { _mm256_maskz_loadu_epi16(mask, p.cast()) });
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn pair(p: *const u8) -> [__m512; 2] {
        // SAFETY: the caller's contract.
        let both = _mm512_set1_epi32(unsafe { p.cast::<i32>().read_unaligned() });
        let second = _mm512_and_si512(both, _mm512_set1_epi32(0xffff_0000_u32 as i32));
        [
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(both)),
            _mm512_castsi512_ps(second),
        ]
    }
}

/// `codes * scale + bias`, the product rounded to f32.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
pub(super) fn decode<S: Scale>(codes: __m512, scale: __m512, bias: __m512) -> __m512 {
    if S::EXACT {
        _mm512_fmadd_ps(codes, scale, bias)
    } else {
        _mm512_add_ps(_mm512_mul_ps(codes, scale), bias)
    }
}
