//! The AVX2 path: f32 arithmetic with fused multiply-add in eight lanes.
//!
//! Built like the AVX-512 path: a decoder is a stream of vectors for four rows, consumed in registers
//! by one row of activations and through a tile by several.

mod decode;

use std::arch::x86_64::*;

use lazuli_core::dtype::Dtype;
use lazuli_core::rows::Role;

use super::table::{Arithmetic, Decoder, Dot, Fused, MAX_COLUMNS, ROWS};
use super::{Matrix, Weight, blocks};
use decode::{Affine, Bf16, Decode, Dense, F16, F32, Scale};

const LANES: usize = 8;

pub(super) const ARITHMETIC: Arithmetic = Arithmetic {
    element: Dtype::F32,
    decoder: decoder_of,
    dot: &[dot::<1> as Dot, dot::<2>, dot::<3>],
    blocks: None,
    kept_bytes: 256 << 10,
};

fn decoder_of(weight: &Weight<'_>, _: Role) -> Decoder {
    match weight {
        Weight::F32(_) => decoder::<Dense<F32>>(),
        Weight::F16(_) => decoder::<Dense<F16>>(),
        Weight::BF16(_) => decoder::<Dense<Bf16>>(),
        Weight::Affine(affine) => match affine.scale_dtype {
            Dtype::F32 => affine_decoder::<F32>(affine.bits),
            Dtype::F16 => affine_decoder::<F16>(affine.bits),
            _ => affine_decoder::<Bf16>(affine.bits),
        },
        Weight::Block(_) => Decoder {
            block: LANES,
            expand: Some(expand_blocks),
            fused: &[],
            arrange: None,
        },
    }
}

/// # Safety
/// See [`super::table::Expand`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn expand_blocks(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    blocks::expand_f32(matrix, rows, dst);
}

fn affine_decoder<S: Scale>(bits: u8) -> Decoder {
    match bits {
        2 => decoder::<Affine<2, S>>(),
        3 => decoder::<Affine<3, S>>(),
        4 => decoder::<Affine<4, S>>(),
        5 => decoder::<Affine<5, S>>(),
        6 => decoder::<Affine<6, S>>(),
        _ => decoder::<Affine<8, S>>(),
    }
}

fn decoder<D: Decode>() -> Decoder {
    Decoder {
        block: LANES,
        expand: Some(expand::<D>),
        fused: &[fused::<D> as Fused],
        arrange: None,
    }
}

/// One row of activations.
///
/// # Safety
/// See [`Fused`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn fused<D: Decode>(
    matrix: &Matrix<'_>,
    rows: [usize; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    sums: &mut [[f32; ROWS]],
) {
    let x = x[0].cast::<f32>();
    let mut lanes = [_mm256_setzero_ps(); ROWS];
    // SAFETY: this function needs AVX2; the rows are in the matrix, which is of this kind; `x` has
    // the padded length.
    unsafe {
        D::rows::<ROWS>(matrix, rows, |i, vectors| {
            let x = _mm256_loadu_ps(x.add(i * LANES));
            for (lanes, w) in lanes.iter_mut().zip(vectors) {
                *lanes = _mm256_fmadd_ps(w, x, *lanes);
            }
        });
    }
    // SAFETY: four elements.
    unsafe { _mm_storeu_ps(sums[0].as_mut_ptr(), totals(lanes)) };
}

/// # Safety
/// See [`super::table::Expand`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn expand<D: Decode>(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    let stride = dst.len() / ROWS;
    let places: [*mut f32; ROWS] = std::array::from_fn(|r| dst[r * stride..].as_mut_ptr().cast());
    // SAFETY: this function needs AVX2; the rows are in the matrix, which is of this kind; each
    // place has the padded length.
    unsafe {
        D::rows::<ROWS>(matrix, rows, |i, vectors| {
            for (place, vector) in places.into_iter().zip(vectors) {
                _mm256_storeu_ps(place.add(i * LANES), vector);
            }
        });
    }
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
    let mut columns = [std::ptr::null::<f32>(); C];
    for (column, x) in columns.iter_mut().zip(x) {
        *column = x.cast();
    }
    let mut lanes = [[_mm256_setzero_ps(); C]; ROWS];
    for i in (0..k).step_by(LANES) {
        let mut x = [_mm256_setzero_ps(); C];
        for (x, column) in x.iter_mut().zip(columns) {
            // SAFETY: rows have `k` elements, a multiple of the lanes.
            *x = unsafe { _mm256_loadu_ps(column.add(i)) };
        }
        // One weight vector at a time: sixteen registers hold no more.
        for (lanes, row) in lanes.iter_mut().zip(weights) {
            // SAFETY: as above.
            let w = unsafe { _mm256_loadu_ps(row.cast::<f32>().add(i)) };
            for (lanes, x) in lanes.iter_mut().zip(x) {
                *lanes = _mm256_fmadd_ps(w, x, *lanes);
            }
        }
    }
    let [a, b, c, d] = lanes;
    for (column, sums) in sums.iter_mut().take(C).enumerate() {
        let four = [a[column], b[column], c[column], d[column]];
        // SAFETY: `sums` has four elements.
        unsafe { _mm_storeu_ps(sums.as_mut_ptr(), totals(four)) };
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
