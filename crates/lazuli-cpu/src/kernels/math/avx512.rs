//! The AVX-512 path: one register of sixteen lanes, bf16 dot products in hardware.

use super::lanes::{LANES, Lanes};
use std::arch::x86_64::*;

/// Proof that AVX-512 F, BW, VL, DQ and BF16 are there.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The proof, taken on trust.
    ///
    /// # Safety
    /// [`crate::Isa::Avx512`] is available on this machine.
    #[inline(always)]
    pub unsafe fn assume() -> Avx512 {
        Avx512(())
    }
}

macro_rules! lanewise {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: $type),*) -> $out {
            // SAFETY: `self` proves the features; no memory is touched.
            unsafe { $body }
        }
    )*};
}

macro_rules! through_memory {
    ($(unsafe fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)? = $body:expr;)*) => {$(
        #[inline(always)]
        unsafe fn $name(self, $($arg: $type),*) $(-> $out)? {
            // SAFETY: `self` proves the features; the caller gives memory of the whole vector.
            unsafe { $body }
        }
    )*};
}

impl Lanes for Avx512 {
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;

    through_memory! {
        unsafe fn load(from: *const f32) -> __m512 = _mm512_loadu_ps(from);
        unsafe fn store(x: __m512, to: *mut f32) = _mm512_storeu_ps(to, x);
        unsafe fn iload(from: *const u32) -> __m512i = _mm512_loadu_si512(from.cast());
        unsafe fn istore(x: __m512i, to: *mut u32) = _mm512_storeu_si512(to.cast(), x);
        unsafe fn iload16(from: *const u16) -> __m512i =
            _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
        unsafe fn istore16(x: __m512i, to: *mut u16) =
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(x));
        unsafe fn load_f16(from: *const u16) -> __m512 =
            _mm512_cvtph_ps(_mm256_loadu_si256(from.cast()));
        unsafe fn store_f16(x: __m512, to: *mut u16) =
            _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x));
    }

    lanewise! {
        fn splat(x: f32) -> __m512 = _mm512_set1_ps(x);
        fn isplat(x: u32) -> __m512i = _mm512_set1_epi32(x as i32);
        fn add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        fn sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        fn mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        fn div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fn fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fn max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        fn min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        fn ldexp(y: __m512, n: __m512) -> __m512 = _mm512_scalef_ps(y, n);
        fn select(m: __mmask16, a: __m512, b: __m512) -> __m512 = _mm512_mask_blend_ps(m, b, a);
        fn and(a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
        fn or(a: __m512i, b: __m512i) -> __m512i = _mm512_or_si512(a, b);
        fn iadd(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi32(a, b);
        fn shlv(a: __m512i, n: __m512i) -> __m512i = _mm512_sllv_epi32(a, n);
        fn shrv(a: __m512i, n: __m512i) -> __m512i = _mm512_srlv_epi32(a, n);
        fn bits(a: __m512) -> __m512i = _mm512_castps_si512(a);
        fn float(a: __m512i) -> __m512 = _mm512_castsi512_ps(a);
        fn convert(a: __m512i) -> __m512 = _mm512_cvtepi32_ps(a);
        fn pack_bf16(lo: __m512, hi: __m512) -> __m512i = {
            let lo: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(lo));
            let hi: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(hi));
            _mm512_or_si512(
                _mm512_cvtepu16_epi32(lo),
                _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(hi)),
            )
        };
        fn dot2(acc: __m512, a: __m512i, b: __m512i) -> __m512 =
            _mm512_dpbf16_ps(acc, std::mem::transmute::<__m512i, __m512bh>(a), std::mem::transmute::<__m512i, __m512bh>(b));
        fn iselect_nan(x: __m512, a: __m512i, b: __m512i) -> __m512i =
            _mm512_mask_blend_epi32(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x), b, a);
        fn sum(a: __m512) -> f32 = {
            let a = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
        };
        fn maximum(a: __m512) -> f32 = {
            let a = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
        };
    }

    #[inline(always)]
    fn fma64(self, a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn mask(self, bits: u16) -> __mmask16 {
        bits
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_slli_epi32::<N>(a) }
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_srli_epi32::<N>(a) }
    }
    #[inline(always)]
    fn lookup8(self, words: &[u32; 8], index: __m512i) -> __m512i {
        // SAFETY: `self` proves the features; `words` is 32 readable bytes.
        unsafe {
            let words = _mm512_castsi256_si512(_mm256_loadu_si256(words.as_ptr().cast()));
            _mm512_permutexvar_epi32(index, words)
        }
    }
    type Nibbles = __m512i;
    #[inline(always)]
    fn nibbles(self, scale: f32, bias: f32) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe {
            let codes = _mm512_setr_ps(
                0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0,
                15.0,
            );
            let values = _mm512_fmadd_ps(codes, _mm512_set1_ps(scale), _mm512_set1_ps(bias));
            let table: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(values));
            // Twice, so that the fifth bit of an index does not matter.
            _mm512_broadcast_i64x4(table)
        }
    }
    #[inline(always)]
    unsafe fn lookup_nibbles(self, table: __m512i, from: *const u32) -> __m512i {
        // SAFETY: `self` proves the features; the caller gives 16 readable bytes.
        unsafe {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
            // The low five bits of each half are an index: low nibble below, high nibble above.
            let index = _mm512_or_si512(bytes, _mm512_slli_epi32::<12>(bytes));
            _mm512_permutexvar_epi16(index, table)
        }
    }
    #[inline(always)]
    fn transpose(self, r: &mut [__m512i; LANES]) {
        // SAFETY: `self` proves the features; no memory is touched beyond `r`.
        unsafe {
            // 4 x 4 blocks within each 128-bit quarter, then the quarters themselves.
            let mut t = *r;
            for q in 0..4 {
                let (a, b, c, d) = (r[4 * q], r[4 * q + 1], r[4 * q + 2], r[4 * q + 3]);
                let ab_lo = _mm512_unpacklo_epi32(a, b);
                let ab_hi = _mm512_unpackhi_epi32(a, b);
                let cd_lo = _mm512_unpacklo_epi32(c, d);
                let cd_hi = _mm512_unpackhi_epi32(c, d);
                t[4 * q] = _mm512_unpacklo_epi64(ab_lo, cd_lo);
                t[4 * q + 1] = _mm512_unpackhi_epi64(ab_lo, cd_lo);
                t[4 * q + 2] = _mm512_unpacklo_epi64(ab_hi, cd_hi);
                t[4 * q + 3] = _mm512_unpackhi_epi64(ab_hi, cd_hi);
            }
            for i in 0..4 {
                let (a, b, c, d) = (t[i], t[4 + i], t[8 + i], t[12 + i]);
                let ab_even = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
                let ab_odd = _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
                let cd_even = _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d);
                let cd_odd = _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d);
                r[i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_even, cd_even);
                r[8 + i] = _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_even, cd_even);
                r[4 + i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_odd, cd_odd);
                r[12 + i] = _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_odd, cd_odd);
            }
        }
    }
}
