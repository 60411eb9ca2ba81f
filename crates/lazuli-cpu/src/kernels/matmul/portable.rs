//! The path of plain Rust: f32 arithmetic in eight lanes, in loops that LLVM vectorises for any
//! target. No fused multiply-add, which the baseline of x86-64 does not have.

use lazuli_core::dtype::Dtype;

use super::table::{Arithmetic, Decoder, Dot, MAX_COLUMNS, ROWS};
use super::{Affine, Matrix, Weight};
use crate::kernels::quant::bits::{unpack8, with_bits};
use crate::kernels::quant::floats;

const LANES: usize = 8;

pub(super) const ARITHMETIC: Arithmetic = Arithmetic {
    element: Dtype::F32,
    decoder: |_, _| Decoder {
        block: LANES,
        expand: Some(expand),
        fused: &[],
        arrange: None,
    },
    dot: &[dot::<1> as Dot, dot::<2>],
    blocks: None,
    kept_bytes: 256 << 10,
};

fn expand(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    let k = matrix.k;
    let dst: &mut [f32] = bytemuck::cast_slice_mut(dst);
    let padded = dst.len() / ROWS;
    for (row, dst) in rows.into_iter().zip(dst.chunks_exact_mut(padded)) {
        let (dst, padding) = dst.split_at_mut(k);
        padding.fill(0.0);
        match matrix.weight {
            Weight::F32(bytes) => floats::read(Dtype::F32, &bytes[row * k * 4..], dst),
            Weight::F16(bytes) => floats::read(Dtype::F16, &bytes[row * k * 2..], dst),
            Weight::BF16(bytes) => floats::read(Dtype::BF16, &bytes[row * k * 2..], dst),
            Weight::Affine(affine) => with_bits!(affine.bits, affine_row::<_>(&affine, row, dst)),
            Weight::Block(block) => block.read(row * k, dst),
        }
    }
}

/// Decodes one row of affine weights to f32.
pub(super) fn affine_row<const B: usize>(affine: &Affine<'_>, row: usize, dst: &mut [f32]) {
    let group = usize::from(affine.group);
    let size = affine.scale_dtype.size();
    let groups = affine.row_groups(dst.len());
    let codes = &affine.packed[row * affine.row_bytes(dst.len())..];
    let scales = affine.scales[row * groups * size..].chunks_exact(size);
    let biases = affine.biases[row * groups * size..].chunks_exact(size);
    for (((dst, codes), scale), bias) in dst
        .chunks_exact_mut(group)
        .zip(codes.chunks_exact(group * B / 8))
        .zip(scales)
        .zip(biases)
    {
        let mut affine_pair = [0.0; 2];
        floats::read(affine.scale_dtype, scale, &mut affine_pair[..1]);
        floats::read(affine.scale_dtype, bias, &mut affine_pair[1..]);
        let [scale, bias] = affine_pair;
        for (eight, bytes) in dst.chunks_exact_mut(8).zip(codes.chunks_exact(B)) {
            let codes = unpack8::<B>(bytes);
            for (value, code) in eight.iter_mut().zip(codes) {
                *value = code as i32 as f32 * scale + bias;
            }
        }
    }
}

/// Eight floats as bytes of any alignment.
type Block = [[u8; 4]; LANES];

/// Two weight rows at a time: with two columns, eight SSE accumulators.
///
/// # Safety
/// See [`Dot`].
unsafe fn dot<const C: usize>(
    weights: [*const u8; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    k: usize,
    sums: &mut [[f32; ROWS]],
) {
    // SAFETY: for the caller of this closure: the pointer is to a row of `k` elements.
    let blocks =
        |row: *const u8| unsafe { std::slice::from_raw_parts(row.cast::<Block>(), k / LANES) };
    let x: [&[Block]; C] = std::array::from_fn(|c| blocks(x[c]));
    for first in (0..ROWS).step_by(2) {
        let weights = [blocks(weights[first]), blocks(weights[first + 1])];
        let mut lanes = [[[0.0; LANES]; C]; 2];
        for i in 0..k / LANES {
            for (lanes, weights) in lanes.iter_mut().zip(weights) {
                for (lanes, x) in lanes.iter_mut().zip(x) {
                    for (lane, (w, x)) in lanes.iter_mut().zip(weights[i].iter().zip(x[i])) {
                        *lane += f32::from_le_bytes(*w) * f32::from_le_bytes(x);
                    }
                }
            }
        }
        for (r, lanes) in lanes.iter().enumerate() {
            for (sums, lanes) in sums.iter_mut().zip(lanes) {
                sums[first + r] = total(lanes);
            }
        }
    }
}

fn total(lanes: &[f32; LANES]) -> f32 {
    let fours: [f32; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4]);
    (fours[0] + fours[2]) + (fours[1] + fours[3])
}
