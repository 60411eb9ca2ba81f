//! bf16 products by AMX: tiles of 16 rows of 64 bytes, of which one instruction multiplies two.
//!
//! The rows of one operand are tiles as they lie, 16 rows of 32 elements. The other is laid out as a
//! panel, so that a tile's row is a pair of elements of 16 rows. Each sum of a tile is one weight row
//! times one activation row, in an order over K that is the instruction's own: it depends on nothing
//! else in the tile, so rows stay independent and a missing row is a row of zeros. Products commute,
//! so it does not matter which operand is the panel, but for NaN times NaN, of which the instruction
//! keeps the bits of one: every NaN is stored as the same. Subnormals are zeros, as in `vdpbf16ps`.
//!
//! Not chosen: blocks over K, which would keep a panel in L1 and pay more for sums that are stored and
//! loaded again.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use lazuli_core::dtype::Dtype;

use super::avx512;
use super::table::{Arithmetic, BLOCK, Block, Blocks, Places};
use crate::kernels::amx::{self, Product, ROWS};

/// Elements of K that a tile holds.
const ELEMENTS: usize = 32;

/// Bytes of a panel's step: two tiles beside each other.
const STEP: usize = 2048;

pub(super) const BF16: Arithmetic = Arithmetic {
    blocks: Some(Blocks {
        begin: amx::begin,
        end: amx::end,
        panel,
        product,
    }),
    ..avx512::BF16
};

/// For every 32 elements 16 rows of pairs: pair `p` of row `c` is at `128 p + 4 c`.
///
/// # Safety
/// See [`super::table::Panel`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn panel(rows: &[*const u8], k: usize, panel: &mut [u8]) {
    for (chunk, step) in panel[..BLOCK * k * 2].chunks_exact_mut(STEP).enumerate() {
        for half in 0..2 {
            let mut pairs = [_mm512_setzero_ps(); ROWS];
            for (pairs, row) in pairs.iter_mut().zip(rows.iter().skip(half * ROWS)) {
                // SAFETY: the row has `k` elements, this chunk among them.
                *pairs = unsafe { _mm512_loadu_ps(row.add(chunk * 64).cast()) };
            }
            for (turned, places) in transpose(pairs).into_iter().zip(step.chunks_exact_mut(128)) {
                // SAFETY: 64 bytes.
                unsafe { _mm512_storeu_ps(places[half * 64..].as_mut_ptr().cast(), turned) };
            }
        }
    }
}

/// Sums of 32 rows with 32 rows of a panel.
#[repr(C, align(64))]
struct Sums([[[f32; ROWS]; 2]; BLOCK]);

/// # Safety
/// See [`super::table::BlockProduct`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn product(block: &Block<'_>, places: &Places) {
    let steps = block.k / ELEMENTS;
    debug_assert!(steps > 0 && block.panel.len() >= steps * STEP);
    let (ahead, ahead_step) = match block.ahead {
        Some((ahead, bytes)) => (ahead, bytes / steps),
        None => (block.rows, 0),
    };
    let mut sums = MaybeUninit::<Sums>::uninit();
    let product = Product {
        rows: block.rows,
        row_stride: block.stride,
        row_step: 64,
        panel: block.panel.as_ptr(),
        panel_stride: 128,
        panel_step: STEP,
        steps,
        sums: sums.as_mut_ptr().cast(),
        sum_stride: 128,
        add: false,
        ahead,
        ahead_step,
    };
    // SAFETY: tiles are configured (`begin`), the operands are as the caller's contract says, and all
    // sums are written.
    let Sums(sums) = unsafe {
        product.run();
        sums.assume_init_ref()
    };
    for (half, places_of_half) in places.rows[..places.count].chunks(ROWS).enumerate() {
        let (first, second) = if block.turned {
            // The sums of a weight row are a row.
            (
                transpose(tile(sums, 0, half)),
                transpose(tile(sums, 1, half)),
            )
        } else {
            (tile(sums, half, 0), tile(sums, half, 1))
        };
        for ((&place, first), second) in places_of_half.iter().zip(first).zip(second) {
            // SAFETY: the caller's contract.
            unsafe { put(place, first, second, places.width, places.dtype) };
        }
    }
}

