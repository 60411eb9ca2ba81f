//! Reductions over axes, and positions of extremes. Strided operands are made row-major first, so the
//! bits of a result do not depend on strides.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::with_integer;
use crate::call::{Call, Run};
use crate::kernels::elementwise::cast::Source;
use crate::kernels::elementwise::number::{Complex, Ordered};
use crate::kernels::math::Scratch;
use crate::kernels::reduce::arg::Search;
use crate::kernels::reduce::plain::{self, Summed};
use crate::kernels::reduce::{Axes, Float, Task};

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    Some(match dtype {
        Dtype::F32 => run_float::<f32>,
        Dtype::BF16 => run_float::<half::bf16>,
        Dtype::F16 => run_float::<half::f16>,
        Dtype::F64 => run_plain::<f64>,
        Dtype::C64 => run_plain::<Complex>,
        _ => with_integer!(dtype, T => run_plain::<T>, return None),
    })
}

pub(crate) fn arg_kernel(inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    Some(match dtype {
        Dtype::C64 => run_arg_complex,
        Dtype::F32 => run_arg_float::<f32>,
        Dtype::BF16 => run_arg_float::<half::bf16>,
        Dtype::F16 => run_arg_float::<half::f16>,
        Dtype::F64 => run_arg::<f64>,
        _ => with_integer!(dtype, T => run_arg::<T>, return None),
    })
}

/// Runs `part` over the parts of the reduction.
fn reduce(op: &Op, call: &mut Call<'_, '_>, part: impl Fn(&Task<'_>, usize) + Sync) {
    let (Op::Reduce(op), [x], out) = (op, call.inputs, &mut call.outputs[0]) else {
        return;
    };
    if out.shape().elements() == 0 {
        return;
    }
    let axes = Axes::new(x.shape(), x.dtype().size(), |axis| {
        op.axes.contains(&(axis as u8))
    });
    // Accumulators have at most eight bytes.
    let mut scratch = Scratch::workspace(2 * axes.partials());
    let task = Task {
        kind: op.kind,
        axes: &axes,
        x: x.as_ptr(),
        out: out.as_mut_ptr(),
        partials: scratch.words().as_mut_ptr().cast(),
        parts: 1,
        second: false,
    };
    task.run(&call.cpu.pool, x.spec().bytes(), part);
}

fn run_float<T: Float>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let entry = &T::entries(&call.cpu.kernels.reduce).reduce;
    reduce(op, call, |task, part| entry.part(task, part));
    Ok(())
}

fn run_plain<T: Summed>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    // SAFETY: the kernel was chosen for an operand of `T`; core inferred the output.
    reduce(op, call, |task, part| unsafe {
        plain::part::<T>(task, part)
    });
    Ok(())
}

fn search<T>(op: &Op, call: &mut Call<'_, '_>) -> Option<Search> {
    let (Op::ArgReduce(op), [x], out) = (op, call.inputs, &mut call.outputs[0]) else {
        return None;
    };
    let axis = op.axis as usize;
    let mut search = Search {
        x: x.as_ptr(),
        out: out.as_mut_ptr().cast(),
        len: x.shape()[axis],
        before: x.shape()[..axis].iter().product(),
        after: x.shape()[axis + 1..].iter().product(),
        max: op.max,
        parts: 1,
    };
    search.parts = search.parts(&call.cpu.pool, size_of::<T>());
    (out.shape().elements() > 0).then_some(search)
}

fn run_arg<T: Source<Wide: Ordered>>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    if let Some(search) = search::<T>(op, call) {
        // SAFETY: the operand is row-major and of `T`; the output has a place for each row.
        unsafe { search.run(&call.cpu.pool, T::widen) };
    }
    Ok(())
}

fn run_arg_complex(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    if let Some(search) = search::<Complex>(op, call) {
        // SAFETY: as above.
        unsafe { search.run(&call.cpu.pool, |x: Complex| x) };
    }
    Ok(())
}

fn run_arg_float<T: Float + Source<Wide: Ordered>>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Some(search) = search::<T>(op, call) else {
        return Ok(());
    };
    if search.after > 1 {
        return run_arg::<T>(op, call);
    }
    let entry = &T::entries(&call.cpu.kernels.reduce).arg;
    match search.parts {
        1 => entry.part(&search, 0),
        parts => entry.run(&call.cpu.pool, &search, parts),
    }
    Ok(())
}
