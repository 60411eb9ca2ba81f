//! The f32 arithmetic: weights become f32 exactly, products are fused into the sum.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use lazuli_core::dtype::Dtype;
use lazuli_core::rows::Role;

use super::super::table::{Arithmetic, Decoder, Dot, ROWS};
use super::super::{Matrix, Weight, blocks};
use super::kernels::{block_decoder, decoder, dot};
use super::scales::{self, Scale, decode};
use super::{AffineRows, Decode, Element};

const LANES: usize = 16;

pub(in super::super) const ARITHMETIC: Arithmetic = Arithmetic {
    element: Dtype::F32,
    decoder: decoder_of,
    dot: &[
        dot::<F32, 1> as Dot,
        dot::<F32, 2>,
        dot::<F32, 3>,
        dot::<F32, 4>,
        dot::<F32, 5>,
        dot::<F32, 6>,
    ],
    blocks: None,
    kept_bytes: 512 << 10,
};

fn decoder_of(weight: &Weight<'_>, _: Role) -> Decoder {
    match weight {
        Weight::F32(_) => decoder::<Dense<scales::F32>>(),
        Weight::F16(_) => decoder::<Dense<scales::F16>>(),
        Weight::BF16(_) => decoder::<Dense<scales::Bf16>>(),
        Weight::Affine(affine) => match affine.scale_dtype {
            Dtype::F32 => affine_decoder::<scales::F32>(affine.bits),
            Dtype::F16 => affine_decoder::<scales::F16>(affine.bits),
            _ => affine_decoder::<scales::Bf16>(affine.bits),
        },
        Weight::Block(_) => block_decoder(LANES, expand_blocks),
    }
}

/// # Safety
/// See [`super::super::table::Expand`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
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

struct F32;

impl Element for F32 {
    type Vector = __m512;

    const LANES: usize = LANES;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn load(row: *const u8, block: usize) -> __m512 {
        // SAFETY: the caller's contract.
        unsafe { _mm512_loadu_ps(row.add(block * 64).cast()) }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn store(row: *mut u8, block: usize, vector: __m512) {
        // SAFETY: the caller's contract.
        unsafe { _mm512_storeu_ps(row.add(block * 64).cast(), vector) }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn multiply(sum: __m512, w: __m512, x: __m512) -> __m512 {
        _mm512_fmadd_ps(w, x, sum)
    }
}

/// Floats of the dtype that `S` names.
struct Dense<S>(PhantomData<S>);

impl<S: Scale> Decode for Dense<S> {
    type Element = F32;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        mut sink: impl FnMut(usize, [__m512; R]),
    ) {
        let (Weight::F32(bytes) | Weight::F16(bytes) | Weight::BF16(bytes)) = matrix.weight else {
            return;
        };
        let k = matrix.k;
        let rows = rows.map(|row| bytes[row * k * S::SIZE..].as_ptr());
        for block in 0..k.div_ceil(LANES) {
            let rest = (k - block * LANES).min(LANES);
            let mask = ((1u32 << rest) - 1) as __mmask16;
            // SAFETY: the mask has the elements that the rows have.
            sink(
                block,
                rows.map(|row| unsafe { S::sixteen(row.add(block * LANES * S::SIZE), mask) }),
            );
        }
    }
}

/// Affine codes of `B` bits.
struct Affine<const B: usize, S>(PhantomData<S>);

/// Byte indices that bring codes `2q` and `2q + 1` into quadword `q`.
const fn code_bytes(bits: usize) -> [u8; 64] {
    let mut index = [0; 64];
    let mut i = 0;
    while i < 64 {
        index[i] = (i / 8 * bits / 4 + i % 8) as u8;
        i += 1;
    }
    index
}

/// The bit at which each byte starts in its quadword: one code at the bottom of each doubleword.
const fn code_shifts(bits: usize) -> [u8; 64] {
    let mut shifts = [0; 64];
    let mut i = 0;
    while i < 64 {
        shifts[i] = (i / 8 * bits * 2 % 8 + i % 8 / 4 * bits) as u8;
        i += 1;
    }
    shifts
}

impl<const B: usize, S: Scale> Affine<B, S> {
    const BYTES: [u8; 64] = code_bytes(B);
    const SHIFTS: [u8; 64] = code_shifts(B);

    /// Sixteen codes as f32.
    ///
    /// # Safety
    /// `2 * B` bytes are readable.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn codes(p: *const u8) -> __m512 {
        let mask = ((1u32 << (2 * B)) - 1) as __mmask16;
        // SAFETY: masked bytes are not read; the tables have 64 bytes.
        let (packed, bytes, shifts) = unsafe {
            (
                _mm_maskz_loadu_epi8(mask, p.cast()),
                _mm512_loadu_si512(Self::BYTES.as_ptr().cast()),
                _mm512_loadu_si512(Self::SHIFTS.as_ptr().cast()),
            )
        };
        let spread = _mm512_permutexvar_epi8(bytes, _mm512_zextsi128_si512(packed));
        let shifted = _mm512_multishift_epi64_epi8(shifts, spread);
        let codes = _mm512_and_si512(shifted, _mm512_set1_epi32((1 << B) - 1));
        _mm512_cvtepi32_ps(codes)
    }
}

impl<const B: usize, S: Scale> Decode for Affine<B, S> {
    type Element = F32;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        mut sink: impl FnMut(usize, [__m512; R]),
    ) {
        let Weight::Affine(affine) = matrix.weight else {
            return;
        };
        let at = AffineRows::new(&affine, matrix.k, rows);
        let group_blocks = usize::from(affine.group) / LANES;
        let mut block = 0;
        for group in 0..at.groups {
            at.prefetch(block * 2 * B, group_blocks * 2 * B);
            let mut scale = [_mm512_setzero_ps(); R];
            let mut bias = [_mm512_setzero_ps(); R];
            for r in 0..R {
                // SAFETY: the row has this group.
                unsafe {
                    scale[r] = S::one(at.scales[r].add(group * S::SIZE));
                    bias[r] = S::one(at.biases[r].add(group * S::SIZE));
                }
            }
            for _ in 0..group_blocks {
                let mut weights = [_mm512_setzero_ps(); R];
                for (r, weight) in weights.iter_mut().enumerate() {
                    // SAFETY: the row has this block of codes.
                    let codes = unsafe { Self::codes(at.codes[r].add(block * 2 * B)) };
                    *weight = decode::<S>(codes, scale[r], bias[r]);
                }
                sink(block, weights);
                block += 1;
            }
        }
    }
}
