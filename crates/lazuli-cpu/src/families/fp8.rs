//! Conversion to and from 8-bit floats.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use super::elementwise::rows;
use crate::call::{Call, Run};
use crate::kernels::elementwise::Row;
use crate::kernels::quant::blocks::{from_e4m3, to_e4m3};

pub(crate) fn kernel(inputs: &[Spec], outputs: &[Spec]) -> Option<Run> {
    match (inputs[0].dtype, outputs[0].dtype) {
        (Dtype::F32, Dtype::U8) => Some(encode),
        (Dtype::U8, Dtype::F32) => Some(decode),
        _ => None,
    }
}

fn encode(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    rows::<2>(call, &|row| each(row, |x: f32| to_e4m3(x)));
    Ok(())
}

fn decode(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    rows::<2>(call, &|row| each(row, |x: u8| from_e4m3(x)));
    Ok(())
}

/// `f` of each element of a row.
fn each<X: Copy, Y>(row: Row<2>, f: impl Fn(X) -> Y) {
    for k in 0..row.len as isize {
        // SAFETY: the row's elements, of the output and of the input; `kernel` saw their dtypes.
        unsafe {
            let x = row.at[1]
                .offset(k * row.step[1])
                .cast::<X>()
                .read_unaligned();
            row.at[0]
                .offset(k * row.step[0])
                .cast::<Y>()
                .write_unaligned(f(x));
        }
    }
}
