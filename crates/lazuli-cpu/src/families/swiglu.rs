//! `silu(gate) * up`.

use lazuli_core::Op;
use lazuli_core::error::Result;
use lazuli_core::plan::Spec;

use crate::call::{Call, Run, by_float};
use crate::kernels::Floating;
use crate::kernels::floats::Strided;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    by_float!(inputs[0].dtype, run)
}

fn run<T: Floating>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (gate, up) = (call.inputs[0].slice::<T>(), call.inputs[1].slice::<T>());
    let shape = call.inputs[0].shape();
    let width = shape.last().copied().unwrap_or(1);
    T::of(&call.cpu.kernels).rows.swiglu(
        &call.cpu.pool,
        Strided::contiguous(&gate, width),
        Strided::contiguous(&up, width),
        width,
        call.outputs[0].slice::<T>(),
    );
    Ok(())
}
