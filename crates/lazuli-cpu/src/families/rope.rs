//! Rotary position embedding.

use lazuli_core::Op;
use lazuli_core::error::Result;
use lazuli_core::plan::Spec;

use crate::call::{Call, Run, by_float};
use crate::kernels::Floating;
use crate::kernels::floats::Strided;
use crate::kernels::rows::{Layout, Rope};

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    by_float!(inputs[0].dtype, run)
}

fn run<T: Floating>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Rope(op) = op else { return Ok(()) };
    let shape = call.inputs[0].shape();
    let (heads, dim) = (shape[1], shape[2]);
    let x = call.inputs[0].slice::<T>();
    let (cos, sin) = (call.inputs[1].slice::<f32>(), call.inputs[2].slice::<f32>());
    let rope = Rope {
        cos: &cos,
        sin: &sin,
        half: call.inputs[1].shape()[1],
        heads,
        dim,
        layout: if op.interleaved {
            Layout::Interleaved
        } else {
            Layout::Half
        },
    };
    T::of(&call.cpu.kernels).rows.rope(
        &call.cpu.pool,
        Strided::contiguous(&x, heads * dim),
        &rope,
        call.outputs[0].slice::<T>(),
    );
    Ok(())
}
