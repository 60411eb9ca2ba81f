//! Tiles, threads and scratch memory: everything about a product that must not change its bits.
//!
//! A thread owns a contiguous range of weight rows in every expert, so the load is even however the
//! rows fall on experts, and each weight is decoded by one thread, once. [`super::linear`] is the
//! case of one expert.

use std::ops::Range;

use lazuli_core::dtype::Dtype;

use super::scratch::{self, Lines};
use super::table::{Arithmetic, Decoder, MAX_COLUMNS, ROWS, Table};
use super::{Matrix, Rows, Weight};
use crate::kernels::quant::floats;
use crate::pool::Pool;

/// Products below this many multiplications are not worth waking a thread.
const SERIAL: usize = 1 << 16;

/// Bytes of decoded weights that a thread keeps: half of a common L2.
const TILE_BYTES: usize = 256 << 10;

/// Weight rows of a tile that is not kept.
const FEW_TILE: usize = 256;

/// One product; the outputs are passed beside it.
pub(super) struct Job<'a> {
    /// `[experts * n, k]`.
    pub(super) matrix: Matrix<'a>,
    pub(super) n: usize,
    pub(super) x: Rows<'a>,
    pub(super) x_rows: usize,
    /// Output rows that share a row of `x`.
    pub(super) slots_per_x: usize,
    /// The output rows in the order of their groups; `None` is ascending.
    pub(super) order: Option<&'a [u32]>,
}

/// The output rows `order[first..first + rows]` belong to `expert`.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) expert: usize,
    pub(super) first: usize,
    pub(super) rows: usize,
}

/// Activations as the kernels read them.
struct Packed {
    first: *const u8,
    stride: usize,
}

// SAFETY: points to memory that is borrowed for the region and only read in it.
unsafe impl Sync for Packed {}

/// The output, written by all threads in disjoint places.
struct Out {
    first: *mut u8,
    dtype: Dtype,
    n: usize,
}

// SAFETY: a place (row, weight row) belongs to the thread that owns the weight row.
unsafe impl Sync for Out {}

/// Computes all groups. `out` has a row of `n` for each row of the groups, which cover it.
pub(super) fn run(
    table: &Table,
    pool: &Pool,
    job: &Job<'_>,
    groups: &[Group],
    out: &mut [u8],
    out_dtype: Dtype,
) {
    let rows: usize = groups.iter().map(|group| group.rows).sum();
    assert_eq!(out.len(), rows * job.n * out_dtype.size());
    if job.matrix.k == 0 || out.is_empty() {
        // Zero in every dtype.
        return out.fill(0);
    }
    let arithmetic = table.arithmetic(job.x.dtype, &job.matrix.weight);
    let kernel = Kernel::new(arithmetic, &job.matrix);
    let out = Out {
        first: out.as_mut_ptr(),
        dtype: out_dtype,
        n: job.n,
    };
    let serial = rows * job.n * job.matrix.k < SERIAL;
    scratch::with_packed(|lines| {
        let x = kernel.pack(job, lines, (!serial).then_some(pool));
        let work = |range: Range<usize>| {
            scratch::with_tile(|lines| {
                for group in groups {
                    kernel.group(job, *group, range.clone(), &x, &out, lines);
                }
            });
        };
        if serial {
            return work(0..job.n);
        }
        let blocks = job.n.div_ceil(ROWS);
        let parts = pool.threads().min(blocks);
        let border = |part: usize| (part * blocks / parts * ROWS).min(job.n);
        pool.run(parts, &|part| work(border(part)..border(part + 1)));
    });
}

/// The functions and lengths of one product.
struct Kernel<'a> {
    arithmetic: &'a Arithmetic,
    decoder: Decoder,
    /// Padded length of a row in elements.
    k: usize,
    /// The weights as they lie in memory, if the kernels can read them there.
    direct: Option<&'a [u8]>,
}

