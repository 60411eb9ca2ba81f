//! Writes by index and by slice: the output starts as the operand, in place where that was given up,
//! then blocks are combined with it in the order of their indices.

use lazuli_core::error::Result;
use lazuli_core::ops::scatter::Mode;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};
use smallvec::SmallVec;

use super::elementwise::{strides, with_type};
use super::indices::{Along, Offsets, add, grid, offsets};
use crate::call::{Call, Run};
use crate::kernels::combine::{Combine, Put, row};
use crate::kernels::copy::copy;
use crate::kernels::elementwise::Loops;
use crate::operand::{Operand, Output};

pub(crate) fn kernel(op: &Op, inputs: &[Spec]) -> Option<Run> {
    let complex = inputs[0].dtype == Dtype::C64;
    Some(match op {
        Op::Scatter(op) if ordered(op.mode) && complex => return None,
        Op::ScatterAlong(op) if ordered(op.mode) && complex => return None,
        Op::SliceUpdate(op) if ordered(op.mode) && complex => return None,
        Op::Scatter(_) => scatter,
        Op::ScatterAlong(_) => scatter_along,
        _ => slice_update,
    })
}

const fn ordered(mode: Mode) -> bool {
    matches!(mode, Mode::Maximum | Mode::Minimum)
}

fn combine(mode: Mode, dtype: Dtype) -> Combine {
    if mode == Mode::Set {
        return row::set(dtype.size());
    }
    with_type!(dtype, T => row::with::<T>(mode))
}

/// Fills the output with the operand unless they share memory.
pub(super) fn start(call: &crate::backend::Cpu, x: &Operand<'_>, out: &mut Output<'_>) {
    if x.is_shared_with(out) || out.shape().elements() == 0 {
        return;
    }
    let size = x.dtype().size();
    let (to, from) = (out.shape().contiguous_strides(), strides(x.spec()));
    let loops = Loops::new(out.shape(), |axis| {
        [to[axis] * size as isize, from[axis] * size as isize]
    });
    let starts = [out.as_mut_ptr(), x.as_ptr().cast_mut()];
    // SAFETY: the loops follow the layouts of the operand and of the output, whose memory is its own:
    // it is not the operand's.
    unsafe { copy(&call.pool, &loops, starts, size) };
}

fn scatter(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Scatter(op), [x, updates, indices @ ..]) = (op, call.inputs) else {
        return Ok(());
    };
    let bytes = x.dtype().size() as isize;
    let to = x.shape().contiguous_strides();
    let lead = indices.first().map_or(0, |i| i.shape().len());
    let (window, from) = (&updates.shape()[lead..], strides(updates.spec()));
    let along: SmallVec<[Along; 4]> = op
        .axes
        .iter()
        .map(|&axis| Along {
            axis: axis as usize,
            len: x.shape()[axis as usize],
            window: window[axis as usize],
            step: to[axis as usize] * bytes,
        })
        .collect();
    let places = offsets(&call.cpu.pool, "scatter", indices, &along)?;
    let sources = grid(&updates.shape()[..lead], |axis| from[axis] * bytes);
    let block = Loops::new(window, |axis| [to[axis] * bytes, from[lead + axis] * bytes]);
    // Windows that are longer than one along an indexed axis may overlap.
    let apart = op.axes.iter().all(|&axis| window[axis as usize] == 1);
    put(call, op.mode, &places, &sources, block, apart)
}

fn scatter_along(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::ScatterAlong(op), [x, updates, indices]) = (op, call.inputs) else {
        return Ok(());
    };
    let size = x.dtype().size();
    let bytes = size as isize;
    let axis = op.axis as usize;
    let (to, from) = (x.shape().contiguous_strides(), strides(updates.spec()));
    let along = Along {
        axis,
        len: x.shape()[axis],
        window: 1,
        step: to[axis] * bytes,
    };
    let mut places = grid(
        indices.shape(),
        |a| if a == axis { 0 } else { to[a] * bytes },
    );
    add(
        &call.cpu.pool,
        "put_along_axis",
        indices,
        &along,
        &mut places,
    )?;
    let sources = grid(indices.shape(), |a| from[a] * bytes);
    let block = Loops::flat(1, [size, size]);
    put(call, op.mode, &places, &sources, block, true)
}

fn put(
    call: &mut Call<'_, '_>,
    mode: Mode,
    places: &Offsets,
    sources: &Offsets,
    block: Loops<2>,
    apart: bool,
) -> Result<()> {
    let (x, updates) = (&call.inputs[0], &call.inputs[1]);
    let out = &mut call.outputs[0];
    start(call.cpu, x, out);
    if updates.shape().elements() == 0 || out.shape().elements() == 0 {
        return Ok(());
    }
    let put = Put {
        places,
        sources,
        block,
        size: x.dtype().size(),
        span: out.bytes().len(),
        apart,
    };
    let starts = [out.as_mut_ptr(), updates.as_ptr().cast_mut()];
    // SAFETY: places and block follow the row-major output, sources and block the updates; the
    // indices were checked, so every block lies within both, and the output's memory is its own: an
    // operand that shares it is no longer read. Elements are of the dtype that `combine` was made for.
    unsafe { put.run(&call.cpu.pool, starts, combine(mode, x.dtype())) };
    Ok(())
}

fn slice_update(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::SliceUpdate(op), [x, update]) = (op, call.inputs) else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    start(call.cpu, x, out);
    if update.shape().elements() == 0 {
        return Ok(());
    }
    let size = x.dtype().size();
    let bytes = size as isize;
    let (to, from) = (out.shape().contiguous_strides(), strides(update.spec()));
    let first: isize = (to.iter().zip(&op.start))
        .map(|(&to, &start)| to * start as isize * bytes)
        .sum();
    let loops = Loops::new(update.shape(), |axis| {
        [to[axis] * op.step[axis] * bytes, from[axis] * bytes]
    });
    let starts = [
        out.as_mut_ptr().wrapping_offset(first),
        update.as_ptr().cast_mut(),
    ];
    if op.mode == Mode::Set {
        // SAFETY: the loops follow the slice of the output, which core checked, and the update; the
        // output's memory is its own.
        unsafe { copy(&call.cpu.pool, &loops, starts, size) };
        return Ok(());
    }
    let combine = combine(op.mode, x.dtype());
    // SAFETY: as above; elements are of the dtype that `combine` was made for.
    loops.run(&call.cpu.pool, starts, size, &|row| unsafe {
        combine(&row)
    });
    Ok(())
}
