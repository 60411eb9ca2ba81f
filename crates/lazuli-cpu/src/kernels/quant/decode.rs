//! Codes to floats: `code * scale + bias`, each step rounded to the dtype of the scales.
//!
//! This is what `mlx.core.dequantize` computes and what an embedding lookup needs. Matmuls decode
//! with one rounding instead (see [`crate::kernels::matmul`]).

use lazuli_core::dtype::Dtype;

use super::bits::{unpack8, with_bits};
use super::{Affine, floats};
use crate::pool::Pool;

/// Decodes all of `q`, whose rows have length `k`, to `out` of `dtype` (`F32`, `F16` or `BF16`).
///
/// # Panics
/// If the lengths do not fit together: shapes are the caller's contract.
pub fn dequantize(pool: &Pool, q: &Affine<'_>, k: usize, out: &mut [u8], dtype: Dtype) {
    let rows = out.len().checked_div(k * dtype.size()).unwrap_or(0);
    decode_rows(pool, q, k, rows, &|row| row, out, dtype);
}

/// Decodes the rows `ids` of `q`, whose rows have length `k`: an embedding lookup.
///
/// # Panics
/// If an id is not a row, or the lengths do not fit together: both are the caller's contract.
pub fn dequantize_rows(
    pool: &Pool,
    q: &Affine<'_>,
    k: usize,
    ids: &[u32],
    out: &mut [u8],
    dtype: Dtype,
) {
    decode_rows(pool, q, k, ids.len(), &|i| ids[i] as usize, out, dtype);
}

fn decode_rows(
    pool: &Pool,
    q: &Affine<'_>,
    k: usize,
    rows: usize,
    source: &(dyn Fn(usize) -> usize + Sync),
    out: &mut [u8],
    dtype: Dtype,
) {
    assert!(floats::is_float(dtype), "dequantize: to {dtype}");
    assert_eq!(
        out.len(),
        rows * k * dtype.size(),
        "dequantize: length of the output"
    );
    q.check((0..rows).map(|i| source(i) + 1).max().unwrap_or(0), k);
    if out.is_empty() {
        return;
    }
    let per_part = rows.div_ceil(pool.threads());
    let parts: Vec<_> = (out.chunks_mut(per_part * k * dtype.size()))
        .map(std::sync::Mutex::new)
        .collect();
    pool.run(parts.len(), &|part| {
        // Each lock is taken once.
        if let Ok(mut out) = parts[part].lock() {
            for (i, row) in out.chunks_exact_mut(k * dtype.size()).enumerate() {
                let source = source(part * per_part + i);
                with_bits!(q.bits, decode_row::<_>(q, k, source, row, dtype));
            }
        }
    });
}

fn decode_row<const B: usize>(q: &Affine<'_>, k: usize, row: usize, out: &mut [u8], dtype: Dtype) {
    let (group, scale_size) = (usize::from(q.group), q.scale_dtype.size());
    let groups = row * q.row_groups(k)..(row + 1) * q.row_groups(k);
    let mut values = [0.0; 128];
    let values = &mut values[..group];
    for (g, out) in groups.zip(out.chunks_exact_mut(group * dtype.size())) {
        let (mut scale, mut bias) = ([0.0], [0.0]);
        floats::read(q.scale_dtype, &q.scales[g * scale_size..], &mut scale);
        floats::read(q.scale_dtype, &q.biases[g * scale_size..], &mut bias);
        let codes = &q.packed[g * group * B / 8..(g + 1) * group * B / 8];
        for (eight, bytes) in values.chunks_exact_mut(8).zip(codes.chunks_exact(B)) {
            let codes = unpack8::<B>(bytes);
            for (value, code) in eight.iter_mut().zip(codes) {
                *value = code as f32 * scale[0];
            }
        }
        floats::round(q.scale_dtype, values);
        values.iter_mut().for_each(|value| *value += bias[0]);
        floats::round(q.scale_dtype, values);
        floats::write(dtype, values, out);
    }
}
