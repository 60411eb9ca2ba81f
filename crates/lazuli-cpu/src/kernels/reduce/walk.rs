//! Where the elements of a reduction lie, and the order in which pieces of it are folded.

use lazuli_core::ops::reduce::Kind;

use super::fold::Fold;
use crate::Pool;
use crate::kernels::elementwise::Loops;
use crate::kernels::math::{LANES, Lanes};

/// Elements of a piece where the last axis is reduced.
const PIECE: usize = 16 << 10;
/// Rows of a piece where the last axis is kept; folded in groups of `GROUP`.
const PIECE_ROWS: usize = 4096;
const GROUP: usize = 64;
/// Columns that are folded together where the last axis is kept.
const COLUMNS: usize = 16 * LANES;
/// Threads share a reduction from this many bytes on.
pub(super) const SHARED_BYTES: usize = 2 << 20;

/// A shape cut into kept and reduced parts. Steps are in bytes.
pub struct Axes {
    /// Kept axes before the last group.
    kept: Loops<1>,
    /// Reduced axes before the last group.
    reduced: Loops<1>,
    /// Elements of the last group of axes, all reduced or all kept.
    last: usize,
    last_reduced: bool,
    empty: bool,
}

impl Axes {
    /// The parts of a row-major `shape` of elements of `size` bytes.
    pub fn new(shape: &[usize], size: usize, is_reduced: impl Fn(usize) -> bool) -> Axes {
        let rank = shape.len();
        let last_reduced = rank > 0 && is_reduced(rank - 1);
        let group = (0..rank)
            .rev()
            .take_while(|&axis| is_reduced(axis) == last_reduced)
            .count();
        let (lead, tail) = shape.split_at(rank - group);
        let mut steps = vec![0isize; lead.len()];
        let last: usize = tail.iter().product();
        let mut step = (last * size) as isize;
        for axis in (0..lead.len()).rev() {
            steps[axis] = step;
            step *= lead[axis] as isize;
        }
        let part = |reduced: bool| {
            let axes: Vec<usize> = (0..lead.len())
                .filter(|&a| is_reduced(a) == reduced)
                .collect();
            let dims: Vec<usize> = axes.iter().map(|&a| lead[a]).collect();
            Loops::new(&dims, |at| [steps[axes[at]]])
        };
        Axes {
            kept: part(false),
            reduced: part(true),
            last,
            last_reduced,
            empty: (0..rank).any(|a| is_reduced(a) && shape[a] == 0),
        }
    }

    fn rows(&self) -> usize {
        if self.empty {
            0
        } else {
            self.reduced.elements()
        }
    }

    /// Pieces of one output, or of one row of outputs: what the tree depends on.
    fn pieces(&self) -> usize {
        let pieces = if self.last_reduced {
            self.rows() * self.last.div_ceil(PIECE)
        } else {
            self.rows().div_ceil(PIECE_ROWS)
        };
        pieces.max(1)
    }

    /// Outputs that lie side by side.
    fn width(&self) -> usize {
        if self.last_reduced { 1 } else { self.last }
    }

    /// Accumulators that a reduction needs besides its output.
    pub fn partials(&self) -> usize {
        match self.pieces() {
            1 => 0,
            pieces => self.kept.elements() * pieces * self.width(),
        }
    }
}

/// A reduction.
pub struct Task<'a> {
    /// How elements are combined.
    pub kind: Kind,
    /// The shape.
    pub axes: &'a Axes,
    /// First element of the row-major operand.
    pub x: *const u8,
    /// First element of the output.
    pub out: *mut u8,
    /// Memory for [`Axes::partials`] accumulators.
    pub partials: *mut u8,
    /// Parts of each phase.
    pub parts: usize,
    /// Pieces are folded (false) or their results are (true).
    pub second: bool,
}

// SAFETY: addresses; parts write places of their own.
unsafe impl Sync for Task<'_> {}