impl<'a> Kernel<'a> {
    fn new(arithmetic: &'a Arithmetic, matrix: &Matrix<'a>) -> Kernel<'a> {
        let decoder = (arithmetic.decoder)(&matrix.weight);
        let k = matrix.k.next_multiple_of(decoder.block);
        let direct = match (arithmetic.element, matrix.weight) {
            (Dtype::F32, Weight::F32(bytes)) | (Dtype::BF16, Weight::BF16(bytes)) => Some(bytes),
            _ => None,
        };
        Kernel {
            arithmetic,
            decoder,
            k,
            direct: direct.filter(|_| k == matrix.k),
        }
    }

    fn row_bytes(&self) -> usize {
        self.k * self.arithmetic.element.size()
    }

    /// Converts, pads and reorders the activations, unless they can be read where they are.
    fn pack(&self, job: &Job<'_>, lines: &mut Lines, pool: Option<&Pool>) -> Packed {
        let (x, k) = (&job.x, job.matrix.k);
        let natural = self.decoder.reorder.is_none();
        if natural && x.dtype == self.arithmetic.element && k == self.k {
            return Packed {
                first: x.bytes.as_ptr(),
                stride: x.stride * x.dtype.size(),
            };
        }
        let stride = self.row_bytes();
        let bytes = lines.bytes(job.x_rows * stride);
        let first = bytes.as_ptr();
        match pool {
            Some(pool) if bytes.len() > SERIAL => {
                let per_part = job.x_rows.div_ceil(pool.threads());
                let parts: Vec<_> = bytes
                    .chunks_mut(per_part * stride)
                    .map(std::sync::Mutex::new)
                    .collect();
                pool.run(parts.len(), &|part| {
                    // Each lock is taken once.
                    if let Ok(mut bytes) = parts[part].lock() {
                        self.pack_rows(x, k, part * per_part, &mut bytes);
                    }
                });
            }
            _ => self.pack_rows(x, k, 0, bytes),
        }
        Packed { first, stride }
    }

    fn pack_rows(&self, x: &Rows<'_>, k: usize, first: usize, packed: &mut [u8]) {
        for (i, packed) in packed.chunks_exact_mut(self.row_bytes()).enumerate() {
            let source = x.row(first + i, k);
            if x.dtype == self.arithmetic.element {
                packed[..source.len()].copy_from_slice(source);
                packed[source.len()..].fill(0);
            } else {
                // The only other element is f32.
                let mut values = [0.0; 64];
                let size = x.dtype.size();
                for (source, packed) in source.chunks(64 * size).zip(packed.chunks_mut(256)) {
                    let values = &mut values[..source.len() / size];
                    floats::read(x.dtype, source, values);
                    floats::write(Dtype::F32, values, packed);
                }
                packed[k * 4..].fill(0);
            }
            if let Some(reorder) = self.decoder.reorder {
                // SAFETY: the table was made for this machine.
                unsafe { reorder(packed) };
            }
        }
    }

    /// The weight rows `range` of the group's expert with all rows of the group.
    fn group(
        &self,
        job: &Job<'_>,
        group: Group,
        range: Range<usize>,
        x: &Packed,
        out: &Out,
        lines: &mut Lines,
    ) {
        let place = |i: usize| match job.order {
            Some(order) => order[group.first + i] as usize,
            None => group.first + i,
        };
        // SAFETY: `place` is below the number of output rows, and the rows of `x` were checked to
        // be that many over `slots_per_x`.
        let x_row = |i: usize| unsafe { x.first.add(place(i) / job.slots_per_x * x.stride) };
        let expert_row = group.expert * job.n;
        let row_bytes = self.row_bytes();
        let columns = self.arithmetic.dot.len();
        let blocks = group.rows.div_ceil(columns);
        // A few rows meet each weight while it is in L1, right after it was decoded; many rows
        // meet a tile of weights in L2.
        let few = blocks <= 2;
        let tile_rows = match TILE_BYTES / row_bytes {
            _ if few => FEW_TILE,
            rows => (rows / ROWS * ROWS).clamp(ROWS, 64),
        };
        for tile in rounds(range, tile_rows) {
            let fours = Fours::new(expert_row + tile.start..expert_row + tile.end);
            let sums_rows = if few { group.rows } else { columns };
            let sums_bytes = (sums_rows * tile_rows * 4).next_multiple_of(64);
            let together = if few { 1 } else { fours.count };
            let bytes = lines.bytes(sums_bytes + together * ROWS * row_bytes);
            let (sums, decoded) = bytes.split_at_mut(sums_bytes);
            let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
            let store = |rows: Range<usize>, sums: &[f32]| {
                for (i, sums) in rows.zip(sums.chunks_exact(tile_rows)) {
                    // SAFETY: this thread owns the weight rows of the tile.
                    unsafe { out.store(place(i), tile.start, &sums[..tile.len()]) };
                }
            };

            if let Some(fused) = self.decoder.fused.get(group.rows - 1) {
                let mut pointers = [std::ptr::null(); MAX_COLUMNS];
                for (i, pointer) in pointers[..group.rows].iter_mut().enumerate() {
                    *pointer = x_row(i);
                }
                let mut products = [[0.0; ROWS]; MAX_COLUMNS];
                let products = &mut products[..group.rows];
                for i in 0..fours.count {
                    // SAFETY: the table was made for this machine, the decoder for this kind of
                    // matrix, which has all experts' rows; `x` is padded.
                    unsafe { fused(&job.matrix, fours.rows(i), &pointers, products) };
                    fours.scatter(i, products, sums, tile_rows);
                }
                store(0..group.rows, sums);
                continue;
            }
            for first in (0..fours.count).step_by(together) {
                if self.direct.is_none() {
                    for (i, dst) in decoded.chunks_exact_mut(ROWS * row_bytes).enumerate() {
                        let rows = fours.rows(first + i);
                        // SAFETY: as above; `dst` has a padded row for each.
                        unsafe { (self.decoder.expand)(&job.matrix, rows, dst) };
                    }
                }
                for block in 0..blocks {
                    let share = |block: usize| block * group.rows / blocks;
                    let rows = share(block)..share(block + 1);
                    let mut pointers = [std::ptr::null(); MAX_COLUMNS];
                    for (i, pointer) in rows.clone().zip(&mut pointers) {
                        *pointer = x_row(i);
                    }
                    let sums = if few {
                        &mut sums[rows.start * tile_rows..]
                    } else {
                        &mut *sums
                    };
                    for i in 0..together {
                        let weights = match self.direct {
                            Some(bytes) => fours
                                .rows(first + i)
                                .map(|row| bytes[row * row_bytes..][..row_bytes].as_ptr()),
                            None => std::array::from_fn(|r| {
                                decoded[(i * ROWS + r) * row_bytes..][..row_bytes].as_ptr()
                            }),
                        };
                        let mut products = [[0.0; ROWS]; MAX_COLUMNS];
                        let products = &mut products[..rows.len()];
                        let dot = self.arithmetic.dot[rows.len() - 1];
                        // SAFETY: the table was made for this machine; the weights and the rows of
                        // `x` are padded to `k`.
                        unsafe { dot(weights, &pointers, self.k, products) };
                        fours.scatter(first + i, products, sums, tile_rows);
                    }
                    if !few {
                        store(rows, sums);
                    }
                }
            }
            if few {
                store(0..group.rows, sums);
            }
        }
    }
}

