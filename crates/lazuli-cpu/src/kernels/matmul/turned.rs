//! Products with a quantized matrix as it lies: `x [m, k]` times `[k, n]`, groups along `n`.
//!
//! A tile of columns is expanded to f32 and turned, then it is a weight like any other: the memory is
//! that of a tile for each thread. This is the gradient of the usual product and not its inner loop.

use super::portable::affine_row;
use super::table::Table;
use super::{Linear, Matrix, Rows, Weight, linear};
use crate::kernels::quant::Affine;
use crate::kernels::quant::bits::with_bits;
use crate::pool::Pool;

/// Columns of a tile: a multiple of every group.
const TILE: usize = 128;

struct Out(*mut u8);

// SAFETY: each tile of columns belongs to one thread.
unsafe impl Sync for Out {}

impl Out {
    fn first(&self) -> *mut u8 {
        self.0
    }
}

/// [`linear`] with a weight of `[k, n]` that is not transposed: `n` and `k` are those of the product.
///
/// # Panics
/// If the lengths do not fit together: shapes are the caller's contract.
pub fn quantized_rows(table: &Table, pool: &Pool, args: Linear<'_>) {
    let Linear {
        x,
        weight,
        m,
        n,
        k,
        out,
        out_dtype,
        roles,
    } = args;
    let matrix = Matrix::new(weight, k, n);
    x.check(m, k);
    let size = out_dtype.size();
    assert_eq!(
        out.len(),
        m * n * size,
        "quantized rows: length of the output"
    );
    if out.is_empty() {
        return;
    }
    let target = Out(out.as_mut_ptr());
    pool.run(n.div_ceil(TILE), &|tile| {
        let columns = tile * TILE..n.min((tile + 1) * TILE);
        let width = columns.len();
        let mut turned = vec![0.0f32; width * k];
        let mut row_values = [0.0; TILE];
        let row_values = &mut row_values[..width];
        for row in 0..k {
            read(&matrix.weight, n, row, columns.start, row_values);
            for (column, &value) in row_values.iter().enumerate() {
                turned[column * k + row] = value;
            }
        }
        let mut part = vec![0; m * width * size];
        linear(
            table,
            pool,
            Linear {
                x: Rows { ..x },
                weight: Weight::F32(bytemuck::cast_slice(&turned)),
                m,
                n: width,
                k,
                out: &mut part,
                out_dtype,
                roles,
            },
        );
        for (row, part) in part.chunks_exact(width * size).enumerate() {
            let at = (row * n + columns.start) * size;
            // SAFETY: the place is in the output, and these columns are this tile's alone.
            unsafe {
                std::ptr::copy_nonoverlapping(part.as_ptr(), target.first().add(at), part.len());
            }
        }
    });
}

/// Elements of a row of `n` from `first` on, which starts a group.
fn read(weight: &Weight<'_>, n: usize, row: usize, first: usize, out: &mut [f32]) {
    match weight {
        Weight::Affine(affine) => {
            let group = usize::from(affine.group);
            let start = row * n + first;
            let scale = start / group * affine.scale_dtype.size();
            let part = Affine {
                packed: &affine.packed[start * usize::from(affine.bits) / 8..],
                scales: &affine.scales[scale..],
                biases: &affine.biases[scale..],
                ..*affine
            };
            with_bits!(part.bits, affine_row::<_>(&part, 0, out));
        }
        Weight::Block(block) => block.read(row * n + first, out),
        Weight::F32(_) | Weight::F16(_) | Weight::BF16(_) => {
            debug_assert!(false, "a dense matrix is turned by its strides");
        }
    }
}
