//! bf16 products by AMX: tiles of 16 rows of 64 bytes, of which one instruction multiplies two.
//!
//! Weights are tiles as they are decoded, 16 rows of 32 elements. Activations are laid out once per
//! call, so that a tile's row is a pair of elements of 16 rows. Each sum of a tile is one weight row
//! times one activation row, in an order over K that is the instruction's own: it depends on nothing
//! else in the tile, so rows stay independent and a missing row is a row of zeros. Subnormals are
//! zeros, as in `vdpbf16ps`.
//!
//! The intrinsics are not stable, hence assembly. Tiles are configured at the start of each product
//! and released at its end: a thread that holds tiles pays for them at every switch.

use std::arch::asm;
use std::arch::x86_64::*;

use super::avx512;
use super::table::{Arithmetic, BLOCK_COLUMNS, BLOCK_ROWS, Blocks};

/// Elements of K that a tile holds, and rows that it has.
const ELEMENTS: usize = 32;
const ROWS: usize = 16;

/// Bytes of a tile.
const TILE: usize = 1024;

pub(super) const BF16: Arithmetic = Arithmetic {
    blocks: Some(Blocks { panel, product }),
    ..avx512::BF16
};

/// The shapes of the tiles, as `ldtilecfg` reads them: palette 1, all of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIG: Config = Config {
    palette: 1,
    start: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// For every 32 elements two tiles, of 16 rows each: pair `p` of row `c` is at `64 p + 4 c`.
///
/// # Safety
/// See [`super::table::Panel`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn panel(rows: &[*const u8], k: usize, panel: &mut [u8]) {
    let mut pointers = [std::ptr::null::<u8>(); BLOCK_COLUMNS];
    pointers[..rows.len()].copy_from_slice(rows);
    // SAFETY: an array of 32 pointers is four vectors of 8 addresses.
    let addresses: [__m512i; 4] = unsafe { std::mem::transmute(pointers) };
    let present: [__mmask8; 4] = std::array::from_fn(|eight| {
        let count = rows.len().saturating_sub(eight * 8).min(8);
        (0xff_u16 >> (8 - count)) as u8
    });
    for (pair, place) in panel[..BLOCK_COLUMNS * k * 2]
        .chunks_exact_mut(64)
        .enumerate()
    {
        // The place of 16 pairs of one tile is 64 bytes; two tiles of 16 such places follow each other.
        let (chunk, half, row) = (pair / 32, pair / 16 % 2, pair % 16);
        let offset = _mm512_set1_epi64((chunk * 64 + row * 4) as i64);
        for eight in 0..2 {
            let at = half * 2 + eight;
            let addresses = _mm512_add_epi64(addresses[at], offset);
            // SAFETY: masked rows are not read, the others have `k` elements; 32 bytes of the place.
            unsafe {
                let pairs = _mm512_mask_i64gather_epi32::<1>(
                    _mm256_setzero_si256(),
                    present[at],
                    addresses,
                    std::ptr::null(),
                );
                _mm256_storeu_si256(place.as_mut_ptr().add(eight * 32).cast(), pairs);
            }
        }
    }
}

/// # Safety
/// See [`super::table::BlockProduct`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn product(
    weights: *const u8,
    stride: usize,
    panel: &[u8],
    k: usize,
    sums: &mut [[f32; BLOCK_ROWS]; BLOCK_COLUMNS],
) {
    let chunks = k / ELEMENTS;
    debug_assert!(chunks > 0 && panel.len() >= chunks * 2 * TILE);
    // Four tiles of sums: weight rows 0.. and 16.., each with activation rows 0.. and 16...
    let mut tiles = [[[0.0f32; ROWS]; ROWS]; 4];
    // SAFETY: the process may use tiles. Reads 32 rows of `k` elements and a panel of as many, writes
    // four tiles of sums.
    unsafe {
        asm!(
            "ldtilecfg [{config}]",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{low} + {stride}*1]",
            "tileloadd tmm6, [{panel} + {line}*1]",
            "tileloadd tmm7, [{panel} + {line}*1 + 1024]",
            "tileloadd tmm5, [{high} + {stride}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {low}, 64",
            "add {high}, 64",
            "add {panel}, 2048",
            "dec {chunks}",
            "jnz 2b",
            "tilestored [{tiles} + {line}*1], tmm0",
            "tilestored [{tiles} + {line}*1 + 1024], tmm1",
            "tilestored [{tiles} + {line}*1 + 2048], tmm2",
            "tilestored [{tiles} + {line}*1 + 3072], tmm3",
            "tilerelease",
            config = in(reg) &raw const CONFIG,
            low = inout(reg) weights => _,
            high = inout(reg) weights.add(ROWS * stride) => _,
            panel = inout(reg) panel.as_ptr() => _,
            chunks = inout(reg) chunks => _,
            tiles = in(reg) tiles.as_mut_ptr(),
            stride = in(reg) stride,
            line = in(reg) 64_usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
    for (i, tile) in tiles.iter().enumerate() {
        let (row, column) = (i / 2 * ROWS, i % 2 * ROWS);
        for (c, turned) in transpose(tile).into_iter().enumerate() {
            // SAFETY: 16 sums of a column.
            unsafe { _mm512_storeu_ps(sums[column + c][row..row + ROWS].as_mut_ptr(), turned) };
        }
    }
}

/// The columns of a tile of sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
#[inline]
fn transpose(tile: &[[f32; ROWS]; ROWS]) -> [__m512; ROWS] {
    // Of each four rows: quarter `q` of vector `j` has their column `4q + j`.
    let mut fours = [[_mm512_setzero_pd(); 4]; 4];
    for (four, rows) in fours.iter_mut().zip(tile.as_chunks::<4>().0) {
        // SAFETY: 16 floats each.
        let [a, b, c, d] = rows
            .each_ref()
            .map(|row| unsafe { _mm512_loadu_ps(row.as_ptr()) });
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
        let [a, b, c, d] = fours.map(|four| _mm512_castpd_ps(four[j]));
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
