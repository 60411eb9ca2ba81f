//! The AVX2 path: sixteen lanes as two registers of eight.

use super::lanes::{LANES, Lanes, nibbles_by_arithmetic};
use std::arch::x86_64::*;

/// Proof that AVX2, FMA and F16C are there.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The proof, taken on trust.
    ///
    /// # Safety
    /// [`crate::Isa::Avx2`] is available on this machine.
    #[inline(always)]
    pub unsafe fn assume() -> Avx2 {
        Avx2(())
    }
}

type F = [__m256; 2];
type I = [__m256i; 2];

macro_rules! halfwise {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: [$type; 2]),*) -> [$out; 2] {
            // SAFETY: `self` proves the features; no memory is touched.
            unsafe {
                let lo = { $(let $arg = $arg[0];)* $body };
                let hi = { $(let $arg = $arg[1];)* $body };
                [lo, hi]
            }
        }
    )*};
}

impl Lanes for Avx2 {
    type F = F;
    type I = I;
    type M = F;

    halfwise! {
        fn add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        fn sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        fn mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        fn div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        fn fma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        fn max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        fn min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        fn select(m: __m256, a: __m256, b: __m256) -> __m256 = _mm256_blendv_ps(b, a, m);
        fn and(a: __m256i, b: __m256i) -> __m256i = _mm256_and_si256(a, b);
        fn or(a: __m256i, b: __m256i) -> __m256i = _mm256_or_si256(a, b);
        fn iadd(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        fn shlv(a: __m256i, n: __m256i) -> __m256i = _mm256_sllv_epi32(a, n);
        fn shrv(a: __m256i, n: __m256i) -> __m256i = _mm256_srlv_epi32(a, n);
        fn bits(a: __m256) -> __m256i = _mm256_castps_si256(a);
        fn float(a: __m256i) -> __m256 = _mm256_castsi256_ps(a);
        fn convert(a: __m256i) -> __m256 = _mm256_cvtepi32_ps(a);
        fn ldexp(y: __m256, n: __m256) -> __m256 = {
            // Two factors, so that neither leaves the range of normal numbers.
            let n = _mm256_cvtps_epi32(n);
            let first = _mm256_srai_epi32::<1>(n);
            let bias = _mm256_set1_epi32(127);
            let a = _mm256_slli_epi32::<23>(_mm256_add_epi32(first, bias));
            let b = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_sub_epi32(n, first), bias));
            _mm256_mul_ps(_mm256_mul_ps(y, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b))
        };
        fn iselect_nan(x: __m256, a: __m256i, b: __m256i) -> __m256i = {
            let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
            _mm256_blendv_epi8(b, a, nan)
        };
    }

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        // SAFETY: `self` proves the features.
        unsafe { [_mm256_set1_ps(x); 2] }
    }
    #[inline(always)]
    fn isplat(self, x: u32) -> I {
        // SAFETY: `self` proves the features.
        unsafe { [_mm256_set1_epi32(x as i32); 2] }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F {
        // SAFETY: `self` proves the features; the caller gives 64 readable bytes.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }
    #[inline(always)]
    unsafe fn store(self, x: F, to: *mut f32) {
        // SAFETY: `self` proves the features; the caller gives 64 writable bytes.
        unsafe {
            _mm256_storeu_ps(to, x[0]);
            _mm256_storeu_ps(to.add(8), x[1]);
        }
    }
    #[inline(always)]
    unsafe fn iload(self, from: *const u32) -> I {
        // SAFETY: `self` proves the features; the caller gives 64 readable bytes.
        unsafe {
            [
                _mm256_loadu_si256(from.cast()),
                _mm256_loadu_si256(from.add(8).cast()),
            ]
        }
    }
    #[inline(always)]
    unsafe fn istore(self, x: I, to: *mut u32) {
        // SAFETY: `self` proves the features; the caller gives 64 writable bytes.
        unsafe {
            _mm256_storeu_si256(to.cast(), x[0]);
            _mm256_storeu_si256(to.add(8).cast(), x[1]);
        }
    }
    #[inline(always)]
    unsafe fn iload16(self, from: *const u16) -> I {
        // SAFETY: `self` proves the features; the caller gives 32 readable bytes.
        unsafe {
            [
                _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast())),
                _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(8).cast())),
            ]
        }
    }
    #[inline(always)]
    unsafe fn istore16(self, x: I, to: *mut u16) {
        // SAFETY: `self` proves the features; the caller gives 32 writable bytes. The high halves
        // are cleared first, because the pack saturates.
        unsafe {
            let low = _mm256_set1_epi32(0xffff);
            let packed =
                _mm256_packus_epi32(_mm256_and_si256(x[0], low), _mm256_and_si256(x[1], low));
            _mm256_storeu_si256(to.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
        }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> F {
        // SAFETY: `self` proves the features; the caller gives 32 readable bytes.
        unsafe {
            [
                _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())),
            ]
        }
    }
    #[inline(always)]
    unsafe fn store_f16(self, x: F, to: *mut u16) {
        // SAFETY: `self` proves the features; the caller gives 32 writable bytes.
        unsafe {
            let lo = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x[0]);
            let hi = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x[1]);
            _mm_storeu_si128(to.cast(), lo);
            _mm_storeu_si128(to.add(8).cast(), hi);
        }
    }
    #[inline(always)]
    fn fma64(self, a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn mask(self, bits: u16) -> F {
        // SAFETY: `self` proves the features.
        unsafe {
            let bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let lo = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), bit);
            let hi = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits >> 8)), bit);
            [
                _mm256_castsi256_ps(_mm256_cmpeq_epi32(lo, bit)),
                _mm256_castsi256_ps(_mm256_cmpeq_epi32(hi, bit)),
            ]
        }
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: I) -> I {
        self.shlv(a, self.isplat(N))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: I) -> I {
        self.shrv(a, self.isplat(N))
    }
    #[inline(always)]
    fn lookup8(self, words: &[u32; 8], index: I) -> I {
        // SAFETY: `self` proves the features; `words` is 32 readable bytes.
        unsafe {
            let words = _mm256_loadu_si256(words.as_ptr().cast());
            [
                _mm256_permutevar8x32_epi32(words, index[0]),
                _mm256_permutevar8x32_epi32(words, index[1]),
            ]
        }
    }
    #[inline(always)]
    fn pack_bf16(self, lo: F, hi: F) -> I {
        self.or(self.round_bf16(lo), self.shl::<16>(self.round_bf16(hi)))
    }
    #[inline(always)]
    fn dot2(self, acc: F, a: I, b: I) -> F {
        let acc = self.fma(self.low_bf16(a), self.low_bf16(b), acc);
        self.fma(self.high_bf16(a), self.high_bf16(b), acc)
    }
    type Nibbles = (f32, f32);
    #[inline(always)]
    fn nibbles(self, scale: f32, bias: f32) -> (f32, f32) {
        (scale, bias)
    }
    #[inline(always)]
    unsafe fn lookup_nibbles(self, table: (f32, f32), from: *const u32) -> I {
        // SAFETY: the caller's promise.
        unsafe { nibbles_by_arithmetic(self, table, from) }
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [I; LANES]) {
        let from = *rows;
        for half in 0..2 {
            for other in 0..2 {
                let mut block = [from[0][0]; 8];
                for i in 0..8 {
                    block[i] = from[8 * other + i][half];
                }
                // SAFETY: `self` proves the features.
                unsafe { transpose8(&mut block) };
                for i in 0..8 {
                    rows[8 * half + i][other] = block[i];
                }
            }
        }
    }
    #[inline(always)]
    fn sum(self, a: F) -> f32 {
        // SAFETY: `self` proves the features.
        unsafe {
            let a = _mm256_add_ps(a[0], a[1]);
            let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
        }
    }
    #[inline(always)]
    fn maximum(self, a: F) -> f32 {
        // SAFETY: `self` proves the features.
        unsafe {
            let a = _mm256_max_ps(a[0], a[1]);
            let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
        }
    }
}

