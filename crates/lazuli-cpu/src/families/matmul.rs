//! Dense matrix products: `linear` per matrix of the batch, which wants the right operand by columns.

use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Op};

use crate::call::{Call, Run};
use crate::kernels::matmul::{Linear, Rows, Weight, linear};
use crate::operand::Operand;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    let takes = matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) && inputs[1].dtype == dtype;
    (takes && inputs[0].strides.is_none()).then_some(run)
}

fn run(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [a, b] = call.inputs else { return Ok(()) };
    let rank = a.shape().len();
    let (m, k, n) = (
        a.shape()[rank - 2],
        a.shape()[rank - 1],
        b.shape()[rank - 1],
    );
    let batches: usize = a.shape()[..rank - 2].iter().product();
    let size = a.dtype().size();
    if m * n == 0 {
        return Ok(());
    }
    let out_dtype = call.outputs[0].dtype();
    let mut scratch = Vec::new();
    for batch in 0..batches {
        let columns = Columns::of(b, batch, k, n, &mut scratch);
        linear(
            call.cpu.kernels.matmul,
            &call.cpu.pool,
            Linear {
                x: Rows {
                    bytes: &a.bytes()[batch * m * k * size..][..m * k * size],
                    dtype: a.dtype(),
                    stride: k,
                },
                weight: weight(columns, b.dtype()),
                m,
                n,
                k,
                out: &mut call.outputs[0].bytes()[batch * m * n * size..][..m * n * size],
                out_dtype,
            },
        );
    }
    Ok(())
}

pub(crate) fn weight(bytes: &[u8], dtype: Dtype) -> Weight<'_> {
    match dtype {
        Dtype::BF16 => Weight::BF16(bytes),
        Dtype::F16 => Weight::F16(bytes),
        _ => Weight::F32(bytes),
    }
}

struct Columns;

impl Columns {
    /// Matrix `batch` of `b [.., k, n]` as rows of length `k`: shown if it is the transpose of a
    /// row-major matrix, as a layer's weight is, else transposed into `scratch`.
    fn of<'a>(
        b: &Operand<'a>,
        batch: usize,
        k: usize,
        n: usize,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let (shape, size) = (b.shape(), b.dtype().size());
        let strides = match &b.spec().strides {
            Some(s) => (**s).clone(),
            None => shape.contiguous_strides(),
        };
        let rank = shape.len();
        let mut start = 0isize;
        let mut rest = batch;
        for axis in (0..rank - 2).rev() {
            start += (rest % shape[axis]) as isize * strides[axis];
            rest /= shape[axis];
        }
        let first = b.as_ptr().wrapping_offset(start * size as isize);
        let (down, across) = (strides[rank - 2], strides[rank - 1]);
        if (k <= 1 || down == 1) && (n <= 1 || across == k as isize) {
            // SAFETY: these are the n rows of k elements of one matrix of the operand, without gaps.
            return unsafe { std::slice::from_raw_parts(first, n * k * size) };
        }
        scratch.resize(n * k * size, 0);
        for column in 0..n {
            for row in 0..k {
                let at = (row as isize * down + column as isize * across) * size as isize;
                // SAFETY: `at` is the place of an element of the operand, all of which are readable.
                let element =
                    unsafe { std::slice::from_raw_parts(first.wrapping_offset(at), size) };
                scratch[(column * k + row) * size..][..size].copy_from_slice(element);
            }
        }
        scratch
    }
}
