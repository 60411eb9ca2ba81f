//! Reads by index: blocks along an axis, windows at several indices, single elements along an axis.
//! All become byte offsets, then one kernel that copies blocks.

use lazuli_core::Op;
use lazuli_core::error::Result;
use smallvec::SmallVec;

use super::elementwise::strides;
use super::indices::{Along, add, grid, offsets};
use crate::call::{Call, Run};
use crate::kernels::copy::rows::Pick;
use crate::kernels::elementwise::Loops;

pub(crate) fn take_kernel() -> Option<Run> {
    Some(take)
}

pub(crate) fn gather_kernel() -> Option<Run> {
    Some(gather)
}

pub(crate) fn along_kernel() -> Option<Run> {
    Some(take_along)
}

fn take(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Take(op), [x, indices]) = (op, call.inputs) else {
        return Ok(());
    };
    let axis = op.0 as usize;
    let size = x.dtype().size();
    let bytes = size as isize;
    let (shape, from) = (x.shape(), strides(x.spec()));
    let along = Along {
        axis,
        len: shape[axis],
        window: 1,
        step: from[axis] * bytes,
    };
    let pool = &call.cpu.pool;
    let picks = offsets(pool, "take", std::slice::from_ref(indices), &[along])?;
    let out = &mut call.outputs[0];
    if out.shape().elements() == 0 {
        return Ok(());
    }
    let after = &shape[axis + 1..];
    let block: usize = after.iter().product();
    // Row-major steps of the output, whose picked axes count as one.
    let mut steps: SmallVec<[isize; 8]> = SmallVec::new();
    let mut step = bytes;
    for at in (0..shape.len()).rev() {
        steps.push(step);
        step *= if at == axis { picks.len() } else { shape[at] } as isize;
    }
    steps.reverse();
    let pick = Pick {
        outer: Loops::new(&shape[..axis], |at| [steps[at], from[at] * bytes]),
        picks: &picks,
        block: if block == 1 {
            Loops::flat(1, [size, size])
        } else {
            Loops::new(after, |at| {
                [steps[axis + 1 + at], from[axis + 1 + at] * bytes]
            })
        },
        size,
    };
    let starts = [out.as_mut_ptr(), x.as_ptr().cast_mut()];
    // SAFETY: the loops follow the layouts of the operand and of the output, whose memory is its own;
    // `offsets` saw that every pick lies within the axis.
    unsafe { pick.run(pool, starts) };
    Ok(())
}

fn gather(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Gather(op), [x, indices @ ..]) = (op, call.inputs) else {
        return Ok(());
    };
    let size = x.dtype().size();
    let bytes = size as isize;
    let from = strides(x.spec());
    let along: SmallVec<[Along; 4]> = op
        .axes
        .iter()
        .map(|&axis| Along {
            axis: axis as usize,
            len: x.shape()[axis as usize],
            window: op.sizes[axis as usize],
            step: from[axis as usize] * bytes,
        })
        .collect();
    let pool = &call.cpu.pool;
    let picks = offsets(pool, "gather", indices, &along)?;
    let out = &mut call.outputs[0];
    if out.shape().elements() == 0 {
        return Ok(());
    }
    let to = op.sizes.contiguous_strides();
    let pick = Pick {
        outer: Loops::flat(1, [0, 0]),
        picks: &picks,
        block: Loops::new(&op.sizes, |axis| [to[axis] * bytes, from[axis] * bytes]),
        size,
    };
    let starts = [out.as_mut_ptr(), x.as_ptr().cast_mut()];
    // SAFETY: a window follows the layouts of the operand and of the output, whose memory is its own;
    // `offsets` saw that every window lies within the operand.
    unsafe { pick.run(pool, starts) };
    Ok(())
}

fn take_along(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::TakeAlong(op), [x, indices]) = (op, call.inputs) else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    if out.shape().elements() == 0 {
        return Ok(());
    }
    let axis = op.0 as usize;
    let size = x.dtype().size();
    let from = strides(x.spec());
    let along = Along {
        axis,
        len: x.shape()[axis],
        window: 1,
        step: from[axis] * size as isize,
    };
    let pool = &call.cpu.pool;
    let mut picks = grid(indices.shape(), |a| {
        if a == axis {
            0
        } else {
            from[a] * size as isize
        }
    });
    add(pool, "take_along_axis", indices, &along, &mut picks)?;
    let pick = Pick {
        outer: Loops::flat(1, [0, 0]),
        picks: &picks,
        block: Loops::flat(1, [size, size]),
        size,
    };
    let starts = [out.as_mut_ptr(), x.as_ptr().cast_mut()];
    // SAFETY: single elements of the operand, each where the other axes of its index are and where
    // `add` saw that the axis has it, to an output of as many elements, whose memory is its own.
    unsafe { pick.run(pool, starts) };
    Ok(())
}
