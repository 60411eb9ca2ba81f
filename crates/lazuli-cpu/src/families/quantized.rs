//! Quantization and products with packed matrices.

use lazuli_core::error::Result;
use lazuli_core::ops::quantized::{Mode, Quantization};
use lazuli_core::plan::Spec;
use lazuli_core::rows::Role;
use lazuli_core::{Dtype, Op};

use super::elementwise::in_f32;
use crate::call::{Call, Run};
use crate::kernels::matmul::{Linear, Roles, Rows, Weight, linear, quantized_rows};
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

/// The operand that says each row's role.
pub(crate) fn roles_operand<'a, 'm>(op: &Op, call: &Call<'a, 'm>) -> Option<&'a Operand<'m>> {
    match op {
        Op::RoleMatmul(op) if op.each => call.inputs.last(),
        _ => None,
    }
}

/// The roles of the rows, from that operand's elements: a plain product takes its rows for a prompt's.
pub(crate) fn roles<'a>(op: &Op, each: Option<&'a [u8]>) -> Roles<'a> {
    match (op, each) {
        (_, Some(each)) => Roles::Each(each),
        (Op::RoleMatmul(_), None) => Roles::All(Role::Generated),
        _ => Roles::All(Role::Prompt),
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
    let (format, transpose) = match op {
        Op::QuantizedMatmul(op) => (op.quantization, op.transpose),
        Op::RoleMatmul(op) => (op.quantization, true),
        _ => return Ok(()),
    };
    let each = roles_operand(op, call).map(Operand::slice::<u8>);
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
        weight: packed(format, &call.inputs[1..]),
        m: x.shape()[..last].iter().product(),
        n,
        k,
        out: out.bytes(),
        out_dtype,
        roles: roles(op, each.as_deref()),
    };
    let (table, pool) = (call.cpu.kernels.matmul, &call.cpu.pool);
    match transpose {
        true => linear(table, pool, args),
        false => quantized_rows(table, pool, args),
    }
    Ok(())
}