impl Task<'_> {
    /// Runs both phases; `part` does one part of the phase that the task names.
    pub fn run(mut self, pool: &Pool, bytes: usize, part: impl Fn(&Task<'_>, usize) + Sync) {
        let shared = bytes >= SHARED_BYTES;
        self.parts = if shared { pool.threads() } else { 1 };
        let phases = if self.axes.pieces() > 1 { 2 } else { 1 };
        for phase in 0..phases {
            self.second = phase == 1;
            if shared {
                pool.run(self.parts, &|p| part(&self, p));
            } else {
                part(&self, 0);
            }
        }
    }

    fn share(&self, units: usize, part: usize) -> std::ops::Range<usize> {
        part * units / self.parts..(part + 1) * units / self.parts
    }

    /// Part `part` of the phase.
    ///
    /// # Safety
    /// The task's addresses are of operands of `F`'s types, of the sizes that its axes say, the
    /// output's and the partials' nobody else's.
    #[inline(always)]
    pub unsafe fn part<L: Lanes, F: Fold<L>>(&self, l: L, part: usize) {
        // SAFETY: the caller's promise, in all four.
        unsafe {
            match (self.second, self.axes.last_reduced) {
                (false, true) => self.fold_rows::<L, F>(l, part),
                (false, false) => self.fold_columns::<L, F>(l, part),
                (true, true) => self.join_rows::<L, F>(l, part),
                (true, false) => self.join_columns::<L, F>(l, part),
            }
        }
    }

    /// Folds pieces of rows.
    ///
    /// # Safety
    /// As [`Task::part`].
    #[inline(always)]
    unsafe fn fold_rows<L: Lanes, F: Fold<L>>(&self, l: L, part: usize) {
        let axes = self.axes;
        let pieces = axes.pieces();
        let per_row = axes.last.div_ceil(PIECE).max(1);
        let units = axes.kept.elements() * pieces;
        for unit in self.share(units, part) {
            let (output, piece) = (unit / pieces, unit % pieces);
            let first = piece % per_row * PIECE;
            let len = if axes.empty {
                0
            } else {
                PIECE.min(axes.last - first)
            };
            // SAFETY: the piece lies within the operand; each unit has a place of its own.
            unsafe {
                let row = at(
                    &axes.reduced,
                    at(&axes.kept, self.x, output),
                    piece / per_row,
                );
                let row = row.cast::<F::In>().wrapping_add(first);
                let total = tree::<L, F, false>(l, row.cast(), len);
                if pieces == 1 {
                    F::finish(l, total, self.out.cast::<F::Out>().add(output), 1);
                } else {
                    F::save(l, total, self.partials.cast::<F::Acc>().add(unit), 1);
                }
            }
        }
    }

    /// Folds the results of the pieces of each output.
    ///
    /// # Safety
    /// As [`Task::part`], after all parts of the first phase.
    #[inline(always)]
    unsafe fn join_rows<L: Lanes, F: Fold<L>>(&self, l: L, part: usize) {
        let pieces = self.axes.pieces();
        for output in self.share(self.axes.kept.elements(), part) {
            // SAFETY: the first phase wrote the partials of every output.
            unsafe {
                let from = self.partials.cast::<F::Acc>().add(output * pieces);
                let total = tree::<L, F, true>(l, from.cast(), pieces);
                F::finish(l, total, self.out.cast::<F::Out>().add(output), 1);
            }
        }
    }

    /// Folds pieces of columns.
    ///
    /// # Safety
    /// As [`Task::part`].
    #[inline(always)]
    unsafe fn fold_columns<L: Lanes, F: Fold<L>>(&self, l: L, part: usize) {
        let axes = self.axes;
        let (pieces, width, rows) = (axes.pieces(), axes.last, axes.rows());
        let tiles = width.div_ceil(COLUMNS);
        let units = axes.kept.elements() * pieces * tiles;
        for unit in self.share(units, part) {
            let column = unit % tiles * COLUMNS;
            let columns = COLUMNS.min(width - column);
            let (output, piece) = (unit / tiles / pieces, unit / tiles % pieces);
            let start = at(&axes.kept, self.x, output).cast::<F::In>();
            let start = start.wrapping_add(column);
            let last_row = rows.min((piece + 1) * PIECE_ROWS);
            // SAFETY: rows `piece * PIECE_ROWS..last_row` and the columns lie within the operand; each
            // unit has places of its own.
            unsafe {
                let mut total = [F::identity(l); COLUMNS / LANES];
                let mut row = piece * PIECE_ROWS;
                while row < last_row {
                    let end = last_row.min(row + GROUP);
                    let mut group = [F::identity(l); COLUMNS / LANES];
                    for row in row..end {
                        let from = at(&axes.reduced, start.cast(), row).cast::<F::In>();
                        fold_row::<L, F>(l, from, columns, &mut group);
                    }
                    for (total, group) in total.iter_mut().zip(group) {
                        *total = F::combine(l, *total, group);
                    }
                    row = end;
                }
                for (v, total) in total.iter().enumerate() {
                    let first = v * LANES;
                    if first >= columns {
                        break;
                    }
                    let count = LANES.min(columns - first);
                    if pieces == 1 {
                        let place = output * width + column + first;
                        F::finish(l, *total, self.out.cast::<F::Out>().add(place), count);
                    } else {
                        let place = (output * pieces + piece) * width + column + first;
                        F::save(l, *total, self.partials.cast::<F::Acc>().add(place), count);
                    }
                }
            }
        }
    }

    /// Folds the results of the pieces of each column, in order.
    ///
    /// # Safety
    /// As [`Task::part`], after all parts of the first phase.
    #[inline(always)]
    unsafe fn join_columns<L: Lanes, F: Fold<L>>(&self, l: L, part: usize) {
        let (pieces, width) = (self.axes.pieces(), self.axes.last);
        let tiles = width.div_ceil(LANES);
        for unit in self.share(self.axes.kept.elements() * tiles, part) {
            let (output, column) = (unit / tiles, unit % tiles * LANES);
            let count = LANES.min(width - column);
            // SAFETY: the first phase wrote the partials of every column.
            unsafe {
                let mut total = F::identity(l);
                for piece in 0..pieces {
                    let place = (output * pieces + piece) * width + column;
                    let from = self.partials.cast::<F::Acc>().add(place);
                    total = F::combine(l, total, F::restore(l, from, count));
                }
                let place = output * width + column;
                F::finish(l, total, self.out.cast::<F::Out>().add(place), count);
            }
        }
    }
}

