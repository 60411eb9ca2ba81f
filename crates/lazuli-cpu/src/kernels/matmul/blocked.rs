//! Products by blocks of sums, on paths that have them: which operand becomes panels, and who computes
//! what.
//!
//! A panel costs about as much to lay out as a few blocks to multiply. With many activation rows the
//! panels are of weights: each is laid out once and met by all rows, which are read where they lie, and
//! sums come out in the order of the output. With few rows the panels are of activations, laid out by
//! all threads together, and sums are turned. A sum has the same bits either way.

use std::ops::Range;

use super::driver::{Group, Kernel, Part, rounds};
use super::panels::Panels;
use super::scratch::{self, Lines};
use super::table::{BLOCK, Block, Blocks, Expand, Places, ROWS};
use crate::pool::Pool;

/// Bytes of weights, decoded or as panels, that a thread keeps: half of the L2 of processors with AMX.
const TILE_BYTES: usize = 1 << 20;

/// Bytes of activations that meet all weights that a thread keeps before the next are read.
const CHUNK_BYTES: usize = 256 << 10;

/// A kernel with what it takes to multiply by blocks.
pub(super) struct Blocked<'a> {
    pub(super) kernel: &'a Kernel<'a>,
    pub(super) blocks: Blocks,
    pub(super) expand: Expand,
}

/// Tiles are this thread's while this lives.
struct Begun(Blocks);

impl Begun {
    /// # Safety
    /// The path is available.
    unsafe fn new(blocks: Blocks) -> Begun {
        // SAFETY: the caller's contract.
        unsafe { (blocks.begin)() };
        Begun(blocks)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // SAFETY: `new` was told that the path is available.
        unsafe { (self.0.end)() };
    }
}

