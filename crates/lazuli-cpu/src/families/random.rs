//! Random bits of keys.

use lazuli_core::Op;
use lazuli_core::error::Result;

use crate::call::{Call, Run};
use crate::kernels::math::Shared;
use crate::kernels::random::Draw;

/// Threads share the blocks from this many bytes on.
const SHARED: usize = 64 << 10;

pub(crate) fn kernel() -> Option<Run> {
    Some(run)
}

fn run(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::RandomBits(op), [keys]) = (op, call.inputs) else {
        return Ok(());
    };
    let words = keys.slice::<u32>();
    let keys: &[[u32; 2]] = words.as_chunks().0;
    let out = call.outputs[0].bytes();
    let draw = Draw {
        keys,
        bytes: op.shape.elements() * op.width as usize,
        out: Shared::new(out),
    };
    if draw.bytes == 0 {
        return Ok(());
    }
    let entry = &call.cpu.kernels.random;
    let parts = draw.parts();
    if draw.out.len() < SHARED {
        (0..parts).for_each(|part| entry.part(&draw, part));
    } else {
        entry.run(&call.cpu.pool, &draw, parts);
    }
    Ok(())
}
