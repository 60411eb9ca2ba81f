//! Quantization and products with packed matrices.

use lazuli_core::error::Result;
use lazuli_core::ops::quantized::{Mode, Quantization};
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::in_f32;
use crate::call::{Call, Run};
use crate::kernels::matmul::{Linear, Rows, Weight, linear, quantized_rows};
use crate::kernels::quant::blocks::{Blocks, dequantize_blocks, quantize_blocks};
use crate::kernels::quant::{Affine, Block, Element, Quantized, ScaleKind, dequantize, quantize};
use crate::operand::Operand;

/// Whether the kernels take scales of this dtype: floats of affine formats, bytes of the others.
pub(crate) fn scales_fit(scales: &Spec) -> bool {
    in_f32(scales.dtype) || scales.dtype == Dtype::U8
}

pub(crate) fn quantize_kernel(inputs: &[Spec]) -> Option<Run> {
    in_f32(inputs[0].dtype).then_some(run_quantize)
}

pub(crate) fn dequantize_kernel(inputs: &[Spec], outputs: &[Spec]) -> Option<Run> {
    (in_f32(outputs[0].dtype) && scales_fit(&inputs[1])).then_some(run_dequantize)
}

pub(crate) fn matmul_kernel(inputs: &[Spec]) -> Option<Run> {
    (in_f32(inputs[0].dtype) && scales_fit(&inputs[2])).then_some(run_matmul)
}

/// How a mode of floats stores elements and scales; none for affine.
fn blocks_of(mode: Mode) -> Option<(Element, ScaleKind)> {
    match mode {
        Mode::Affine => None,
        Mode::Mxfp4 => Some((Element::E2m1, ScaleKind::E8m0)),
        Mode::Mxfp8 => Some((Element::E4m3, ScaleKind::E8m0)),
        Mode::Nvfp4 => Some((Element::E2m1, ScaleKind::E4m3)),
    }
}

/// Packed values, scales and biases as the kernels take them.
pub(crate) fn packed<'a>(format: Quantization, parts: &[Operand<'a>]) -> Weight<'a> {
    let (packed, scales) = (parts[0].bytes(), parts[1].bytes());
    match blocks_of(format.mode) {
        Some((element, scale)) => Weight::Block(Block {
            packed,
            scales,
            element,
            scale,
        }),
        None => Weight::Affine(Affine {
            packed,
            scales,
            biases: parts[2].bytes(),
            scale_dtype: parts[1].dtype(),
            bits: format.bits,
            group: format.group,
        }),
    }
}

fn run_quantize(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Quantize(op), [x]) = (op, call.inputs) else {
        return Ok(());
    };
    let pool = &call.cpu.pool;
    match (&mut *call.outputs, blocks_of(op.0.mode)) {
        ([codes, scales], Some((element, scale))) => quantize_blocks(
            pool,
            x.bytes(),
            x.dtype(),
            Blocks {
                packed: codes.bytes(),
                scales: scales.bytes(),
                element,
                scale,
            },
        ),
        ([codes, scales, biases], None) => quantize(
            pool,
            x.bytes(),
            x.dtype(),
            Quantized {
                packed: codes.bytes(),
                scales: scales.bytes(),
                biases: biases.bytes(),
                bits: op.0.bits.into(),
                group: op.0.group.into(),
            },
        ),
        _ => {}
    }
    Ok(())
}

fn run_dequantize(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Dequantize(op) = op else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let k = out.shape()[out.shape().len() - 1];
    let (dtype, pool) = (out.dtype(), &call.cpu.pool);
    match packed(op.quantization, call.inputs) {
        Weight::Affine(q) => dequantize(pool, &q, k, out.bytes(), dtype),
        Weight::Block(q) => dequantize_blocks(pool, &q, out.bytes(), dtype),
        Weight::F32(_) | Weight::F16(_) | Weight::BF16(_) => {}
    }
    Ok(())
}

fn run_matmul(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::QuantizedMatmul(op) = op else {
        return Ok(());
    };
    let x = &call.inputs[0];
    let out = &mut call.outputs[0];
    let last = x.shape().len() - 1;
    let (k, n) = (x.shape()[last], out.shape()[last]);
    let out_dtype = out.dtype();
    let args = Linear {
        x: Rows {
            bytes: x.bytes(),
            dtype: x.dtype(),
            stride: k,
        },
        weight: packed(op.quantization, &call.inputs[1..]),
        m: x.shape()[..last].iter().product(),
        n,
        k,
        out: out.bytes(),
        out_dtype,
    };
    let (table, pool) = (call.cpu.kernels.matmul, &call.cpu.pool);
    match op.transpose {
        true => linear(table, pool, args),
        false => quantized_rows(table, pool, args),
    }
    Ok(())
}
