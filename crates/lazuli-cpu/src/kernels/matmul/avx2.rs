//! The AVX2 path: f32 arithmetic with fused multiply-add in eight lanes.

use std::arch::x86_64::*;

use lazuli_core::dtype::Dtype;

use super::Matrix;
use super::portable::expand_f32;
use super::table::{Arithmetic, Decoder, Dot, MAX_COLUMNS, ROWS};

const LANES: usize = 8;

pub(super) const ARITHMETIC: Arithmetic = Arithmetic {
    element: Dtype::F32,
    decoder: |_| Decoder {
        block: LANES,
        expand,
        fused: &[],
        reorder: None,
    },
    dot: &[dot::<1> as Dot, dot::<2>, dot::<3>],
};

/// The portable loops, compiled for AVX2.
#[target_feature(enable = "avx2,fma,f16c")]
fn expand(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    expand_f32(matrix, rows, dst);
}

/// With three columns, twelve accumulators.
///
/// # Safety
/// See [`Dot`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot<const C: usize>(
    weights: [*const u8; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    k: usize,
    sums: &mut [[f32; ROWS]],
) {
    let mut lanes = [[_mm256_setzero_ps(); ROWS]; C];
    for i in (0..k).step_by(LANES) {
        // SAFETY: rows have `k` elements, a multiple of the lanes.
        let w = weights.map(|row| unsafe { _mm256_loadu_ps(row.cast::<f32>().add(i)) });
        for (lanes, x) in lanes.iter_mut().zip(x) {
            // SAFETY: as above.
            let x = unsafe { _mm256_loadu_ps(x.cast::<f32>().add(i)) };
            for (lanes, w) in lanes.iter_mut().zip(w) {
                *lanes = _mm256_fmadd_ps(w, x, *lanes);
            }
        }
    }
    for (sums, lanes) in sums.iter_mut().zip(lanes) {
        // SAFETY: `sums` has four elements.
        unsafe { _mm_storeu_ps(sums.as_mut_ptr(), totals(lanes)) };
    }
}

/// The sum of each vector: lanes 4 apart, then 2, then 1.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn totals([a, b, c, d]: [__m256; ROWS]) -> __m128 {
    let halves = |a, b| {
        _mm256_add_ps(
            _mm256_permute2f128_ps::<0x20>(a, b),
            _mm256_permute2f128_ps::<0x31>(a, b),
        )
    };
    let (ab, cd) = (halves(a, b), halves(c, d));
    let (low, high) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
    let pairs = _mm256_add_ps(
        _mm256_castpd_ps(_mm256_unpacklo_pd(low, high)),
        _mm256_castpd_ps(_mm256_unpackhi_pd(low, high)),
    );
    let sums = _mm256_add_ps(
        _mm256_shuffle_ps::<0b10_00_10_00>(pairs, pairs),
        _mm256_shuffle_ps::<0b11_01_11_01>(pairs, pairs),
    );
    // Now [a, c, ..] and [b, d, ..].
    _mm_unpacklo_ps(
        _mm256_castps256_ps128(sums),
        _mm256_extractf128_ps::<1>(sums),
    )
}
