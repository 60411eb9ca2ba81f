//! Softmax over the last axis. `f64` is decomposed.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Element, Op};

use crate::call::{Call, Run};
use crate::kernels::math::Shared;
use crate::kernels::reduce::Float;
use crate::kernels::reduce::softmax::Rows;

/// Threads share the rows from this many elements on.
const SHARED: usize = 128 << 10;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    match inputs[0].dtype {
        Dtype::F32 => Some(run::<f32>),
        Dtype::BF16 => Some(run::<half::bf16>),
        Dtype::F16 => Some(run::<half::f16>),
        _ => None,
    }
}

fn run<T: Float + Element>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (x, out) = (&call.inputs[0], &mut call.outputs[0]);
    let elements = x.shape().elements();
    if elements == 0 {
        return Ok(());
    }
    let entry = &T::entries(&call.cpu.kernels.reduce).softmax;
    let x = x.slice::<T>();
    let rows = Rows {
        x: &x,
        out: Shared::new(out.slice::<T>()),
        d: call.inputs[0].shape()[call.inputs[0].shape().len() - 1],
        parts: if elements < SHARED {
            1
        } else {
            call.cpu.pool.threads()
        },
    };
    match rows.parts {
        1 => entry.part(&rows, 0),
        parts => entry.run(&call.cpu.pool, &rows, parts),
    }
    Ok(())
}
