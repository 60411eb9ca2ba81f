//! The bf16 arithmetic: pairs of bf16 products summed in f32 by `vdpbf16ps`, which takes subnormal
//! inputs and results for zero.

use std::arch::x86_64::*;

use lazuli_core::dtype::Dtype;
use lazuli_core::rows::Role;

use super::super::table::{Arithmetic, Decoder, Dot, ROWS};
use super::super::{Affine, Matrix, Weight, blocks};
use super::affine::{Convert, Lookup};
use super::kernels::{block_decoder, decoder, dot};
use super::nibbles::Nibbles;
use super::{Decode, Element, digits, scales};

const LANES: usize = 32;

pub(in super::super) const ARITHMETIC: Arithmetic = Arithmetic {
    element: Dtype::BF16,
    decoder: decoder_of,
    dot: &[
        dot::<Bf16, 1> as Dot,
        dot::<Bf16, 2>,
        dot::<Bf16, 3>,
        dot::<Bf16, 4>,
        dot::<Bf16, 5>,
        dot::<Bf16, 6>,
    ],
    blocks: None,
    kept_bytes: 512 << 10,
};

fn decoder_of(weight: &Weight<'_>, role: Role) -> Decoder {
    match weight {
        Weight::Affine(affine) if role == Role::Generated => digits::decoder(affine),
        Weight::Affine(affine) => match affine.scale_dtype {
            Dtype::F32 => affine_decoder::<scales::F32>(affine),
            Dtype::F16 => affine_decoder::<scales::F16>(affine),
            _ => affine_decoder::<scales::Bf16>(affine),
        },
        Weight::Block(_) => block_decoder(LANES, expand_blocks),
        _ => decoder::<Dense>(),
    }
}

/// # Safety
/// See [`super::super::table::Expand`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c")]
unsafe fn expand_blocks(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    blocks::expand_bf16(matrix, rows, dst);
}

fn affine_decoder<S: scales::Scale>(affine: &Affine<'_>) -> Decoder {
    match affine.bits {
        2 => decoder::<Lookup<2, S>>(),
        3 => decoder::<Lookup<3, S>>(),
        4 => match affine.group {
            32 => decoder::<Nibbles<32, S>>(),
            64 => decoder::<Nibbles<64, S>>(),
            _ => decoder::<Nibbles<128, S>>(),
        },
        5 => decoder::<Lookup<5, S>>(),
        6 => decoder::<Lookup<6, S>>(),
        _ => decoder::<Convert<S>>(),
    }
}

pub(super) struct Bf16;

impl Element for Bf16 {
    type Vector = __m512bh;

    const LANES: usize = LANES;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn load(row: *const u8, block: usize) -> __m512bh {
        // SAFETY: the caller's contract.
        unsafe { row.cast::<__m512bh>().add(block).read_unaligned() }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn store(row: *mut u8, block: usize, vector: __m512bh) {
        // SAFETY: the caller's contract.
        unsafe { row.cast::<__m512bh>().add(block).write_unaligned(vector) }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn multiply(sum: __m512, w: __m512bh, x: __m512bh) -> __m512 {
        _mm512_dpbf16_ps(sum, w, x)
    }
}

/// bf16 as they are.
struct Dense;

impl Decode for Dense {
    type Element = Bf16;

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx2,fma,f16c"
    )]
    #[inline]
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        mut sink: impl FnMut(usize, [__m512bh; R]),
    ) {
        let Weight::BF16(bytes) = matrix.weight else {
            return;
        };
        let k = matrix.k;
        let rows = rows.map(|row| bytes[row * k * 2..].as_ptr());
        for block in 0..k / LANES {
            // SAFETY: the rows have this block.
            sink(block, rows.map(|row| unsafe { Bf16::load(row, block) }));
        }
        if !k.is_multiple_of(LANES) {
            let block = k / LANES;
            let mask = (1u32 << (k % LANES)) - 1;
            let vectors = rows.map(|row| {
                // SAFETY: masked elements are not read; the same 512 bits.
                unsafe {
                    let tail = _mm512_maskz_loadu_epi16(mask, row.add(block * 64).cast());
                    std::mem::transmute::<__m512i, __m512bh>(tail)
                }
            });
            sink(block, vectors);
        }
    }
}
