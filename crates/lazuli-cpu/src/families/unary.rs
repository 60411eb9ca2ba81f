//! Elementwise functions of one operand.

use lazuli_core::error::Result;
use lazuli_core::ops::unary::Unary;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::{rows, with_integer, with_type};
use crate::call::{Call, Run};
use crate::kernels::elementwise::cast::{Source, Target, Wide};
use crate::kernels::elementwise::float::Task;
use crate::kernels::elementwise::functions::unary_f64;
use crate::kernels::elementwise::number::{Ordered, Truth};
use crate::kernels::elementwise::rows::map1;
use crate::kernels::elementwise::{Float, number::Complex};

pub(crate) fn kernel(op: Unary, inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    if op == Unary::Not {
        return Some(match dtype {
            Dtype::C64 => run_not_complex,
            _ => with_type!(dtype, T => run_not::<T>),
        });
    }
    Some(match dtype {
        Dtype::F32 => run_float::<f32>,
        Dtype::BF16 => run_float::<half::bf16>,
        Dtype::F16 => run_float::<half::f16>,
        Dtype::F64 => run_f64,
        _ => with_integer!(dtype, T => run_integer::<T>, return None),
    })
}

fn run_float<T: Float>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    let entry = &T::entries(&call.cpu.kernels.elementwise).unary;
    rows(call, &|row| entry.part(&Task { op, row }, 0));
    Ok(())
}

fn run_f64(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    let f = unary_f64(op);
    // SAFETY: `rows` gives rows of the operands, which are of `f64`.
    rows(call, &|row| unsafe { map1::<f64, f64>(&row, f) });
    Ok(())
}

fn run_integer<T: Ordered>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    // SAFETY: `rows` gives rows of the operands, which are of `T`.
    rows(call, &|row| unsafe {
        match op {
            Unary::Neg => map1(&row, T::negative),
            Unary::Abs => map1(&row, T::absolute),
            // Core takes integers for these three only.
            _ => map1(&row, |x: T| x.mul(x)),
        }
    });
    Ok(())
}

fn run_not<T: Source>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let not = |x: T| Truth(1 - x.widen().narrow::<Truth>().0);
    // SAFETY: `rows` gives rows of an output of truth values and an operand of `T`.
    rows(call, &|row| unsafe { map1(&row, not) });
    Ok(())
}

fn run_not_complex(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let not = |x: Complex| Truth::of_i64((x == [0.0, 0.0]) as i64);
    // SAFETY: `rows` gives rows of an output of truth values and an operand of complex numbers.
    rows(call, &|row| unsafe { map1(&row, not) });
    Ok(())
}
