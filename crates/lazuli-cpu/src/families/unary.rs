//! Elementwise functions of one operand.

use lazuli_core::error::Result;
use lazuli_core::ops::unary::Unary;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::{in_f32, rows, with_integer, with_type, with_word};
use crate::call::{Call, Run};
use crate::kernels::elementwise::cast::{Source, Target, Wide};
use crate::kernels::elementwise::float::Task;
use crate::kernels::elementwise::number::{Complex, Truth, Whole, Word};
use crate::kernels::elementwise::rows::map1;
use crate::kernels::elementwise::tile::tiled;
use crate::kernels::elementwise::{complex, double};

pub(crate) fn kernel(op: Unary, inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    Some(match (op, dtype) {
        (Unary::Not, Dtype::C64) => run_not_complex,
        (Unary::Not, _) => with_type!(dtype, T => run_not::<T>),
        (Unary::Abs | Unary::Real | Unary::Imag, Dtype::C64) => run_part,
        (_, Dtype::C64) => run_complex,
        (_, Dtype::F64) => run_f64,
        _ if in_f32(dtype) => run_float,
        (Unary::Abs | Unary::Sign, _) => with_integer!(dtype, T => run_whole::<T>, return None),
        (Unary::Invert, Dtype::Bool) => run_not::<Truth>,
        (Unary::Square, Dtype::Bool) => run_whole::<Truth>,
        _ => with_word!(dtype.size(), T => run_word::<T>),
    })
}

fn run_float(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    let table = &call.cpu.kernels.elementwise;
    let dtypes = [call.outputs[0].dtype(), call.inputs[0].dtype()];
    // SAFETY: `rows` gives rows of the operands, which are of these dtypes.
    rows(call, &|row| unsafe {
        tiled(table, &row, dtypes, &|tile| {
            table.unary.part(&Task { op, tile }, 0);
        });
    });
    Ok(())
}

fn run_f64(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    let f = double::unary(op);
    // SAFETY: `rows` gives rows of the operands, which are of `f64`.
    rows(call, &|row| unsafe { map1::<f64, f64>(&row, f) });
    Ok(())
}

fn run_complex(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    let f = complex::unary(op);
    // SAFETY: `rows` gives rows of the operands, which are of complex numbers.
    rows(call, &|row| unsafe { map1::<Complex, Complex>(&row, f) });
    Ok(())
}

fn run_part(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    let f = complex::part(op);
    // SAFETY: `rows` gives rows of an output of `f32` and an operand of complex numbers.
    rows(call, &|row| unsafe { map1::<Complex, f32>(&row, f) });
    Ok(())
}

/// What is the same for signed and unsigned integers of a size.
fn run_word<T: Word>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    // SAFETY: `rows` gives rows of the operands, which have the size of `T`.
    rows(call, &|row| unsafe {
        match op {
            Unary::Neg => map1(&row, |x: T| T::ZERO.sub(x)),
            Unary::Invert => map1(&row, |x: T| !x),
            // Core takes integers for no other function that comes here.
            _ => map1(&row, |x: T| x.mul(x)),
        }
    });
    Ok(())
}

fn run_whole<T: Whole>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Unary(op) = *op else { return Ok(()) };
    // SAFETY: `rows` gives rows of the operands, which are of `T`.
    rows(call, &|row| unsafe {
        match op {
            Unary::Abs => map1(&row, T::absolute),
            Unary::Sign => map1(&row, T::sign),
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
