//! Evenly spaced numbers.

use lazuli_core::error::Result;
use lazuli_core::{Dtype, Op};

use super::elementwise::with_type;
use crate::call::{Call, Run};
use crate::kernels::elementwise::cast::Target;
use crate::kernels::elementwise::{Loops, Row};

pub(crate) fn kernel(dtype: Dtype) -> Option<Run> {
    Some(match dtype {
        d if d.is_integer() => with_type!(d, T => integers::<T>),
        d => with_type!(d, T => floats::<T>),
    })
}

fn integers<T: Target>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Arange(op) = *op else { return Ok(()) };
    let of = |k: usize| op.start.wrapping_add(op.step.wrapping_mul(k as u64));
    fill(call, &|k| T::of_i64(of(k) as i64));
    Ok(())
}

fn floats<T: Target>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Arange(op) = *op else { return Ok(()) };
    let (start, step) = (f64::from_bits(op.start), f64::from_bits(op.step));
    fill(call, &|k| T::of_f64(start + k as f64 * step));
    Ok(())
}

fn fill<T>(call: &mut Call<'_, '_>, of: &(dyn Fn(usize) -> T + Sync)) {
    let out = &mut call.outputs[0];
    let count = out.shape().elements();
    if count == 0 {
        return;
    }
    let first = out.as_mut_ptr() as usize;
    let loops = Loops::flat(count, [size_of::<T>()]);
    loops.run(
        &call.cpu.pool,
        [out.as_mut_ptr()],
        size_of::<T>(),
        &|row: Row<1>| {
            let before = (row.at[0] as usize - first) / size_of::<T>();
            for k in 0..row.len {
                // SAFETY: an element of the row, which is part of an output of `T`.
                unsafe { row.at[0].cast::<T>().add(k).write_unaligned(of(before + k)) };
            }
        },
    );
}
