//! Mixture of experts.

use lazuli_core::error::{Error, Result};
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use crate::call::{Call, Run, by_float};
use crate::families::matmul::weight;
use crate::families::quantized::{packed, roles, roles_operand, scales_fit};
use crate::kernels::Floating;
use crate::kernels::floats::Strided;
use crate::kernels::matmul::{GatherLinear, Rows, gather_linear};
use crate::operand::Operand;

pub(crate) fn route_kernel(inputs: &[Spec]) -> Option<Run> {
    by_float!(inputs[0].dtype, run_route)
}

pub(crate) fn matmul_kernel(inputs: &[Spec]) -> Option<Run> {
    let takes = |s: &Spec| matches!(s.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
    let run: Run = run_matmul;
    let weights = match inputs.get(3) {
        Some(scales) => scales_fit(scales),
        None => takes(&inputs[2]),
    };
    (takes(&inputs[0]) && weights).then_some(run)
}

pub(crate) fn combine_kernel(inputs: &[Spec]) -> Option<Run> {
    by_float!(inputs[0].dtype, run_combine)
}

fn run_route<T: Floating>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Route(op), [logits], [ids, weights]) = (op, call.inputs, &mut *call.outputs) else {
        return Ok(());
    };
    let experts = logits.shape()[1];
    let rows = logits.slice::<T>();
    T::of(&call.cpu.kernels).rows.top_k(
        &call.cpu.pool,
        Strided::contiguous(&rows, experts),
        experts,
        op.k as usize,
        op.normalize,
        ids.slice(),
        weights.slice(),
    );
    Ok(())
}

fn run_matmul(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [x, ids, w, ..] = call.inputs else {
        return Ok(());
    };
    let format = match op {
        Op::GatherMatmul(op) => op.quantization,
        Op::RoleMatmul(op) => Some(op.quantization),
        _ => return Ok(()),
    };
    let each = roles_operand(op, call).map(Operand::slice::<u8>);
    let experts = w.shape()[0];
    let slots = ids.shape()[1];
    let chosen = ids.slice::<u32>();
    if let Some(id) = chosen.iter().find(|&&id| id as usize >= experts) {
        return Err(Error::index(
            "gather_matmul",
            format!("expert {id} is out of range: there are {experts}"),
        ));
    }
    let out = &mut call.outputs[0];
    if out.shape().elements() == 0 {
        return Ok(());
    }
    let k = x.shape()[x.shape().len() - 1];
    let n = out.shape()[2];
    let out_dtype = out.dtype();
    gather_linear(
        call.cpu.kernels.matmul,
        &call.cpu.pool,
        GatherLinear {
            x: Rows {
                bytes: x.bytes(),
                dtype: x.dtype(),
                stride: k,
            },
            x_per_slot: x.shape().len() == 3,
            weight: match format {
                Some(format) => packed(format, &call.inputs[2..]),
                None => weight(w.bytes(), w.dtype()),
            },
            ids: &chosen,
            slots,
            experts,
            n,
            k,
            out: out.bytes(),
            out_dtype,
            roles: roles(op, each.as_deref()),
        },
    );
    Ok(())
}

fn run_combine<T: Floating>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [y, ids, weights] = call.inputs else {
        return Ok(());
    };
    let [_, slots, width] = y.shape()[..] else {
        return Ok(());
    };
    T::of(&call.cpu.kernels).rows.combine(
        &call.cpu.pool,
        &y.slice::<T>(),
        &weights.slice::<f32>(),
        &ids.slice::<u32>(),
        slots,
        width,
        call.outputs[0].slice(),
    );
    Ok(())
}
