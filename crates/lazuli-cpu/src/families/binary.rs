//! Elementwise functions of two operands.

use lazuli_core::error::Result;
use lazuli_core::ops::binary::Binary;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::{in_f32, rows, with_integer, with_word};
use crate::call::{Call, Run};
use crate::kernels::elementwise::float::Task;
use crate::kernels::elementwise::loops::Row;
use crate::kernels::elementwise::number::{Complex, Ordered, Ring, Truth, Whole, Word};
use crate::kernels::elementwise::rows::{map2, pairs};
use crate::kernels::elementwise::tile::tiled;
use crate::kernels::elementwise::{complex, double};

pub(crate) fn kernel(op: Binary, inputs: &[Spec]) -> Option<Run> {
    use Binary::*;
    let dtype = inputs[0].dtype;
    Some(match (op, dtype) {
        (_, Dtype::C64) => run_complex,
        (_, Dtype::F64) => run_f64,
        _ if in_f32(dtype) => run_float,
        (_, Dtype::Bool) => run_truth,
        (Add | Subtract | Multiply | BitAnd | BitOr | BitXor | LeftShift | Equal | NotEqual, _) => {
            with_word!(dtype.size(), T => run_word::<T>)
        }
        _ => with_integer!(dtype, T => run_whole::<T>, return None),
    })
}

fn run_float(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    let table = &call.cpu.kernels.elementwise;
    let dtype = call.inputs[0].dtype();
    let dtypes = [call.outputs[0].dtype(), dtype, dtype];
    // SAFETY: `rows` gives rows of the operands, which are of these dtypes.
    rows(call, &|row| unsafe {
        tiled(table, &row, dtypes, &|tile| {
            let task = Task { op, tile };
            if op.is_comparison() {
                table.compare.part(&task, 0);
            } else {
                table.binary.part(&task, 0);
            }
        });
    });
    Ok(())
}

fn run_f64(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    let f = double::binary(op);
    // SAFETY: `rows` gives rows of the operands, which are of `f64`.
    rows(call, &|row| unsafe {
        if op == Binary::Divide {
            map2(&row, |a: f64, b: f64| a / b);
        } else if !ring::<f64>(op, &row) && !ordered::<f64>(op, &row) {
            pairs(&row, f);
        }
    });
    Ok(())
}

fn run_complex(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    let (f, relation) = (complex::binary(op), complex::relation(op));
    // SAFETY: `rows` gives rows of the operands, which are of complex numbers.
    rows(call, &|row| unsafe {
        match op {
            _ if ring::<Complex>(op, &row) => {}
            _ if op.is_comparison() => pairs(&row, relation),
            _ => pairs(&row, f),
        }
    });
    Ok(())
}

fn run_truth(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    let op = match op {
        Binary::LogicalAnd | Binary::BitAnd => Binary::Multiply,
        Binary::LogicalOr | Binary::BitOr => Binary::Add,
        Binary::BitXor => Binary::Subtract,
        other => other,
    };
    // SAFETY: `rows` gives rows of the operands, which are of truth values.
    rows(call, &|row| unsafe {
        if !ring::<Truth>(op, &row) {
            whole::<Truth>(op, &row);
        }
    });
    Ok(())
}

/// What is the same for signed and unsigned integers of a size.
fn run_word<T: Word>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    // SAFETY: `rows` gives rows of the operands, which have the size of `T`.
    rows(call, &|row| unsafe {
        match op {
            Binary::BitAnd => map2(&row, |a: T, b: T| a & b),
            Binary::BitOr => map2(&row, |a: T, b: T| a | b),
            Binary::BitXor => map2(&row, T::xor),
            Binary::LeftShift => map2(&row, T::up),
            op => {
                ring::<T>(op, &row);
            }
        }
    });
    Ok(())
}

fn run_whole<T: Whole>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Binary(op) = *op else { return Ok(()) };
    // SAFETY: `rows` gives rows of the operands, which are of `T`.
    rows(call, &|row| unsafe { whole::<T>(op, &row) });
    Ok(())
}

/// # Safety
/// The row's operands are of `T`, its output of `T`, or of truth values for a comparison.
unsafe fn whole<T: Whole>(op: Binary, row: &Row<3>) {
    // SAFETY: the caller's promise.
    unsafe {
        match op {
            Binary::FloorDivide => pairs(row, T::quotient),
            Binary::Remainder => pairs(row, T::rest),
            Binary::Power => pairs(row, T::power),
            Binary::RightShift => map2(row, T::down),
            op => {
                ordered::<T>(op, row);
            }
        }
    }
}

/// Whether the function was one of an ordered type.
///
/// # Safety
/// As [`whole`].
unsafe fn ordered<T: Ordered>(op: Binary, row: &Row<3>) -> bool {
    let Row { at, step, len } = *row;
    let exchanged = Row {
        at: [at[0], at[2], at[1]],
        step: [step[0], step[2], step[1]],
        len,
    };
    // SAFETY: the caller's promise.
    unsafe {
        match op {
            Binary::Maximum => map2(row, T::larger),
            Binary::Minimum => map2(row, T::smaller),
            Binary::Less => map2(row, T::less),
            Binary::LessEqual => map2(row, T::at_most),
            Binary::Greater => map2(&exchanged, T::less),
            Binary::GreaterEqual => map2(&exchanged, T::at_most),
            _ => return false,
        }
    }
    true
}

/// Whether the function was one of a ring.
///
/// # Safety
/// As [`whole`].
unsafe fn ring<T: Ring>(op: Binary, row: &Row<3>) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        match op {
            Binary::Add => map2(row, T::add),
            Binary::Subtract => map2(row, T::sub),
            Binary::Multiply => map2(row, T::mul),
            Binary::Equal => map2(row, T::same),
            Binary::NotEqual => map2(row, |a: T, b: T| !a.same(b)),
            _ => return false,
        }
    }
    true
}