impl Blocked<'_> {
    /// Computes all groups.
    pub(super) fn run<'p>(
        &self,
        groups: &[Group],
        part: impl Fn(Group) -> Part<'p> + Sync,
        pool: Option<&Pool>,
    ) {
        scratch::with_panels(|lines| {
            let rows = |group: Group| match self.turns(group) {
                true => group.rows,
                false => 0,
            };
            let row = |group, i| part(group).x_row(i);
            let (panel, k) = (self.blocks.panel, self.kernel.k);
            // SAFETY: the table was made for this machine, and `pack` made rows of bf16.
            let panels = unsafe { Panels::new(panel, groups, rows, row, k, lines, pool) };
            let parts = pool.map_or(1, Pool::threads);
            let work = |index: usize| {
                // SAFETY: the table was made for this machine.
                let _begun = unsafe { Begun::new(self.blocks) };
                scratch::with_tile(|lines| {
                    for (g, &group) in groups.iter().enumerate() {
                        let part = part(group);
                        let n = part.job.n;
                        if self.turns(group) {
                            let range = share(n, index, parts);
                            self.turned(&part, || panels.of(g, group), range, lines);
                        } else if group.rows >= 2 * n.max(parts * BLOCK) {
                            // Weights are laid out by every thread, and activations read by one.
                            let rows = share(group.rows, index, parts);
                            self.straight(&part, rows, 0..n, lines);
                        } else {
                            let range = share(n, index, parts);
                            self.straight(&part, 0..group.rows, range, lines);
                        }
                    }
                });
            };
            match pool {
                Some(pool) => pool.run(parts, &work),
                None => work(0),
            }
        });
    }

    /// Whether sums are turned: to turn those of a row of blocks costs what it costs to lay out as many
    /// weights.
    fn turns(&self, group: Group) -> bool {
        group.rows < BLOCK || 2 * group.rows <= self.kernel.k
    }

    /// Weight rows that a thread keeps.
    fn tile_rows(&self) -> usize {
        let rows = TILE_BYTES / self.kernel.row_bytes() / BLOCK * BLOCK;
        rows.clamp(BLOCK, 512)
    }

    /// The rows `range` of the group's expert with panels of activations.
    fn turned<'p, I: Iterator<Item = (Range<usize>, &'p [u8])>>(
        &self,
        part: &Part<'_>,
        panels: impl Fn() -> I,
        range: Range<usize>,
        lines: &mut Lines,
    ) {
        let stride = self.kernel.row_bytes();
        for tile in rounds(range, self.tile_rows()) {
            let whole = tile.len().is_multiple_of(BLOCK);
            let weights = match self.kernel.direct {
                Some(bytes) if whole => {
                    bytes[(part.group.expert * part.job.n + tile.start) * stride..].as_ptr()
                }
                _ => {
                    let decoded = lines.bytes(tile.len().next_multiple_of(BLOCK) * stride);
                    self.decode(part, tile.clone(), decoded);
                    decoded.as_ptr()
                }
            };
            for (rows, panel) in panels() {
                for first in (0..tile.len()).step_by(BLOCK) {
                    let block = Block {
                        rows: weights.wrapping_add(first * stride),
                        stride,
                        panel,
                        k: self.kernel.k,
                        turned: true,
                        ahead: None,
                    };
                    let columns = tile.start + first..tile.end.min(tile.start + first + BLOCK);
                    // SAFETY: the table was made for this machine and tiles are this thread's; the tile
                    // has whole blocks of padded rows, as has the panel; this thread owns the weight rows.
                    unsafe { (self.blocks.product)(&block, &places(part, rows.clone(), columns)) };
                }
            }
        }
    }

    /// The activation rows `rows` of a group, at least a block of them, with panels of the rows `range`
    /// of its expert.
    fn straight(
        &self,
        part: &Part<'_>,
        rows: Range<usize>,
        range: Range<usize>,
        lines: &mut Lines,
    ) {
        let row_bytes = self.kernel.row_bytes();
        let panel_bytes = BLOCK * row_bytes;
        let in_order = part.job.order.is_none() && part.job.slots_per_x == 1;
        // The last block overlaps the one before it, and stores the same sums again.
        let blocks = rows.len().div_ceil(BLOCK);
        let start = |block: usize| (rows.start + block * BLOCK).min(rows.end - BLOCK);
        let chunk_blocks = (CHUNK_BYTES / panel_bytes).max(1);
        for tile in rounds(range, self.tile_rows()) {
            let panels_bytes = tile.len().next_multiple_of(BLOCK) * row_bytes;
            let bytes = lines.bytes(panels_bytes + (1 + chunk_blocks) * panel_bytes);
            let (panels, rest) = bytes.split_at_mut(panels_bytes);
            let (decoded, gathered) = rest.split_at_mut(panel_bytes);
            self.lay_out(part, tile.clone(), panels, decoded);
            for chunk in rounds(0..blocks, chunk_blocks) {
                let first = start(chunk.start);
                let (x, stride) = if in_order {
                    (part.x_row(first), part.x.stride)
                } else {
                    let count = start(chunk.end - 1) + BLOCK - first;
                    for (i, place) in gathered.chunks_exact_mut(row_bytes).take(count).enumerate() {
                        // SAFETY: a row of activations is as long as a decoded row of weights.
                        let row =
                            unsafe { std::slice::from_raw_parts(part.x_row(first + i), row_bytes) };
                        place.copy_from_slice(row);
                    }
                    (gathered.as_ptr(), row_bytes)
                };
                // Rows of the next chunk arrive while this one is multiplied, if they follow it.
                let follows = chunk.end < blocks && in_order && stride == row_bytes;
                let next = follows.then(|| part.x_row(start(chunk.end)));
                let share = panel_bytes / (panels.len() / panel_bytes);
                let mut product = 0;
                for (i, panel) in panels.chunks_exact(panel_bytes).enumerate() {
                    let column = tile.start + i * BLOCK;
                    for block in chunk.clone() {
                        let ahead = next.map(|next| (next.wrapping_add(product * share), share));
                        product += 1;
                        let at = start(block);
                        let operands = Block {
                            rows: x.wrapping_add((at - first) * stride),
                            stride,
                            panel,
                            k: self.kernel.k,
                            turned: false,
                            ahead,
                        };
                        let columns = column..tile.end.min(column + BLOCK);
                        // SAFETY: as in `turned`; the rows of the block follow each other; this thread owns
                        // them, or the weight rows.
                        unsafe {
                            let places = places(part, at..at + BLOCK, columns);
                            (self.blocks.product)(&operands, &places);
                        }
                    }
                }
            }
        }
    }

    /// The rows `range` of the group's expert as panels; `decoded` has room for one that is not.
    fn lay_out(&self, part: &Part<'_>, range: Range<usize>, panels: &mut [u8], decoded: &mut [u8]) {
        let row_bytes = self.kernel.row_bytes();
        let first = part.group.expert * part.job.n;
        for (rows, panel) in rounds(range, BLOCK).zip(panels.chunks_exact_mut(decoded.len())) {
            let source = match self.kernel.direct {
                Some(bytes) => bytes[(first + rows.start) * row_bytes..].as_ptr(),
                None => {
                    self.decode(part, rows.clone(), decoded);
                    decoded.as_ptr()
                }
            };
            let pointers: [_; BLOCK] = std::array::from_fn(|r| source.wrapping_add(r * row_bytes));
            // SAFETY: the table was made for this machine; the rows are the expert's, or were decoded.
            unsafe { (self.blocks.panel)(&pointers[..rows.len()], self.kernel.k, panel) };
        }
    }

    /// Decodes the rows `range` of the group's expert; the last row again below the last of a block.
    fn decode(&self, part: &Part<'_>, range: Range<usize>, decoded: &mut [u8]) {
        let row_bytes = self.kernel.row_bytes();
        let first = part.group.expert * part.job.n;
        for (i, place) in decoded.chunks_exact_mut(ROWS * row_bytes).enumerate() {
            let row = |r: usize| first + (range.start + i * ROWS + r).min(range.end - 1);
            // SAFETY: the table was made for this machine, the decoder for this kind of matrix, which has
            // all experts' rows; `place` has a padded row for each.
            unsafe { (self.expand)(&part.job.matrix, std::array::from_fn(row), place) };
        }
    }
}

/// Where the sums of activation rows with weight rows go.
fn places(part: &Part<'_>, rows: Range<usize>, columns: Range<usize>) -> Places {
    let mut places = Places {
        rows: [std::ptr::null_mut(); BLOCK],
        count: rows.len(),
        width: columns.len(),
        dtype: part.out.dtype,
    };
    for (place, row) in places.rows.iter_mut().zip(rows) {
        *place = part.out.at(part.place(row), columns.start);
    }
    places
}

/// The share of one of `parts` in `len`, of whole blocks but for the last.
fn share(len: usize, part: usize, parts: usize) -> Range<usize> {
    let blocks = len.div_ceil(BLOCK);
    let border = |part: usize| (part * blocks / parts * BLOCK).min(len);
    border(part)..border(part + 1)
}