/// A range of weight rows, four at a time: one from each quarter of the range, so that memory is
/// read in four long streams, which the hardware follows better than many short ones.
struct Fours {
    range: Range<usize>,
    count: usize,
}

impl Fours {
    fn new(range: Range<usize>) -> Fours {
        let count = range.len().div_ceil(ROWS);
        Fours { range, count }
    }

    /// The rows of step `i`; where a quarter is short, the last row again.
    fn rows(&self, i: usize) -> [usize; ROWS] {
        std::array::from_fn(|q| (self.range.start + q * self.count + i).min(self.range.end - 1))
    }

    /// Puts the products of step `i` in the order of the range; activation rows are `stride` apart.
    fn scatter(&self, i: usize, products: &[[f32; ROWS]], sums: &mut [f32], stride: usize) {
        for (r, row) in self.rows(i).into_iter().enumerate() {
            for (c, products) in products.iter().enumerate() {
                sums[c * stride + row - self.range.start] = products[r];
            }
        }
    }
}

impl Out {
    /// Rounds `sums` to the output from (`row`, `column`) on.
    ///
    /// # Safety
    /// The place is in the output and no other thread writes there.
    unsafe fn store(&self, row: usize, column: usize, sums: &[f32]) {
        let size = self.dtype.size();
        // SAFETY: the caller's contract.
        let bytes = unsafe {
            let first = self.first.add((row * self.n + column) * size);
            std::slice::from_raw_parts_mut(first, sums.len() * size)
        };
        floats::write(self.dtype, sums, bytes);
    }
}

/// `range` in steps of at most `len`.
fn rounds(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(len)
        .map(move |start| start..end.min(start + len))
}
