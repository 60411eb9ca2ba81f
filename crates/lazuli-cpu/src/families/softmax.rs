//! Softmax over the last axis and the logarithm of its denominator. `f64` is decomposed.

use bytemuck::Pod;
use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Element, Op};

use crate::call::{Call, Run};
use crate::kernels::math::{Entry, Kernel, Shared};
use crate::kernels::reduce::Float;
use crate::kernels::reduce::softmax::{LogSum, Rows, Softmax};

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

pub(crate) fn log_kernel(inputs: &[Spec]) -> Option<Run> {
    match inputs[0].dtype {
        Dtype::F32 => Some(run_log::<f32>),
        Dtype::BF16 => Some(run_log::<half::bf16>),
        Dtype::F16 => Some(run_log::<half::f16>),
        _ => None,
    }
}

fn run<T: Float + Element + Pod>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    over_rows::<T, Softmax<T>>(&T::entries(&call.cpu.kernels.reduce).softmax, call);
    Ok(())
}

fn run_log<T: Float + Element + Pod>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    over_rows::<T, LogSum<T>>(&T::entries(&call.cpu.kernels.reduce).log_sum, call);
    Ok(())
}

fn over_rows<T: Element + Pod, K>(entry: &Entry<K>, call: &mut Call<'_, '_>)
where
    K: for<'a> Kernel<Args<'a> = Rows<'a, T>>,
{
    let (x, out) = (&call.inputs[0], &mut call.outputs[0]);
    let elements = x.shape().elements();
    let (Some(&d), 1..) = (x.shape().last(), elements) else {
        return;
    };
    let x = x.slice::<T>();
    let rows = Rows {
        x: &x,
        out: Shared::new(out.slice::<T>()),
        d,
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
}
