//! Conversion between dtypes.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::{in_f32, rows, with_type};
use crate::call::{Call, Run};
use crate::kernels::elementwise::cast::{Source, Target, Wide};
use crate::kernels::elementwise::number::{Complex, Truth};
use crate::kernels::elementwise::rows::{convert, map1};
use crate::kernels::elementwise::tile;

pub(crate) fn kernel(to: Dtype, inputs: &[Spec]) -> Option<Run> {
    let from = inputs[0].dtype;
    Some(match (from, to) {
        (Dtype::C64, Dtype::Bool) => truth_of_complex,
        (Dtype::C64, Dtype::C64) => return None,
        _ if in_f32(from) && in_f32(to) => between_floats,
        _ => with_type!(from, A => with_type!(to, O => run::<A, O>)),
    })
}

fn run<A: Source, O: Target>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    // SAFETY: `rows` gives rows of an output of `O` and an operand of `A`.
    rows(call, &|row| unsafe {
        convert(&row, |x: A| x.widen().narrow::<O>())
    });
    Ok(())
}

fn truth_of_complex(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let truth = |x: Complex| Truth::of_i64((x != [0.0, 0.0]) as i64);
    // SAFETY: `rows` gives rows of an output of truth values and an operand of complex numbers.
    rows(call, &|row| unsafe { map1(&row, truth) });
    Ok(())
}

fn between_floats(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let table = &call.cpu.kernels.elementwise;
    let (to, from) = (call.outputs[0].dtype(), call.inputs[0].dtype());
    // SAFETY: `rows` gives rows of the operands, which are of these dtypes.
    rows(call, &|row| unsafe { tile::convert(table, &row, to, from) });
    Ok(())
}
