//! Running reductions and linear recurrences.

use half::{bf16, f16};
use lazuli_core::error::Result;
use lazuli_core::ops::scan::{Kind, Scan};
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use crate::call::{Call, Run};
use crate::kernels::elementwise::cast::{Source, Target, Wide};
use crate::kernels::elementwise::number::{Complex, Ordered, Ring, Truth};
use crate::kernels::scan::{Lines, LogSum, Ranked, Summed};

pub(crate) fn kernel(op: Scan, inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    Some(match (op.kind, dtype) {
        // The product of truth values is the least of them.
        (Kind::Prod, Dtype::Bool) => extreme::<Truth>,
        (Kind::Sum | Kind::Prod, _) => match dtype {
            Dtype::U8 | Dtype::I8 => sum::<u8>,
            Dtype::U16 | Dtype::I16 => sum::<u16>,
            Dtype::U32 | Dtype::I32 => sum::<u32>,
            Dtype::U64 | Dtype::I64 => sum::<u64>,
            Dtype::F16 => sum::<f16>,
            Dtype::BF16 => sum::<bf16>,
            Dtype::F32 => sum::<f32>,
            Dtype::F64 => sum::<f64>,
            Dtype::C64 => sum::<Complex>,
            Dtype::Bool => return None,
        },
        (Kind::Max | Kind::Min, _) => {
            super::elementwise::with_type!(dtype, T => extreme::<T>)
        }
        (Kind::LogAddExp, Dtype::F16) => log_sum::<f16>,
        (Kind::LogAddExp, Dtype::BF16) => log_sum::<bf16>,
        (Kind::LogAddExp, Dtype::F32) => log_sum::<f32>,
        (Kind::LogAddExp, Dtype::F64) => log_sum::<f64>,
        (Kind::LogAddExp, _) => return None,
    })
}

pub(crate) fn recurrence_kernel(inputs: &[Spec]) -> Option<Run> {
    Some(match inputs[0].dtype {
        Dtype::F16 => recurrence::<f16>,
        Dtype::BF16 => recurrence::<bf16>,
        Dtype::F32 => recurrence::<f32>,
        Dtype::F64 => recurrence::<f64>,
        Dtype::C64 => recurrence::<Complex>,
        _ => return None,
    })
}

/// The addresses of an operand's elements, of any alignment.
struct From<T>(*const T);

// SAFETY: the operand is only read while the threads that share the address run.
unsafe impl<T> Sync for From<T> {}

impl<T: Copy> From<T> {
    /// # Safety
    /// The element exists.
    #[inline(always)]
    unsafe fn read(&self, at: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(at).read_unaligned() }
    }
}

/// The addresses of the output's elements.
struct To<T>(*mut T);

// SAFETY: each element is written by the one thread that has its line.
unsafe impl<T> Sync for To<T> {}

impl<T: Copy> To<T> {
    /// # Safety
    /// The element exists and is nobody else's.
    #[inline(always)]
    unsafe fn write(&self, at: usize, x: T) {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(at).write(x) }
    }
}

fn lines(shape: &[usize], axis: u8, reverse: bool, exclusive: bool) -> Lines {
    let axis = axis as usize;
    Lines {
        before: shape[..axis].iter().product(),
        len: shape[axis],
        after: shape[axis + 1..].iter().product(),
        reverse,
        exclusive,
    }
}

/// Runs `op` over elements of `T` that become accumulators by `up` and results by `down`.
fn scan<T: Copy, A: Copy + Send + Sync>(
    op: &Op,
    call: &mut Call<'_, '_>,
    start: A,
    first: impl Fn(T) -> A + Sync,
    step: impl Fn(A, T) -> A + Sync,
    down: impl Fn(A) -> T + Sync,
) {
    let (Op::Scan(op), [x]) = (op, call.inputs) else {
        return;
    };
    let (from, to) = (
        From::<T>(x.as_ptr().cast()),
        To::<T>(call.outputs[0].as_mut_ptr().cast()),
    );
    // SAFETY: both operands are row-major, of `T` and of the shape that the places are counted in;
    // the output is ours.
    lines(x.shape(), op.axis, op.reverse, !op.inclusive).run(
        &call.cpu.pool,
        start,
        |at| unsafe { from.read(at) },
        first,
        step,
        |at, acc| unsafe { to.write(at, down(acc)) },
    );
}

fn sum<T: Summed>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    if matches!(op, Op::Scan(op) if op.kind == Kind::Prod) {
        let step = |acc: T::Acc, x: T| acc.mul(x.up());
        scan(op, call, T::Acc::ONE, T::up, step, T::down);
    } else {
        let step = |acc: T::Acc, x: T| acc.add(x.up());
        scan(op, call, T::Acc::ZERO, T::up, step, T::down);
    }
    Ok(())
}

fn extreme<T: Ranked>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    if matches!(op, Op::Scan(op) if op.kind == Kind::Max) {
        let step = |acc: T::Key, x: T| acc.larger(x.up());
        scan(op, call, T::Key::LEAST, T::up, step, T::down);
    } else {
        let step = |acc: T::Key, x: T| acc.smaller(x.up());
        scan(op, call, T::Key::GREATEST, T::up, step, T::down);
    }
    Ok(())
}

fn log_sum<T: Source + Target>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let up = |x: T| x.widen().narrow::<f64>();
    scan(
        op,
        call,
        LogSum::EMPTY,
        |x: T| LogSum::of(up(x)),
        |acc, x| acc.with(up(x)),
        |acc| T::of_f64(acc.log()),
    );
    Ok(())
}

fn recurrence<T: Summed>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Recurrence(op), [a, b]) = (op, call.inputs) else {
        return Ok(());
    };
    let (factors, terms) = (From::<T>(a.as_ptr().cast()), From::<T>(b.as_ptr().cast()));
    let to = To::<T>(call.outputs[0].as_mut_ptr().cast());
    // SAFETY: as in `scan`; both operands have the output's shape.
    lines(b.shape(), op.axis, op.reverse, false).run(
        &call.cpu.pool,
        T::Acc::ZERO,
        |at| unsafe { (factors.read(at), terms.read(at)) },
        |(_, b)| b.up(),
        |acc, (a, b)| a.up().mul(acc).add(b.up()),
        |at, acc| unsafe { to.write(at, T::down(acc)) },
    );
    Ok(())
}
