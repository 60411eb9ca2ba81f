//! Conversion between dtypes.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::{in_f32, rows, with_type};
use crate::call::{Call, Run};
use crate::kernels::elementwise::Float;
use crate::kernels::elementwise::cast::{Source, Target, Wide};
use crate::kernels::elementwise::number::{Complex, Truth};
use crate::kernels::elementwise::rows::{convert, map1};

pub(crate) fn kernel(to: Dtype, inputs: &[Spec]) -> Option<Run> {
    let from = inputs[0].dtype;
    Some(match (from, to) {
        (Dtype::C64, Dtype::Bool) => truth_of_complex,
        (Dtype::C64, Dtype::C64) => return None,
        (Dtype::BF16, Dtype::F32) => widen::<half::bf16>,
        (Dtype::F16, Dtype::F32) => widen::<half::f16>,
        (Dtype::F32, Dtype::BF16) => narrow::<half::bf16>,
        (Dtype::F32, Dtype::F16) => narrow::<half::f16>,
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

fn widen<T: Float>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    debug_assert!(in_f32(call.inputs[0].dtype()));
    let entry = &T::entries(&call.cpu.kernels.elementwise).widen;
    rows(call, &|row| entry.part(&row, 0));
    Ok(())
}

fn narrow<T: Float>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let entry = &T::entries(&call.cpu.kernels.elementwise).narrow;
    rows(call, &|row| entry.part(&row, 0));
    Ok(())
}