/// The rows of a quarter of the sums. Loops and not closures, which are not compiled for the
/// instructions of the function they stand in.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn tile(sums: &[[[f32; ROWS]; 2]; BLOCK], down: usize, across: usize) -> [__m512; ROWS] {
    let mut tile = [_mm512_setzero_ps(); ROWS];
    for (row, sums) in tile.iter_mut().zip(&sums[down * ROWS..]) {
        // SAFETY: 16 floats.
        *row = unsafe { _mm512_loadu_ps(sums[across].as_ptr()) };
    }
    tile
}

/// A NaN as the one that all are.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn one_nan(sums: __m512) -> __m512 {
    let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(sums, sums);
    _mm512_mask_mov_ps(sums, is_nan, _mm512_set1_ps(f32::NAN))
}

/// Rounds the first `width` of 32 sums to `dtype`.
///
/// # Safety
/// `place` is writable for as many.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
unsafe fn put(place: *mut u8, first: __m512, second: __m512, width: usize, dtype: Dtype) {
    let (first, second) = (one_nan(first), one_nan(second));
    let present = u32::MAX >> (BLOCK - width);
    let (low, high) = (present as u16, (present >> 16) as u16);
    // SAFETY: the caller's contract; masked elements are not written.
    unsafe {
        match dtype {
            Dtype::F32 => {
                _mm512_mask_storeu_ps(place.cast(), low, first);
                _mm512_mask_storeu_ps(place.wrapping_add(64).cast(), high, second);
            }
            Dtype::BF16 => {
                // Sums are never subnormal, which this rounding would take for zero.
                let both = _mm512_cvtne2ps_pbh(second, first);
                let both = std::mem::transmute::<__m512bh, __m512i>(both);
                _mm512_mask_storeu_epi16(place.cast(), present, both);
            }
            _ => {
                let first = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(first);
                let second = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(second);
                _mm256_mask_storeu_epi16(place.cast(), low, first);
                _mm256_mask_storeu_epi16(place.wrapping_add(32).cast(), high, second);
            }
        }
    }
}

/// The columns of 16 rows of 16.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn transpose(rows: [__m512; ROWS]) -> [__m512; ROWS] {
    // Of each four rows: quarter `q` of vector `j` has their column `4q + j`.
    let mut fours = [[_mm512_setzero_pd(); 4]; 4];
    for (four, &[a, b, c, d]) in fours.iter_mut().zip(rows.as_chunks::<4>().0) {
        let (ab, cd) = (
            _mm512_castps_pd(_mm512_unpacklo_ps(a, b)),
            _mm512_castps_pd(_mm512_unpacklo_ps(c, d)),
        );
        let (ab_high, cd_high) = (
            _mm512_castps_pd(_mm512_unpackhi_ps(a, b)),
            _mm512_castps_pd(_mm512_unpackhi_ps(c, d)),
        );
        *four = [
            _mm512_unpacklo_pd(ab, cd),
            _mm512_unpackhi_pd(ab, cd),
            _mm512_unpacklo_pd(ab_high, cd_high),
            _mm512_unpackhi_pd(ab_high, cd_high),
        ];
    }
    let mut columns = [_mm512_setzero_ps(); ROWS];
    for j in 0..4 {
        let (a, b) = (_mm512_castpd_ps(fours[0][j]), _mm512_castpd_ps(fours[1][j]));
        let (c, d) = (_mm512_castpd_ps(fours[2][j]), _mm512_castpd_ps(fours[3][j]));
        let (ab, cd) = (
            _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b),
            _mm512_shuffle_f32x4::<0b10_00_10_00>(c, d),
        );
        let (ab_odd, cd_odd) = (
            _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b),
            _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d),
        );
        columns[j] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd);
        columns[4 + j] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_odd, cd_odd);
        columns[8 + j] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd);
        columns[12 + j] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_odd, cd_odd);
    }
    columns
}
