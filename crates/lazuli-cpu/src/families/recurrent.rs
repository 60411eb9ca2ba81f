//! Causal convolution and the gated delta rule, whose states are written in place where the old ones
//! were given up.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use crate::call::{Call, Run, by_float};
use crate::families::seqs::{Limits, seqs};
use crate::kernels::floats::Strided;
use crate::kernels::{Floating, conv, gated_delta};

pub(crate) fn conv_kernel(inputs: &[Spec]) -> Option<Run> {
    by_float!(inputs[0].dtype, run_conv)
}

pub(crate) fn delta_kernel(inputs: &[Spec]) -> Option<Run> {
    let gates = inputs[3..6].iter().all(|s| s.dtype == Dtype::F32);
    by_float!(inputs[0].dtype, run_delta).filter(|_| gates)
}

fn run_conv<T: Floating>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::CausalConv(op), [x, weight, state, table], [y, next]) =
        (op, call.inputs, &mut *call.outputs)
    else {
        return Ok(());
    };
    let limits = Limits {
        slots: state.shape()[0],
        rows: x.shape()[0],
        end: usize::MAX,
    };
    let seqs = seqs(table, &limits)?;
    next.start_from(state);
    let (x_rows, taps) = (x.slice::<T>(), weight.slice::<T>());
    let args = conv::Call {
        x: &x_rows,
        weight: &taps,
        bias: None,
        seqs: &seqs,
        channels: x.shape()[1],
        kernel: weight.shape()[1],
        silu: op.silu,
    };
    T::of(&call.cpu.kernels)
        .conv
        .run(&call.cpu.pool, &args, next.slice(), y.slice());
    Ok(())
}

fn run_delta<T: Floating>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::GatedDelta(op), [qkv, a, b, a_log, dt_bias, state, table], [y, next]) =
        (op, call.inputs, &mut *call.outputs)
    else {
        return Ok(());
    };
    let (key_heads, key_dim) = (op.key_heads as usize, op.key_dim as usize);
    let (value_heads, value_dim) = (state.shape()[1], state.shape()[2]);
    let limits = Limits {
        slots: state.shape()[0],
        rows: qkv.shape()[0],
        end: usize::MAX,
    };
    let seqs = seqs(table, &limits)?;
    next.start_from(state);
    let (rows, a, b) = (qkv.slice::<T>(), a.slice::<T>(), b.slice::<T>());
    let (a_log, dt_bias) = (a_log.slice::<f32>(), dt_bias.slice::<f32>());
    let (keys, stride) = (key_heads * key_dim, qkv.shape()[1]);
    let part = |from: usize| Strided {
        elements: rows.get(from..).unwrap_or(&[]),
        stride,
    };
    let args = gated_delta::Call {
        q: part(0),
        k: part(keys),
        v: part(2 * keys),
        a: Strided::contiguous(&a, value_heads),
        b: Strided::contiguous(&b, value_heads),
        a_log: &a_log,
        dt_bias: &dt_bias,
        seqs: &seqs,
        key_heads,
        value_heads,
        key_dim,
        value_dim,
    };
    T::of(&call.cpu.kernels)
        .gated_delta
        .run(&call.cpu.pool, &args, next.slice(), y.slice());
    Ok(())
}
