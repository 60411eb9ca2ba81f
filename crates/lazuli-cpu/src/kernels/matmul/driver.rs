//! Tiles, threads and scratch memory: everything about a product that must not change its bits.
//!
//! A thread owns a contiguous range of weight rows in every expert, so the load is even however the
//! rows fall on experts, and each weight is decoded by one thread, once. [`super::linear`] is the
//! case of one expert.

use std::ops::Range;

use lazuli_core::dtype::Dtype;
use lazuli_core::rows::Role;

use super::blocked::Blocked;
use super::scratch::{self, Lines};
use super::table::{Arithmetic, Arrange, Blocks, Decoder, Expand, MAX_COLUMNS, ROWS, Table};
use super::{Matrix, Rows, Weight};
use crate::kernels::quant::floats;
use crate::pool::Pool;

/// Products below this many multiplications are not worth waking a thread.
const SERIAL: usize = 1 << 16;

/// Weight rows of a tile that is not kept.
const FEW_TILE: usize = 256;

/// Activation rows that meet weights decoded in registers before the next weights are read.
const ROUND: usize = 64;

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
    /// Of all rows of the groups.
    pub(super) role: Role,
}

/// The output rows `order[first..first + rows]` belong to `expert`.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) expert: usize,
    pub(super) first: usize,
    pub(super) rows: usize,
}

/// Activations as the kernels read them.
pub(super) struct Packed {
    pub(super) first: *const u8,
    pub(super) stride: usize,
}

// SAFETY: points to memory that is borrowed for the region and only read in it.
unsafe impl Sync for Packed {}

/// The output, written by all threads in disjoint places.
pub(super) struct Out {
    first: *mut u8,
    pub(super) dtype: Dtype,
    n: usize,
}

// SAFETY: a place (row, weight row) belongs to the thread that owns the weight row.
unsafe impl Sync for Out {}

/// Computes all groups. `out` has rows of `n`, those of the groups among them.
pub(super) fn run(
    table: &Table,
    pool: &Pool,
    job: &Job<'_>,
    groups: &[Group],
    out: &mut [u8],
    out_dtype: Dtype,
) {
    let rows: usize = groups.iter().map(|group| group.rows).sum();
    let row_bytes = job.n * out_dtype.size();
    let covered = match job.order {
        Some(order) => order.iter().max().map_or(0, |&row| row as usize + 1),
        None => rows,
    };
    assert!(out.len() >= covered * row_bytes);
    if rows == 0 {
        return;
    }
    if job.matrix.k == 0 || out.is_empty() {
        // Zero in every dtype.
        return out.fill(0);
    }
    let arithmetic = table.arithmetic(job.x.dtype, &job.matrix.weight);
    let kernel = Kernel::new(arithmetic, &job.matrix, job.role);
    let out = Out {
        first: out.as_mut_ptr(),
        dtype: out_dtype,
        n: job.n,
    };
    let serial = rows * job.n * job.matrix.k < SERIAL;
    let helpers = (!serial).then_some(pool);
    scratch::with_packed(|lines| {
        let x = kernel.pack(job, lines, helpers);
        let part = |group| Part {
            job,
            group,
            x: &x,
            out: &out,
        };
        let Some((blocks, expand)) = kernel.blocks() else {
            return each_range(job.n, ROWS, helpers, |range, lines| {
                for &group in groups {
                    kernel.group(&part(group), range.clone(), lines);
                }
            });
        };
        let blocked = Blocked {
            kernel: &kernel,
            blocks,
            expand,
        };
        blocked.run(groups, part, helpers);
    });
}

/// Gives each thread a range of the weight rows, of whole steps.
fn each_range(
    n: usize,
    step: usize,
    pool: Option<&Pool>,
    work: impl Fn(Range<usize>, &mut Lines) + Sync,
) {
    let Some(pool) = pool else {
        return scratch::with_tile(|lines| work(0..n, lines));
    };
    let steps = n.div_ceil(step);
    let parts = pool.threads().min(steps);
    let border = |part: usize| (part * steps / parts * step).min(n);
    pool.run(parts, &|part| {
        scratch::with_tile(|lines| work(border(part)..border(part + 1), lines));
    });
}

/// The functions and lengths of one product.
pub(super) struct Kernel<'a> {
    arithmetic: &'a Arithmetic,
    decoder: Decoder,
    /// Padded length of a row in elements.
    pub(super) k: usize,
    /// The weights as they lie in memory, if the kernels can read them there.
    pub(super) direct: Option<&'a [u8]>,
}

