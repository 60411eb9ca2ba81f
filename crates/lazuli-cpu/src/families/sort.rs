//! Sorting, selection and search along the last axis, on the bits of elements.

use bytemuck::Pod;
use lazuli_core::error::{Error, Result};
use lazuli_core::ops::search::Side;
use lazuli_core::{Element, Op};

use crate::call::{Call, Run};
use crate::kernels::math::Shared;
use crate::kernels::sort::key::{Bits, Code};
use crate::kernels::sort::{Order, place};

/// Threads share the rows from this many elements on.
const SHARED: usize = 32 << 10;

pub(crate) fn kernel() -> Option<Run> {
    Some(|op, call| match call.inputs[0].dtype().size() {
        1 => run::<u8>(op, call),
        2 => run::<u16>(op, call),
        4 => run::<u32>(op, call),
        _ => run::<u64>(op, call),
    })
}

pub(crate) fn search_kernel() -> Option<Run> {
    Some(|op, call| match call.inputs[0].dtype().size() {
        1 => search::<u8>(op, call),
        2 => search::<u16>(op, call),
        4 => search::<u32>(op, call),
        _ => search::<u64>(op, call),
    })
}

fn run<B: Bits + Element + Pod>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Sort(op), [x]) = (op, call.inputs) else {
        return Ok(());
    };
    let elements = x.shape().elements();
    let (Some(&len), 1..) = (x.shape().last(), elements) else {
        return Ok(());
    };
    let order = Order {
        code: Code::of(x.dtype()),
        kth: op.kth,
    };
    let rows = elements / len;
    let parts = match elements {
        ..SHARED => 1,
        _ => call.cpu.pool.threads().min(rows),
    };
    let words = order.scratch(size_of::<B>(), len);
    let mut scratch: Vec<u128> = Vec::new();
    if scratch.try_reserve_exact(parts * words).is_err() {
        return Err(Error::memory(
            "sort",
            format!(
                "{parts} rows of {len} elements need {} bytes",
                parts * words * 16
            ),
        ));
    }
    scratch.resize(parts * words, 0);
    let (scratch, x) = (Shared::new(&mut scratch), x.bits::<B>());
    let share = |part: usize| part * rows / parts..(part + 1) * rows / parts;
    let row = |r: usize| &x[r * len..][..len];
    if op.positions {
        let out = Shared::new(call.outputs[0].slice::<u32>());
        // SAFETY: each part has scratch of its own and rows of its own.
        call.cpu.pool.run(parts, &|part| unsafe {
            let scratch = scratch.slice(part * words, words);
            share(part).for_each(|r| order.positions(row(r), out.slice(r * len, len), scratch));
        });
    } else {
        let out = Shared::new(bytemuck::cast_slice_mut::<u8, B>(call.outputs[0].bytes()));
        // SAFETY: as above.
        call.cpu.pool.run(parts, &|part| unsafe {
            let scratch = scratch.slice(part * words, words);
            share(part).for_each(|r| order.values(row(r), out.slice(r * len, len), scratch));
        });
    }
    Ok(())
}

fn search<B: Bits + Element + Pod>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::SearchSorted(op), [sorted, values]) = (op, call.inputs) else {
        return Ok(());
    };
    let code = Code::of(sorted.dtype());
    let (sorted, values) = (sorted.bits::<B>(), values.bits::<B>());
    let after = op.0 == Side::Right;
    let parts = match values.len() {
        ..SHARED => 1,
        _ => call.cpu.pool.threads(),
    };
    let out = Shared::new(call.outputs[0].slice::<u32>());
    call.cpu.pool.run(parts, &|part| {
        let (first, last) = (
            part * values.len() / parts,
            (part + 1) * values.len() / parts,
        );
        // SAFETY: each part has results of its own.
        let out = unsafe { out.slice(first, last - first) };
        for (out, &value) in out.iter_mut().zip(&values[first..last]) {
            *out = place(code, &sorted, value, after) as u32;
        }
    });
    Ok(())
}
