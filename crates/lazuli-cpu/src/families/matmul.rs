//! Dense matrix products: `linear` per matrix of the batch, which wants the right operand by columns;
//! `wide` for `f64` and `complex64`.

use bytemuck::Pod;
use lazuli_core::error::Result;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Element, Op};

use super::elementwise::strides;
use crate::Pool;
use crate::call::{Call, Run};
use crate::kernels::copy::copy;
use crate::kernels::elementwise::Loops;
use crate::kernels::elementwise::number::Complex;
use crate::kernels::math::Scratch;
use crate::kernels::matmul::wide::{self, Right, Wide};
use crate::kernels::matmul::{Linear, Roles, Rows, Weight, linear};
use crate::operand::Operand;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    let dtype = inputs[0].dtype;
    if inputs[0].strides.is_some() || inputs[1].dtype != dtype {
        return None;
    }
    match dtype {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 => Some(run),
        Dtype::F64 => Some(run_wide::<f64>),
        Dtype::C64 => Some(run_wide::<Complex>),
        _ => None,
    }
}

/// Rows, inner length, columns, and the number of matrices. Rows that all meet the same matrix are one
/// long matrix of them: it is turned once, and each of its weights is read once.
fn lengths(a: &Operand<'_>, b: &Operand<'_>) -> ([usize; 3], usize) {
    let (lead, strides) = (a.shape().len() - 2, strides(b.spec()));
    let (rows, k, columns) = (a.shape()[lead], a.shape()[lead + 1], b.shape()[lead + 1]);
    let batches: usize = a.shape()[..lead].iter().product();
    let mut leading = b.shape()[..lead].iter().zip(&strides);
    match leading.all(|(&len, &stride)| len == 1 || stride == 0) {
        true if batches > 0 => ([rows * batches, k, columns], 1),
        _ => ([rows, k, columns], batches),
    }
}

fn run(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [a, b] = call.inputs else { return Ok(()) };
    let ([m, k, n], batches) = lengths(a, b);
    let size = a.dtype().size();
    if m * n * batches == 0 {
        return Ok(());
    }
    let out_dtype = call.outputs[0].dtype();
    let bytes = n * k * size;
    let mut scratch = Scratch::workspace(match Matrix::of(b, 0).is_columns(k, n) {
        true => 0,
        false => bytes.div_ceil(4),
    });
    for batch in 0..batches {
        let matrix = Matrix::of(b, batch);
        let columns = match matrix.is_columns(k, n) {
            // SAFETY: these are the n rows of k elements of one matrix of the operand, without gaps.
            true => unsafe { std::slice::from_raw_parts(matrix.first, bytes) },
            false => {
                let place = &mut bytemuck::cast_slice_mut(scratch.words())[..bytes];
                matrix.turn(&call.cpu.pool, [k, n], size, place);
                &*place
            }
        };
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
                roles: Roles::PROMPT,
            },
        );
    }
    Ok(())
}

fn run_wide<T: Wide + Element + Pod>(_: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let [a, b] = call.inputs else { return Ok(()) };
    let ([m, k, n], batches) = lengths(a, b);
    let rows = a.slice::<T>();
    let out = call.outputs[0].slice::<T>();
    for batch in 0..batches {
        let matrix = Matrix::of(b, batch);
        let right = Right {
            first: matrix.first.cast(),
            down: matrix.down,
            across: matrix.across,
        };
        let a = &rows[batch * m * k..][..m * k];
        let out = &mut out[batch * m * n..][..m * n];
        let (isa, pool) = (call.cpu.kernels.isa, &call.cpu.pool);
        // SAFETY: these are the elements of one matrix of the operand, all of which are readable.
        unsafe { wide::product(isa, pool, a, right, [m, k, n], out) };
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

/// One matrix of an operand: its first element, and elements from one row and column to the next.
struct Matrix {
    first: *const u8,
    down: isize,
    across: isize,
}

impl Matrix {
    /// Matrix `batch` of `b [.., k, n]`.
    fn of(b: &Operand<'_>, batch: usize) -> Matrix {
        let (shape, strides) = (b.shape(), strides(b.spec()));
        let rank = shape.len();
        let mut start = 0isize;
        let mut rest = batch;
        for axis in (0..rank - 2).rev() {
            start += (rest % shape[axis]) as isize * strides[axis];
            rest /= shape[axis];
        }
        Matrix {
            first: (b.as_ptr()).wrapping_offset(start * b.dtype().size() as isize),
            down: strides[rank - 2],
            across: strides[rank - 1],
        }
    }

    /// Whether the columns lie as rows of `k`: so it is the transpose of a row-major matrix, as a layer's
    /// weight is.
    fn is_columns(&self, k: usize, n: usize) -> bool {
        (k <= 1 || self.down == 1) && (n <= 1 || self.across == k as isize)
    }

    /// Copies the columns to `rows` of `k` elements.
    fn turn(&self, pool: &Pool, [k, n]: [usize; 2], size: usize, rows: &mut [u8]) {
        let steps = [[k as isize, self.across], [1, self.down]];
        let loops = Loops::new(&[n, k], |axis| steps[axis].map(|step| step * size as isize));
        let starts = [rows.as_mut_ptr(), self.first.cast_mut()];
        // SAFETY: `rows` is n rows of k elements of our own; the elements of the matrix are readable.
        unsafe { copy(pool, &loops, starts, size) };
    }
}
