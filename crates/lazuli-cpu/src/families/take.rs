//! Slices picked by index along an axis.

use lazuli_core::Op;
use lazuli_core::error::{Error, Result};
use smallvec::SmallVec;

use super::elementwise::{strides, with_integer};
use crate::call::{Call, Run};
use crate::kernels::copy::rows::Pick;
use crate::kernels::elementwise::Loops;
use crate::operand::Operand;

pub(crate) fn kernel() -> Option<Run> {
    Some(run)
}

fn run(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Take(op), [x, indices]) = (op, call.inputs) else {
        return Ok(());
    };
    let axis = op.0 as usize;
    let picks = positions(indices, axis, x.shape()[axis])?;
    let out = &mut call.outputs[0];
    if out.shape().elements() == 0 {
        return Ok(());
    }
    let size = x.dtype().size();
    let bytes = size as isize;
    let (shape, from) = (x.shape(), strides(x.spec()));
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
        step: from[axis] * bytes,
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
    // `positions` saw that every pick lies within the axis.
    unsafe { pick.run(&call.cpu.pool, starts) };
    Ok(())
}

/// The indices in row-major order, counted from the start of the axis.
fn positions(indices: &Operand<'_>, axis: usize, len: usize) -> Result<SmallVec<[usize; 8]>> {
    let elements = indices.shape().elements();
    let mut positions = SmallVec::with_capacity(elements);
    if elements == 0 {
        return Ok(positions);
    }
    let steps = strides(indices.spec());
    let size = indices.dtype().size() as isize;
    let loops = Loops::new(indices.shape(), |axis| [steps[axis] * size]);
    let mut outside = None;
    loops.rows([indices.as_ptr().cast_mut()], 0..elements, |row| {
        with_integer!(indices.dtype(), T => {
            for k in 0..row.len as isize {
                // SAFETY: an element of the operand, all of which are readable.
                let index = unsafe {
                    row.at[0].offset(k * row.step[0]).cast::<T>().read_unaligned()
                };
                let index = Index::wide(index);
                let at = if index < 0 { index + len as i128 } else { index };
                if (0..len as i128).contains(&at) {
                    positions.push(at as usize);
                } else {
                    outside.get_or_insert(index);
                }
            }
        }, {});
    });
    match outside {
        None => Ok(positions),
        Some(index) => Err(Error::index(
            "take",
            format!("index {index} is outside axis {axis}, which has {len} elements"),
        )),
    }
}

trait Index {
    fn wide(self) -> i128;
}

macro_rules! indices {
    ($($ty:ty)*) => {$(
        impl Index for $ty {
            fn wide(self) -> i128 {
                self.into()
            }
        }
    )*};
}

indices!(u8 u16 u32 u64 i8 i16 i32 i64);

impl Index for crate::kernels::elementwise::number::Truth {
    fn wide(self) -> i128 {
        self.0.into()
    }
}
