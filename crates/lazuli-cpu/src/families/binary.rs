//! Elementwise functions of two operands.

use lazuli_core::error::Result;
use lazuli_core::ops::binary::Binary;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::{rows, with_integer};
use crate::call::{Call, Run};
use crate::kernels::elementwise::Float;
use crate::kernels::elementwise::float::Task;
use crate::kernels::elementwise::loops::Row;
use crate::kernels::elementwise::number::{Complex, Ordered, Ring, Truth};
use crate::kernels::elementwise::rows::map2;

pub(crate) fn kernel(op: Binary, inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    Some(match dtype {
        Dtype::C64 => run_complex,
        Dtype::F32 if op.is_comparison() => compare_float::<f32>,
        Dtype::BF16 if op.is_comparison() => compare_float::<half::bf16>,
        Dtype::F16 if op.is_comparison() => compare_float::<half::f16>,
        Dtype::F32 => run_float::<f32>,
        Dtype::BF16 => run_float::<half::bf16>,
        Dtype::F16 => run_float::<half::f16>,
        Dtype::F64 if op == Binary::Divide => divide_f64,
        Dtype::F64 => run::<f64>,
        _ => with_integer!(dtype, T => run::<T>, return None),
    })
}

fn run_float<T: Float>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    let entry = &T::entries(&call.cpu.kernels.elementwise).binary;
    rows(call, &|row| entry.part(&Task { op, row }, 0));
    Ok(())
}

fn compare_float<T: Float>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    let entry = &T::entries(&call.cpu.kernels.elementwise).compare;
    rows(call, &|row| entry.part(&Task { op, row }, 0));
    Ok(())
}

fn run<T: Ordered>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    // SAFETY: `rows` gives rows of the operands, which are of `T`.
    rows(call, &|row| unsafe {
        match op {
            Binary::Maximum => map2(&row, T::larger),
            Binary::Minimum => map2(&row, T::smaller),
            Binary::Power => map2(&row, T::power),
            Binary::Less => map2(&row, |a: T, b: T| a.less(b)),
            Binary::LessEqual => map2(&row, |a: T, b: T| a.at_most(b)),
            Binary::Greater => map2(&row, |a: T, b: T| b.less(a)),
            Binary::GreaterEqual => map2(&row, |a: T, b: T| b.at_most(a)),
            // Core takes truth values only for these two.
            Binary::LogicalAnd => map2(&row, |a: Truth, b: Truth| a.mul(b)),
            Binary::LogicalOr => map2(&row, |a: Truth, b: Truth| a.add(b)),
            op => ring::<T>(op, &row),
        }
    });
    Ok(())
}

fn run_complex(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    // SAFETY: `rows` gives rows of the operands, which are of complex numbers.
    rows(call, &|row| unsafe { ring::<Complex>(op, &row) });
    Ok(())
}

/// # Safety
/// The row's operands are of `T`, its output of `T`, or of truth values for a comparison.
unsafe fn ring<T: Ring>(op: Binary, row: &Row<3>) {
    // SAFETY: the caller's promise.
    unsafe {
        match op {
            Binary::Add => map2(row, T::add),
            Binary::Subtract => map2(row, T::sub),
            Binary::Multiply => map2(row, T::mul),
            Binary::Equal => map2(row, |a: T, b: T| a.same(b)),
            Binary::NotEqual => map2(row, |a: T, b: T| !a.same(b)),
            // The families above have the rest.
            _ => {}
        }
    }
}

fn divide_f64(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    // SAFETY: `rows` gives rows of the operands, which are of `f64`.
    rows(call, &|row| unsafe { map2(&row, |a: f64, b: f64| a / b) });
    Ok(())
}
