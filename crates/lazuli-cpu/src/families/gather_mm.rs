//! Outer products added to the matrices that ids name, and products over segments of the inner axis:
//! both are `linear` on transposed rows, a group or a segment at a time.

use lazuli_core::error::{Error, Result};
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::in_f32;
use crate::call::{Call, Run};
use crate::kernels::matmul::{Linear, Roles, Rows, Weight, linear};
use crate::kernels::quant::floats;

pub(crate) fn scatter_kernel(inputs: &[Spec]) -> Option<Run> {
    in_f32(inputs[0].dtype).then_some(run_scatter)
}

pub(crate) fn segmented_kernel(inputs: &[Spec]) -> Option<Run> {
    in_f32(inputs[0].dtype).then_some(run_segmented)
}

fn run_scatter(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [y, x, ids] = call.inputs else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let [experts, n, k] = out.shape()[..] else {
        return Ok(());
    };
    let ids = ids.slice::<u32>();
    if let Some(id) = ids.iter().find(|&&id| id as usize >= experts) {
        return Err(Error::index(
            "scatter_outer",
            format!("id {id} is out of range: there are {experts} matrices"),
        ));
    }
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|&row| ids[row]);
    let (dtype, out_dtype) = (y.dtype(), out.dtype());
    let matrix = n * k * out_dtype.size();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut rest = &order[..];
    for expert in 0..experts {
        let mine = rest.partition_point(|&row| ids[row] as usize == expert);
        let (rows, others) = rest.split_at(mine);
        rest = others;
        transposed(y.bytes(), dtype, n, rows.iter().copied(), &mut left);
        transposed(x.bytes(), dtype, k, rows.iter().copied(), &mut right);
        linear(
            call.cpu.kernels.matmul,
            &call.cpu.pool,
            Linear {
                x: Rows {
                    bytes: bytemuck::cast_slice(&left),
                    dtype: Dtype::F32,
                    stride: mine,
                },
                weight: Weight::F32(bytemuck::cast_slice(&right)),
                m: n,
                n: k,
                k: mine,
                out: &mut out.bytes()[expert * matrix..][..matrix],
                out_dtype,
                roles: Roles::PROMPT,
            },
        );
    }
    Ok(())
}

fn run_segmented(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [a, b, segments] = call.inputs else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let [_, m, n] = out.shape()[..] else {
        return Ok(());
    };
    let k = a.shape()[1];
    let (dtype, out_dtype) = (a.dtype(), out.dtype());
    let matrix = m * n * out_dtype.size();
    let mut columns = Vec::new();
    for (i, segment) in segments.slice::<u32>().chunks_exact(2).enumerate() {
        let end = (segment[1] as usize).min(k);
        let start = (segment[0] as usize).min(end);
        transposed(b.bytes(), dtype, n, start..end, &mut columns);
        linear(
            call.cpu.kernels.matmul,
            &call.cpu.pool,
            Linear {
                x: Rows {
                    bytes: &a.bytes()[(start * dtype.size()).min(a.bytes().len())..],
                    dtype,
                    stride: k,
                },
                weight: Weight::F32(bytemuck::cast_slice(&columns)),
                m,
                n,
                k: end - start,
                out: &mut out.bytes()[i * matrix..][..matrix],
                out_dtype,
                roles: Roles::PROMPT,
            },
        );
    }
    Ok(())
}

/// The columns of some rows of length `n`, as rows of `f32`.
fn transposed(
    bytes: &[u8],
    dtype: Dtype,
    n: usize,
    rows: impl ExactSizeIterator<Item = usize>,
    out: &mut Vec<f32>,
) {
    let count = rows.len();
    out.clear();
    out.resize(n * count, 0.0);
    let mut values = vec![0.0; n];
    for (i, row) in rows.enumerate() {
        floats::read(dtype, &bytes[row * n * dtype.size()..], &mut values);
        for (column, &value) in values.iter().enumerate() {
            out[column * count + i] = value;
        }
    }
}