impl<'a> Kernel<'a> {
    fn new(arithmetic: &'a Arithmetic, matrix: &Matrix<'a>, role: Role) -> Kernel<'a> {
        let decoder = (arithmetic.decoder)(&matrix.weight, role);
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

    /// Bytes of a row of elements.
    pub(super) fn row_bytes(&self) -> usize {
        self.k * self.arithmetic.element.size()
    }

    /// Bytes of a packed row of activations.
    fn packed_bytes(&self) -> usize {
        let extra = |arrange: Arrange| (arrange.extra)(self.k, arrange.group);
        self.row_bytes() + self.decoder.arrange.map_or(0, extra)
    }

    /// Converts, pads and reorders the activations, unless they can be read where they are.
    fn pack(&self, job: &Job<'_>, lines: &mut Lines, pool: Option<&Pool>) -> Packed {
        let (x, k) = (&job.x, job.matrix.k);
        let natural = self.decoder.arrange.is_none();
        if natural && x.dtype == self.arithmetic.element && k == self.k {
            return Packed {
                first: x.bytes.as_ptr(),
                stride: x.stride * x.dtype.size(),
            };
        }
        let stride = self.packed_bytes();
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
        for (i, packed) in packed.chunks_exact_mut(self.packed_bytes()).enumerate() {
            let source = x.row(first + i, k);
            if x.dtype == self.arithmetic.element {
                packed[..source.len()].copy_from_slice(source);
                packed[source.len()..self.row_bytes()].fill(0);
            } else {
                // The only other element is f32.
                let mut values = [0.0; 64];
                let size = x.dtype.size();
                for (source, packed) in source.chunks(64 * size).zip(packed.chunks_mut(256)) {
                    let values = &mut values[..source.len() / size];
                    floats::read(x.dtype, source, values);
                    floats::write(Dtype::F32, values, packed);
                }
                packed[k * 4..self.row_bytes()].fill(0);
            }
            if let Some(arrange) = self.decoder.arrange {
                // SAFETY: the table was made for this machine.
                unsafe { (arrange.row)(packed, self.k, arrange.group) };
            }
        }
    }

    /// The weight rows `range` of the group's expert with all rows of the group.
    fn group(&self, part: &Part<'_>, range: Range<usize>, lines: &mut Lines) {
        match self.decoder.expand {
            Some(expand) if part.group.rows > self.decoder.fused.len() => {
                self.through_tiles(expand, part, range, lines);
            }
            _ => self.in_registers(part, range, lines),
        }
    }

    /// The functions for blocks, if that is how these weights are multiplied.
    fn blocks(&self) -> Option<(Blocks, Expand)> {
        Some((self.arithmetic.blocks?, self.decoder.expand?))
    }

    /// By kernels that decode weights in registers, again for every few rows while they are in L1.
    fn in_registers(&self, part: &Part<'_>, range: Range<usize>, lines: &mut Lines) {
        let fused = self.decoder.fused;
        for rows in rounds(0..part.group.rows, ROUND) {
            let mut pointers = [[std::ptr::null(); MAX_COLUMNS]; ROUND];
            for (columns, x) in shares(rows.len(), fused.len()).zip(&mut pointers) {
                *x = part.x_rows(rows.start, &columns);
            }
            for tile in rounds(range.clone(), FEW_TILE) {
                let fours = part.fours(&tile);
                let sums = lines.bytes(rows.len() * FEW_TILE * 4);
                let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
                for i in 0..fours.count {
                    let of = fours.rows(i);
                    for (columns, x) in shares(rows.len(), fused.len()).zip(&pointers) {
                        let mut products = [[0.0; ROWS]; MAX_COLUMNS];
                        let products = &mut products[..columns.len()];
                        // SAFETY: the table was made for this machine, the decoder for this kind of
                        // matrix, which has all experts' rows; `x` is padded.
                        unsafe { fused[columns.len() - 1](&part.job.matrix, of, x, products) };
                        let sums = &mut sums[columns.start * FEW_TILE..];
                        fours.scatter(i, products, sums, FEW_TILE);
                    }
                }
                part.store(rows.clone(), &tile, sums, FEW_TILE);
            }
        }
    }

