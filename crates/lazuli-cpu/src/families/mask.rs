//! Rows under a mask: its true positions become offsets, and blocks are copied.

use lazuli_core::Op;
use lazuli_core::error::{Error, Result};

use super::elementwise::strides;
use super::indices::{Offsets, grid};
use super::scatter::start;
use crate::call::{Call, Run};
use crate::kernels::combine::{Put, row};
use crate::kernels::copy::rows::Pick;
use crate::kernels::elementwise::Loops;
use crate::operand::Operand;

pub(crate) fn scatter_kernel() -> Option<Run> {
    Some(scatter)
}

pub(crate) fn gather_kernel() -> Option<Run> {
    Some(gather)
}

/// The byte offsets of the true positions, where neighbours along an axis are `step(axis)` apart.
fn hits(mask: &Operand<'_>, step: impl Fn(usize) -> isize) -> Offsets {
    let steps = strides(mask.spec());
    let at = grid(mask.shape(), step);
    let truths = grid(mask.shape(), |axis| steps[axis]);
    let pairs = at.into_iter().zip(truths);
    // SAFETY: an element of the operand, all of which are readable.
    let is_true = |truth: isize| unsafe { *mask.as_ptr().offset(truth) != 0 };
    pairs
        .filter(|&(_, t)| is_true(t))
        .map(|(at, _)| at)
        .collect()
}

fn scatter(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [x, mask, list] = call.inputs else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let size = x.dtype().size();
    let bytes = size as isize;
    let (to, from) = (x.shape().contiguous_strides(), strides(list.spec()));
    let places = hits(mask, |axis| to[axis] * bytes);
    let values = list.shape()[0];
    if places.len() > values {
        return Err(Error::index(
            "masked_scatter",
            format!(
                "the mask is true {} times, {values} values were given",
                places.len()
            ),
        ));
    }
    start(call.cpu, x, out);
    if places.is_empty() || list.shape().elements() == 0 {
        return Ok(());
    }
    let sources = grid(&[places.len()], |_| from[0] * bytes);
    let rank = mask.shape().len();
    let put = Put {
        places: &places,
        sources: &sources,
        block: Loops::new(&x.shape()[rank..], |axis| {
            [to[rank + axis] * bytes, from[1 + axis] * bytes]
        }),
        size,
        span: out.bytes().len(),
        apart: true,
    };
    let starts = [out.as_mut_ptr(), list.as_ptr().cast_mut()];
    // SAFETY: a row of the row-major output for each true position of the mask, which is over its
    // leading axes, and as many rows of the list; the output's memory is its own.
    unsafe { put.run(&call.cpu.pool, starts, row::set(size)) };
    Ok(())
}

fn gather(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [x, mask] = call.inputs else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let size = x.dtype().size();
    let bytes = size as isize;
    let (to, from) = (out.shape().contiguous_strides(), strides(x.spec()));
    let mut picks = hits(mask, |axis| from[axis] * bytes);
    picks.truncate(out.shape()[0]);
    let rank = mask.shape().len();
    let block = &x.shape()[rank..];
    let filled = picks.len() * block.iter().product::<usize>() * size;
    out.bytes()[filled..].fill(0);
    if filled == 0 {
        return Ok(());
    }
    let pick = Pick {
        outer: Loops::flat(1, [0, 0]),
        picks: &picks,
        block: Loops::new(block, |axis| {
            [to[1 + axis] * bytes, from[rank + axis] * bytes]
        }),
        size,
    };
    let starts = [out.as_mut_ptr(), x.as_ptr().cast_mut()];
    // SAFETY: a row of the operand for each true position of the mask, which is over its leading axes,
    // to as many rows of the output, whose memory is its own.
    unsafe { pick.run(&call.cpu.pool, starts) };
    Ok(())
}
