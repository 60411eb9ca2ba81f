//! Rows of blocks of floats as elements of an arithmetic: plain Rust, compiled again for each path by
//! the function that calls it.

use super::table::ROWS;
use super::{Matrix, Weight};
use crate::kernels::quant::floats::f32_to_bf16;

/// Decodes rows to f32, padded with zeros; see [`super::table::Expand`].
#[inline(always)]
pub(super) fn expand_f32(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    let Weight::Block(block) = matrix.weight else {
        return;
    };
    let dst: &mut [f32] = bytemuck::cast_slice_mut(dst);
    let padded = dst.len() / ROWS;
    for (row, dst) in rows.into_iter().zip(dst.chunks_exact_mut(padded)) {
        let (dst, padding) = dst.split_at_mut(matrix.k);
        padding.fill(0.0);
        block.read(row * matrix.k, dst);
    }
}

/// Decodes rows to bf16, which holds every product of an element and a scale.
#[inline(always)]
pub(super) fn expand_bf16(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]) {
    let Weight::Block(block) = matrix.weight else {
        return;
    };
    let dst: &mut [u16] = bytemuck::cast_slice_mut(dst);
    let padded = dst.len() / ROWS;
    let mut values = [0.0; 64];
    for (row, dst) in rows.into_iter().zip(dst.chunks_exact_mut(padded)) {
        let (dst, padding) = dst.split_at_mut(matrix.k);
        padding.fill(0);
        for (i, dst) in dst.chunks_mut(64).enumerate() {
            let values = &mut values[..dst.len()];
            block.read(row * matrix.k + i * 64, values);
            for (to, value) in dst.iter_mut().zip(values) {
                *to = f32_to_bf16(*value);
            }
        }
    }
}
