//! The AVX2 path: f32 arithmetic with fused multiply-add in eight lanes.

use std::arch::x86_64::*;
use std::ops::Range;

use lazuli_core::dtype::Dtype;

use super::Matrix;
use super::portable::expand_f32;
use super::table::{Arithmetic, Decoder, Dot, ROWS, Tile};

const LANES: usize = 8;

pub(super) const ARITHMETIC: Arithmetic = Arithmetic {
    element: Dtype::F32,
    decoder: |_| Decoder {
        block: LANES,
        expand,
        matvec: None,
        reorder: None,
    },
    dot: &[dot::<1> as Dot, dot::<2>, dot::<3>],
};

/// The portable loops, compiled for AVX2.
#[target_feature(enable = "avx2,fma,f16c")]
fn expand(matrix: &Matrix<'_>, rows: Range<usize>, dst: &mut [u8]) {
    expand_f32(matrix, rows, dst, LANES);
}

/// Four weight rows at a time: with three columns, twelve accumulators.
///
/// # Safety
/// See [`Dot`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot<const C: usize>(tile: &Tile, x: &[*const u8], out: &mut [f32]) {
    assert_eq!(x.len(), C);
    for row in (0..tile.rows).step_by(ROWS) {
        // Rows beyond the last read the last again; `out` has room for their results.
        let weights: [*const f32; ROWS] = std::array::from_fn(|i| {
            let row = (row + i).min(tile.rows - 1);
            // SAFETY: the tile has this row.
            unsafe { tile.weights.add(row * tile.stride).cast() }
        });
        let mut sums = [[_mm256_setzero_ps(); ROWS]; C];
        for k in (0..tile.k).step_by(LANES) {
            // SAFETY: rows have `tile.k` elements, a multiple of the lanes.
            let w = weights.map(|row| unsafe { _mm256_loadu_ps(row.add(k)) });
            for (sums, x) in sums.iter_mut().zip(x) {
                // SAFETY: as above.
                let x = unsafe { _mm256_loadu_ps(x.cast::<f32>().add(k)) };
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum = _mm256_fmadd_ps(w, x, *sum);
                }
            }
        }
        for (c, sums) in sums.into_iter().enumerate() {
            let place = &mut out[c * tile.out_stride + row..][..ROWS];
            // SAFETY: `place` has four elements.
            unsafe { _mm_storeu_ps(place.as_mut_ptr(), totals(sums)) };
        }
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
