//! Root-mean-square and layer norms.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use crate::call::{Call, Run, by_float};
use crate::kernels::Floating;
use crate::kernels::floats::Strided;
use crate::kernels::rows::Norm;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    let others = inputs[1..].iter().all(|s| s.dtype != Dtype::F64);
    by_float!(inputs[0].dtype, run).filter(|_| others)
}

fn run<T: Floating>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (x, mut rest) = (&call.inputs[0], call.inputs[1..].iter());
    let [weighted, biased, gated, centre] = match op {
        Op::RmsNorm(op) => [op.weighted, false, op.gated, false],
        Op::LayerNorm(op) => [op.weighted, op.biased, false, true],
        _ => return Ok(()),
    };
    let eps = match op {
        Op::RmsNorm(op) => op.eps,
        Op::LayerNorm(op) => op.eps,
        _ => return Ok(()),
    };
    let width = x.shape().last().copied().unwrap_or(1);
    let mut next = |present: bool| present.then(|| rest.next()).flatten();
    let weight = next(weighted).map(|w| w.as_f32());
    let bias = next(biased).map(|b| b.as_f32());
    let gate = next(gated).map(|g| g.slice::<T>());
    let x = x.slice::<T>();
    let norm = Norm {
        x: Strided::contiguous(&x, width),
        gate: gate.as_deref().map(|g| Strided::contiguous(g, width)),
        centre,
        weight: weight.as_deref(),
        bias: bias.as_deref(),
        eps: eps.get(),
        width,
    };
    let rows = &T::of(&call.cpu.kernels).rows;
    rows.norm(&call.cpu.pool, norm, call.outputs[0].slice::<T>());
    Ok(())
}
