//! Elementwise choice, by element size.

use lazuli_core::Op;
use lazuli_core::error::Result;
use lazuli_core::plan::Spec;

use super::elementwise::rows;
use crate::call::{Call, Run};
use crate::kernels::elementwise::rows::choose;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    Some(match inputs[1].dtype.size() {
        1 => run::<u8>,
        2 => run::<u16>,
        4 => run::<u32>,
        _ => run::<u64>,
    })
}

fn run<T: Copy>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    // SAFETY: `rows` gives rows of the operands: bytes, then two of the size of `T`.
    rows(call, &|row| unsafe { choose::<T>(&row) });
    Ok(())
}