    /// By decoding weights to memory once for many rows.
    fn through_tiles(
        &self,
        expand: Expand,
        part: &Part<'_>,
        range: Range<usize>,
        lines: &mut Lines,
    ) {
        let all = part.group.rows;
        let row_bytes = self.row_bytes();
        let columns = self.arithmetic.dot.len();
        // A few rows meet each weight while it is in L1, right after it was decoded; many rows
        // meet a tile of weights in L2.
        if all <= 2 * columns {
            return self.few_through_tiles(expand, part, range, lines);
        }
        let kept_rows = self.arithmetic.kept_bytes / row_bytes;
        let tile_rows = (kept_rows / ROWS * ROWS).clamp(ROWS, 128);
        // Weights that need no decoding are read again for as many rows as fit in L2 beside a tile.
        let chunk_rows = match self.direct {
            Some(_) => (kept_rows / columns * columns).max(columns),
            None => all,
        };
        for chunk in rounds(0..all, chunk_rows) {
            for tile in rounds(range.clone(), tile_rows) {
                let fours = part.fours(&tile).neighbours();
                let sums_bytes = (columns * tile_rows * 4).next_multiple_of(64);
                let bytes = lines.bytes(sums_bytes + fours.count * ROWS * row_bytes);
                let (sums, decoded) = bytes.split_at_mut(sums_bytes);
                let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
                if self.direct.is_none() {
                    for (i, dst) in decoded.chunks_exact_mut(ROWS * row_bytes).enumerate() {
                        // SAFETY: as in `in_registers`; `dst` has a padded row for each.
                        unsafe { expand(&part.job.matrix, fours.rows(i), dst) };
                    }
                }
                for rows in shares(chunk.len(), columns) {
                    let rows = chunk.start + rows.start..chunk.start + rows.end;
                    let x = part.x_rows(0, &rows);
                    for i in 0..fours.count {
                        let weights = self.weights(&fours, i, &decoded[i * ROWS * row_bytes..]);
                        self.multiply(weights, &x[..rows.len()], &fours, i, sums, tile_rows);
                    }
                    part.store(rows, &tile, sums, tile_rows);
                }
            }
        }
    }

    /// The same where all rows meet four weight rows before the next four are decoded.
    fn few_through_tiles(
        &self,
        expand: Expand,
        part: &Part<'_>,
        range: Range<usize>,
        lines: &mut Lines,
    ) {
        let all = part.group.rows;
        let row_bytes = self.row_bytes();
        for tile in rounds(range, FEW_TILE) {
            let fours = part.fours(&tile);
            let sums_bytes = (all * FEW_TILE * 4).next_multiple_of(64);
            let bytes = lines.bytes(sums_bytes + ROWS * row_bytes);
            let (sums, decoded) = bytes.split_at_mut(sums_bytes);
            let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
            for i in 0..fours.count {
                if self.direct.is_none() {
                    // SAFETY: as in `in_registers`; `decoded` has a padded row for each.
                    unsafe { expand(&part.job.matrix, fours.rows(i), decoded) };
                }
                let weights = self.weights(&fours, i, decoded);
                for rows in shares(all, self.arithmetic.dot.len()) {
                    let x = part.x_rows(0, &rows);
                    let sums = &mut sums[rows.start * FEW_TILE..];
                    self.multiply(weights, &x[..rows.len()], &fours, i, sums, FEW_TILE);
                }
            }
            part.store(0..all, &tile, sums, FEW_TILE);
        }
    }

    /// The weight rows of step `i`, where they lie or in `decoded`, which starts with them.
    fn weights(&self, fours: &Fours, i: usize, decoded: &[u8]) -> [*const u8; ROWS] {
        let row_bytes = self.row_bytes();
        match self.direct {
            Some(bytes) => fours
                .rows(i)
                .map(|row| bytes[row * row_bytes..][..row_bytes].as_ptr()),
            None => std::array::from_fn(|r| decoded[r * row_bytes..][..row_bytes].as_ptr()),
        }
    }

    /// Multiplies the weight rows of step `i` with activation rows, and puts the sums in their places.
    fn multiply(
        &self,
        weights: [*const u8; ROWS],
        x: &[*const u8],
        fours: &Fours,
        i: usize,
        sums: &mut [f32],
        stride: usize,
    ) {
        let mut pointers = [std::ptr::null(); MAX_COLUMNS];
        pointers[..x.len()].copy_from_slice(x);
        let mut products = [[0.0; ROWS]; MAX_COLUMNS];
        let products = &mut products[..x.len()];
        // SAFETY: the table was made for this machine; the weights and the rows of `x` are padded to
        // `k`.
        unsafe { self.arithmetic.dot[x.len() - 1](weights, &pointers, self.k, products) };
        fours.scatter(i, products, sums, stride);
    }
}

