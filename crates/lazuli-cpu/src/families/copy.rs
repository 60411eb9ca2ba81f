//! Row-major copies of any layout.

use lazuli_core::Op;
use lazuli_core::error::Result;

use super::elementwise::strides;
use crate::call::{Call, Run};
use crate::kernels::copy::copy;
use crate::kernels::elementwise::Loops;

pub(crate) fn kernel() -> Option<Run> {
    Some(run)
}

fn run(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (x, out) = (&call.inputs[0], &mut call.outputs[0]);
    let size = x.dtype().size();
    let shape = out.shape();
    if shape.elements() == 0 {
        return Ok(());
    }
    let (to, from) = (shape.contiguous_strides(), strides(x.spec()));
    let loops = Loops::new(shape, |axis| {
        [to[axis] * size as isize, from[axis] * size as isize]
    });
    let starts = [out.as_mut_ptr(), x.as_ptr().cast_mut()];
    // SAFETY: the loops follow the layouts of the operand and of the output, whose memory is its own:
    // a copy does not work in place.
    unsafe { copy(&call.cpu.pool, &loops, starts, size) };
    Ok(())
}
