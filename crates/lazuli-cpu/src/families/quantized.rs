//! Affine quantization and products with packed matrices.

use lazuli_core::error::Result;
use lazuli_core::ops::quantized::Affine as Format;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use crate::call::{Call, Run};
use crate::kernels::matmul::{Linear, Rows, Weight, linear};
use crate::kernels::quant::{Affine, Quantized, dequantize, quantize};
use crate::operand::Operand;

fn half_or_single(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

pub(crate) fn quantize_kernel(inputs: &[Spec]) -> Option<Run> {
    half_or_single(inputs[0].dtype).then_some(run_quantize)
}

pub(crate) fn dequantize_kernel(outputs: &[Spec]) -> Option<Run> {
    half_or_single(outputs[0].dtype).then_some(run_dequantize)
}

pub(crate) fn matmul_kernel(inputs: &[Spec]) -> Option<Run> {
    half_or_single(inputs[0].dtype).then_some(run_matmul)
}

/// Packed values, scales and biases as the kernels take them.
pub(crate) fn packed<'a>(format: Format, parts: &[Operand<'a>]) -> Affine<'a> {
    Affine {
        packed: parts[0].bytes(),
        scales: parts[1].bytes(),
        biases: parts[2].bytes(),
        scale_dtype: parts[1].dtype(),
        bits: format.bits,
        group: format.group,
    }
}

fn run_quantize(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Quantize(op), [x], [codes, scales, biases]) = (op, call.inputs, &mut *call.outputs)
    else {
        return Ok(());
    };
    quantize(
        &call.cpu.pool,
        x.bytes(),
        x.dtype(),
        Quantized {
            packed: codes.bytes(),
            scales: scales.bytes(),
            biases: biases.bytes(),
            bits: op.0.bits.into(),
            group: op.0.group.into(),
        },
    );
    Ok(())
}

fn run_dequantize(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Dequantize(op) = op else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let k = out.shape()[out.shape().len() - 1];
    let q = packed(op.affine, call.inputs);
    let dtype = out.dtype();
    dequantize(&call.cpu.pool, &q, k, out.bytes(), dtype);
    Ok(())
}

fn run_matmul(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::QuantizedMatmul(op) = op else {
        return Ok(());
    };
    let x = &call.inputs[0];
    let k = x.shape()[x.shape().len() - 1];
    let out = &mut call.outputs[0];
    let n = out.shape()[out.shape().len() - 1];
    let out_dtype = out.dtype();
    linear(
        call.cpu.kernels.matmul,
        &call.cpu.pool,
        Linear {
            x: Rows {
                bytes: x.bytes(),
                dtype: x.dtype(),
                stride: k,
            },
            weight: Weight::Affine(packed(op.affine, &call.inputs[1..])),
            m: x.shape().elements() / k,
            n,
            k,
            out: out.bytes(),
            out_dtype,
        },
    );
    Ok(())
}
