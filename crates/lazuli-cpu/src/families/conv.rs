//! Convolutions over spatial axes.

use lazuli_core::error::Result;
use lazuli_core::ops::conv::{Conv, Slide};
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op, Shape};

use super::elementwise::in_f32;
use crate::call::{Call, Run};
use crate::kernels::convolution::{Axis, Geometry, convolve, convolve_f64};

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    match inputs[0].dtype {
        Dtype::F64 => Some(run_f64),
        dtype => in_f32(dtype).then_some(run),
    }
}

/// The axes as the kernels take them: three, the missing ones of length 1 in front.
fn geometry(conv: &Conv, x: &Shape, w: &Shape, out: &Shape) -> Geometry {
    let missing = 3 - conv.slides.len();
    let axes = std::array::from_fn(|at| match at.checked_sub(missing) {
        None => Axis::ONE,
        Some(i) => {
            let Slide {
                stride,
                low,
                kernel_dilation,
                input_dilation,
                ..
            } = conv.slides[i];
            Axis {
                input: x[i + 1],
                kernel: w[i + 1],
                places: out[i + 1],
                stride,
                low,
                kernel_dilation,
                input_dilation,
            }
        }
    });
    Geometry {
        examples: x[0],
        axes,
        channels: x[x.len() - 1],
        out_channels: w[0],
        groups: conv.groups,
        flip: conv.flip,
    }
}

fn run(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Conv(conv), [x, w]) = (op, call.inputs) else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let geometry = geometry(conv, x.shape(), w.shape(), out.shape());
    let (table, pool) = (call.cpu.kernels.matmul, &call.cpu.pool);
    convolve(
        table,
        pool,
        &geometry,
        x.bytes(),
        w.bytes(),
        x.dtype(),
        out.bytes(),
    );
    Ok(())
}

fn run_f64(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Conv(conv), [x, w]) = (op, call.inputs) else {
        return Ok(());
    };
    let out = &mut call.outputs[0];
    let geometry = geometry(conv, x.shape(), w.shape(), out.shape());
    convolve_f64(
        &call.cpu.pool,
        &geometry,
        &x.slice(),
        &w.slice(),
        out.slice(),
    );
    Ok(())
}