/// Adds one row of columns to their accumulators.
///
/// # Safety
/// `columns` elements lie at `from`.
#[inline(always)]
unsafe fn fold_row<L: Lanes, F: Fold<L>>(
    l: L,
    from: *const F::In,
    columns: usize,
    group: &mut [F::Vector; COLUMNS / LANES],
) {
    for (v, acc) in group.iter_mut().enumerate() {
        let first = v * LANES;
        if first < columns {
            // SAFETY: the caller's promise.
            let x = unsafe { F::load(l, from.add(first), LANES.min(columns - first)) };
            *acc = F::combine(l, *acc, x);
        }
    }
}

/// The address of element `index` of loops over one operand.
#[inline(always)]
fn at(loops: &Loops<1>, start: *const u8, index: usize) -> *const u8 {
    if let [step] = loops.steps() {
        return start.wrapping_offset(index as isize * step[0]);
    }
    let mut at = start;
    let mut rest = index;
    for (dim, step) in loops.dims().iter().zip(loops.steps()).rev() {
        at = at.wrapping_offset((rest % dim) as isize * step[0]);
        rest /= dim;
    }
    at
}

/// The total of `len` neighbours in lane 0: four vectors take turns, then halves are combined. The
/// neighbours are elements, or accumulators if they are `PARTIALS`.
///
/// # Safety
/// `len` of them lie at `from`.
#[inline(always)]
pub(super) unsafe fn tree<L: Lanes, F: Fold<L>, const PARTIALS: bool>(
    l: L,
    from: *const u8,
    len: usize,
) -> F::Vector {
    let mut acc = [F::identity(l); 4];
    let mut done = 0;
    // SAFETY: the caller's promise, in all.
    unsafe {
        while done + 4 * LANES <= len {
            for (v, acc) in acc.iter_mut().enumerate() {
                let x = vector::<L, F, PARTIALS>(l, from, done + v * LANES, LANES);
                *acc = F::combine(l, *acc, x);
            }
            done += 4 * LANES;
        }
        for acc in &mut acc {
            if done < len {
                let x = vector::<L, F, PARTIALS>(l, from, done, LANES.min(len - done));
                *acc = F::combine(l, *acc, x);
                done += LANES;
            }
        }
    }
    let low = F::combine(l, acc[0], acc[1]);
    F::total(l, F::combine(l, low, F::combine(l, acc[2], acc[3])))
}

/// `count` neighbours from number `at` on.
///
/// # Safety
/// They exist.
#[inline(always)]
unsafe fn vector<L: Lanes, F: Fold<L>, const PARTIALS: bool>(
    l: L,
    from: *const u8,
    at: usize,
    count: usize,
) -> F::Vector {
    // SAFETY: the caller's promise.
    unsafe {
        if PARTIALS {
            F::restore(l, from.cast::<F::Acc>().add(at), count)
        } else {
            F::load(l, from.cast::<F::In>().add(at), count)
        }
    }
}
