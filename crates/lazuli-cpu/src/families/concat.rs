//! Joining along an axis: each operand is copied to its place.

use lazuli_core::Op;
use lazuli_core::error::Result;

use super::elementwise::strides;
use crate::call::{Call, Run};
use crate::kernels::copy::copy;
use crate::kernels::elementwise::Loops;

pub(crate) fn kernel() -> Option<Run> {
    Some(run)
}

fn run(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Concat(op) = op else { return Ok(()) };
    let axis = op.0 as usize;
    let out = &mut call.outputs[0];
    let size = out.dtype().size() as isize;
    let to = out.shape().contiguous_strides();
    let mut first = 0;
    for x in call.inputs {
        let place = first as isize * to[axis] * size;
        first += x.shape()[axis];
        if x.shape().elements() == 0 {
            continue;
        }
        let from = strides(x.spec());
        let loops = Loops::new(x.shape(), |axis| [to[axis] * size, from[axis] * size]);
        let starts = [
            out.as_mut_ptr().wrapping_offset(place),
            x.as_ptr().cast_mut(),
        ];
        // SAFETY: the loops follow the layouts of the operand and of its part of the output, whose
        // memory is its own: joining does not work in place.
        unsafe { copy(&call.cpu.pool, &loops, starts, size as usize) };
    }
    Ok(())
}
