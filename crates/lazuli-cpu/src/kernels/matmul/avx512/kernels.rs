//! The three kernels of an arithmetic: one row of activations, several, and decoding to a tile.

use std::arch::x86_64::*;

use super::super::Matrix;
use super::super::table::{Arrange, Decoder, Expand, MAX_COLUMNS, ROWS};
use super::{Decode, Element, VectorOf};

/// The functions for a kind of weight.
pub(super) fn decoder<D: Decode>() -> Decoder {
    Decoder {
        block: D::BLOCK,
        expand: Some(expand::<D>),
        fused: D::FUSED,
        arrange: D::REORDER.map(|row| Arrange {
            group: 0,
            extra: |_, _| 0,
            row,
        }),
    }
}

/// The functions for blocks of floats, which are decoded to memory in any case.
pub(super) fn block_decoder(lanes: usize, expand: Expand) -> Decoder {
    Decoder {
        block: lanes,
        expand: Some(expand),
        fused: &[],
        arrange: None,
    }
}

/// # Safety
/// See [`super::super::table::Fused`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
pub(super) unsafe fn fused<D: Decode, const C: usize>(
    matrix: &Matrix<'_>,
    rows: [usize; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    sums: &mut [[f32; ROWS]],
) {
    let mut lanes = [[_mm512_setzero_ps(); ROWS]; C];
    // SAFETY: this function needs AVX-512; the rows are in the matrix, which is of this kind; `x`
    // has the padded length.
    unsafe {
        D::rows::<ROWS>(matrix, rows, |i, vectors| {
            for (lanes, x) in lanes.iter_mut().zip(x) {
                let x = D::Element::load(*x, i);
                for (lanes, w) in lanes.iter_mut().zip(vectors) {
                    *lanes = D::Element::multiply(*lanes, w, x);
                }
            }
        });
    }
    for (sums, lanes) in sums.iter_mut().zip(lanes) {
        // SAFETY: `sums` has four elements.
        unsafe { _mm_storeu_ps(sums.as_mut_ptr(), totals(lanes)) };
    }
}

/// # Safety
/// See [`super::super::table::Expand`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn expand<D: Decode>(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    let stride = dst.len() / ROWS;
    let places: [*mut u8; ROWS] = std::array::from_fn(|r| dst[r * stride..].as_mut_ptr());
    // SAFETY: this function needs AVX-512; the rows are in the matrix, which is of this kind; each
    // place has the padded length.
    unsafe {
        D::rows::<ROWS>(matrix, rows, |i, vectors: [VectorOf<D>; ROWS]| {
            for (place, vector) in places.into_iter().zip(vectors) {
                D::Element::store(place, i, vector);
            }
        });
    }
}

/// With six columns, 24 accumulators.
///
/// # Safety
/// See [`super::super::table::Dot`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
pub(super) unsafe fn dot<E: Element, const C: usize>(
    weights: [*const u8; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    k: usize,
    sums: &mut [[f32; ROWS]],
) {
    let mut lanes = [[_mm512_setzero_ps(); ROWS]; C];
    for i in 0..k / E::LANES {
        // SAFETY: this function needs AVX-512; all rows have `k` elements.
        unsafe {
            let [a, b, c, d] = weights;
            let w = [E::load(a, i), E::load(b, i), E::load(c, i), E::load(d, i)];
            for (lanes, x) in lanes.iter_mut().zip(x) {
                let x = E::load(*x, i);
                for (lanes, w) in lanes.iter_mut().zip(w) {
                    *lanes = E::multiply(*lanes, w, x);
                }
            }
        }
    }
    for (sums, lanes) in sums.iter_mut().zip(lanes) {
        // SAFETY: `sums` has four elements.
        unsafe { _mm_storeu_ps(sums.as_mut_ptr(), totals(lanes)) };
    }
}

/// The sum of each vector: lanes 8 apart, then 4, then 2, then 1.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
pub(super) fn totals([a, b, c, d]: [__m512; ROWS]) -> __m128 {
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
