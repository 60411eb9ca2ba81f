//! Root-mean-square norms.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use crate::call::{Call, Run, by_float};
use crate::kernels::Floating;
use crate::kernels::floats::Strided;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    let weight = inputs[1].dtype != Dtype::F64;
    by_float!(inputs[0].dtype, run).filter(|_| weight)
}

fn run<T: Floating>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::RmsNorm(op) = op else { return Ok(()) };
    let (x, weight) = (call.inputs[0].slice::<T>(), call.inputs[1].as_f32());
    let width = weight.len();
    let rows = &T::of(&call.cpu.kernels).rows;
    let pool = &call.cpu.pool;
    let x = Strided::contiguous(&x, width);
    let out = call.outputs[0].slice::<T>();
    if op.gated {
        let gate = call.inputs[2].slice::<T>();
        let gate = Strided::contiguous(&gate, width);
        rows.gated_rms_norm(pool, x, gate, Some(&weight), op.eps.get(), width, out);
    } else {
        rows.rms_norm(pool, x, Some(&weight), op.eps.get(), width, out);
    }
    Ok(())
}