/// A group of a job, and where its operands are.
pub(super) struct Part<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) group: Group,
    pub(super) x: &'a Packed,
    pub(super) out: &'a Out,
}

impl Part<'_> {
    /// The output row of row `i` of the group.
    pub(super) fn place(&self, i: usize) -> usize {
        match self.job.order {
            Some(order) => order[self.group.first + i] as usize,
            None => self.group.first + i,
        }
    }

    /// Pointers to the activations of the group's rows `first + rows`.
    fn x_rows(&self, first: usize, rows: &Range<usize>) -> [*const u8; MAX_COLUMNS] {
        let mut pointers = [std::ptr::null(); MAX_COLUMNS];
        for (i, pointer) in rows.clone().zip(&mut pointers) {
            *pointer = self.x_row(first + i);
        }
        pointers
    }

    /// The activations of row `i` of the group.
    pub(super) fn x_row(&self, i: usize) -> *const u8 {
        let row = self.place(i) / self.job.slots_per_x;
        // SAFETY: the place is below the number of output rows, and the rows of `x` were checked to be
        // that many over `slots_per_x`.
        unsafe { self.x.first.add(row * self.x.stride) }
    }

    /// A tile of the expert's rows, as rows of the matrix.
    fn fours(&self, tile: &Range<usize>) -> Fours {
        let first = self.group.expert * self.job.n;
        Fours::new(first + tile.start..first + tile.end)
    }

    /// Rounds the sums of a tile to the output; `sums` has a row of `stride` for each of `rows`.
    fn store(&self, rows: Range<usize>, tile: &Range<usize>, sums: &[f32], stride: usize) {
        for (i, sums) in rows.zip(sums.chunks_exact(stride)) {
            // SAFETY: this thread owns the weight rows of the tile.
            unsafe { (self.out).store(self.place(i), tile.start, &sums[..tile.len()]) };
        }
    }
}

/// A range of weight rows, four at a time: one from each quarter of the range, so that memory is
/// read in four long streams, which the hardware follows better than many short ones; or neighbours,
/// where they are in cache.
struct Fours {
    range: Range<usize>,
    count: usize,
    /// From step to step, and from one of the four to the next.
    distances: [usize; 2],
}

impl Fours {
    fn new(range: Range<usize>) -> Fours {
        let count = range.len().div_ceil(ROWS);
        Fours {
            range,
            count,
            distances: [1, count],
        }
    }

    fn neighbours(self) -> Fours {
        Fours {
            distances: [ROWS, 1],
            ..self
        }
    }

    /// The rows of step `i`; beyond the end, the last row again.
    fn rows(&self, i: usize) -> [usize; ROWS] {
        let [step, next] = self.distances;
        std::array::from_fn(|q| (self.range.start + i * step + q * next).min(self.range.end - 1))
    }

    /// Puts the products of step `i` in the order of the range; activation rows are `stride` apart.
    fn scatter(&self, i: usize, products: &[[f32; ROWS]], sums: &mut [f32], stride: usize) {
        if self.distances == [ROWS, 1] && (i + 1) * ROWS <= self.range.len() {
            for (c, products) in products.iter().enumerate() {
                sums[c * stride + i * ROWS..][..ROWS].copy_from_slice(products);
            }
            return;
        }
        for (r, row) in self.rows(i).into_iter().enumerate() {
            for (c, products) in products.iter().enumerate() {
                sums[c * stride + row - self.range.start] = products[r];
            }
        }
    }
}

impl Out {
    /// The place of (`row`, `column`).
    pub(super) fn at(&self, row: usize, column: usize) -> *mut u8 {
        self.first
            .wrapping_add((row * self.n + column) * self.dtype.size())
    }

    /// Rounds `sums` to the output from (`row`, `column`) on.
    ///
    /// # Safety
    /// The place is in the output and no other thread writes there.
    unsafe fn store(&self, row: usize, column: usize, sums: &[f32]) {
        let size = self.dtype.size();
        // SAFETY: the caller's contract.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.at(row, column), sums.len() * size) };
        floats::write(self.dtype, sums, bytes);
    }
}

/// `range` in steps of at most `len`.
pub(super) fn rounds(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(len)
        .map(move |start| start..end.min(start + len))
}

/// `0..count` in the fewest even shares of at most `most`.
fn shares(count: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let blocks = count.div_ceil(most);
    (0..blocks).map(move |block| block * count / blocks..(block + 1) * count / blocks)
}
