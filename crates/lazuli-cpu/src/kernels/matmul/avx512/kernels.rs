//! The three kernels of an arithmetic: one row of activations, several, and decoding to a tile.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::Matrix;
use super::super::table::{Decoder, ROWS, Tile};
use super::{Decode, Element, VectorOf};

/// The functions for a kind of weight.
pub(super) fn decoder<D: Decode>() -> Decoder {
    Decoder {
        block: D::BLOCK,
        expand: expand::<D>,
        matvec: Some(matvec::<D>),
        reorder: D::REORDER,
    }
}

/// `row`, `row + 1`, ..: those beyond the end are the last again.
fn four_rows(row: usize, end: usize) -> [usize; ROWS] {
    std::array::from_fn(|i| (row + i).min(end - 1))
}

/// # Safety
/// See [`super::super::table::Matvec`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn matvec<D: Decode>(
    matrix: &Matrix<'_>,
    rows: Range<usize>,
    x: *const u8,
    out: &mut [f32],
) {
    for (row, out) in rows.clone().step_by(ROWS).zip(out.chunks_mut(ROWS)) {
        let mut sums = [_mm512_setzero_ps(); ROWS];
        // SAFETY: this function needs AVX-512; the rows are in the matrix, which is of this kind;
        // `x` has the padded length.
        unsafe {
            D::rows::<ROWS>(matrix, four_rows(row, rows.end), |block, vectors| {
                let x = D::Element::load(x, block);
                for (sum, w) in sums.iter_mut().zip(vectors) {
                    *sum = D::Element::multiply(*sum, w, x);
                }
            });
        }
        let mut four = [0.0; ROWS];
        // SAFETY: `four` has four elements.
        unsafe { _mm_storeu_ps(four.as_mut_ptr(), totals(sums)) };
        out.copy_from_slice(&four[..out.len()]);
    }
}

/// # Safety
/// See [`super::super::table::Expand`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn expand<D: Decode>(matrix: &Matrix<'_>, rows: Range<usize>, dst: &mut [u8]) {
    let stride = dst.len() / rows.len();
    for row in rows.clone().step_by(ROWS) {
        let four = four_rows(row, rows.end);
        let places = four.map(|row| dst[(row - rows.start) * stride..].as_mut_ptr());
        // SAFETY: this function needs AVX-512; the rows are in the matrix, which is of this kind;
        // each place has the padded length.
        unsafe {
            D::rows::<ROWS>(matrix, four, |block, vectors: [VectorOf<D>; ROWS]| {
                for (place, vector) in places.into_iter().zip(vectors) {
                    D::Element::store(place, block, vector);
                }
            });
        }
    }
}

/// Four weight rows at a time: with six columns, 24 accumulators.
///
/// # Safety
/// See [`super::super::table::Dot`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
pub(super) unsafe fn dot<E: Element, const C: usize>(
    tile: &Tile,
    x: &[*const u8],
    out: &mut [f32],
) {
    assert_eq!(x.len(), C);
    let blocks = tile.k / E::LANES;
    let mut columns = [std::ptr::null(); C];
    columns.copy_from_slice(x);
    for row in (0..tile.rows).step_by(ROWS) {
        let weights = four_rows(row, tile.rows).map(|row| {
            // SAFETY: the tile has this row.
            unsafe { tile.weights.add(row * tile.stride) }
        });
        let mut sums = [[_mm512_setzero_ps(); ROWS]; C];
        for block in 0..blocks {
            // SAFETY: this function needs AVX-512; all rows have `blocks` blocks.
            unsafe {
                let [a, b, c, d] = weights;
                let w = [
                    E::load(a, block),
                    E::load(b, block),
                    E::load(c, block),
                    E::load(d, block),
                ];
                for (sums, column) in sums.iter_mut().zip(columns) {
                    let x = E::load(column, block);
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = E::multiply(*sum, w, x);
                    }
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

/// The sum of each vector: lanes 8 apart, then 4, then 2, then 1.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn totals([a, b, c, d]: [__m512; ROWS]) -> __m128 {
    let ab = _mm512_add_ps(
        _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b),
        _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b),
    );
    let cd = _mm512_add_ps(
        _mm512_shuffle_f32x4::<0b01_00_01_00>(c, d),
        _mm512_shuffle_f32x4::<0b11_10_11_10>(c, d),
    );
    let fours = _mm512_add_ps(
        _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd),
        _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd),
    );
    let pairs = _mm512_add_ps(fours, _mm512_permute_ps::<0b01_00_11_10>(fours));
    let sums = _mm512_add_ps(pairs, _mm512_permute_ps::<0b10_11_00_01>(pairs));
    // The sums fill their quarters.
    let quarters = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm512_castps512_ps128(_mm512_permutexvar_ps(quarters, sums))
}