/// Transposes 8 x 8 words.
///
/// # Safety
/// AVX2 is available.
#[inline(always)]
unsafe fn transpose8(r: &mut [__m256i; 8]) {
    // SAFETY: the caller has AVX2; no memory is touched beyond `r`.
    unsafe {
        let mut t = *r;
        for q in 0..2 {
            let (a, b, c, d) = (r[4 * q], r[4 * q + 1], r[4 * q + 2], r[4 * q + 3]);
            let ab_lo = _mm256_unpacklo_epi32(a, b);
            let ab_hi = _mm256_unpackhi_epi32(a, b);
            let cd_lo = _mm256_unpacklo_epi32(c, d);
            let cd_hi = _mm256_unpackhi_epi32(c, d);
            t[4 * q] = _mm256_unpacklo_epi64(ab_lo, cd_lo);
            t[4 * q + 1] = _mm256_unpackhi_epi64(ab_lo, cd_lo);
            t[4 * q + 2] = _mm256_unpacklo_epi64(ab_hi, cd_hi);
            t[4 * q + 3] = _mm256_unpackhi_epi64(ab_hi, cd_hi);
        }
        for i in 0..4 {
            r[i] = _mm256_permute2x128_si256::<0x20>(t[i], t[4 + i]);
            r[4 + i] = _mm256_permute2x128_si256::<0x31>(t[i], t[4 + i]);
        }
    }
}
