//! Positions of extremes along an axis: the first one wins, and a NaN beats everything.

use std::marker::PhantomData;

use super::fold::{InF32, Max, Min};
use super::walk::{SHARED_BYTES, tree};
use crate::Pool;
use crate::kernels::elementwise::number::Ordered;
use crate::kernels::math::{Element, Kernel, LANES, Lanes};

/// A search along the middle axis of a row-major `[before, len, after]`.
pub struct Search {
    /// First element.
    pub x: *const u8,
    /// First position of the output `[before, after]`.
    pub out: *mut u32,
    /// Elements searched, not zero.
    pub len: usize,
    /// Outputs before the axis.
    pub before: usize,
    /// Outputs after the axis.
    pub after: usize,
    /// The largest rather than the smallest.
    pub max: bool,
    /// Parts that share the outputs.
    pub parts: usize,
}

// SAFETY: addresses; parts write places of their own.
unsafe impl Sync for Search {}

/// Neighbouring outputs that are searched together.
const COLUMNS: usize = 64;

impl Search {
    /// Finds the positions in an operand of `T`, whose elements are compared as `W`.
    ///
    /// # Safety
    /// The addresses are those of such operands; the output is nobody else's.
    pub unsafe fn run<T: Copy, W: Ordered>(&self, pool: &Pool, widen: impl Fn(T) -> W + Sync) {
        let tiles = self.after.div_ceil(COLUMNS);
        let units = self.before * tiles;
        let parts = self.parts.min(units);
        let part = |part: usize| {
            for unit in part * units / parts..(part + 1) * units / parts {
                let (before, column) = (unit / tiles, unit % tiles * COLUMNS);
                // SAFETY: each output is written by the one part that has it.
                unsafe {
                    match self.after {
                        1 => self.row(before, &widen),
                        _ => self.columns(before, column, &widen),
                    }
                }
            }
        };
        match parts {
            1 => part(0),
            parts => pool.run(parts, &part),
        }
    }

    /// Into how many parts a search of elements of `size` bytes is cut.
    pub fn parts(&self, pool: &Pool, size: usize) -> usize {
        let outputs = self.before * self.after;
        if outputs * self.len * size < SHARED_BYTES {
            return 1;
        }
        pool.threads().min(outputs)
    }

    fn share(&self, part: usize) -> std::ops::Range<usize> {
        let outputs = self.before * self.after;
        part * outputs / self.parts..(part + 1) * outputs / self.parts
    }

    /// Whether `v` takes the place of an earlier `best`: a NaN does, unless that is one.
    #[inline(always)]
    fn beats<W: Ordered>(&self, v: W, best: W) -> bool {
        let better = if self.max { best.less(v) } else { v.less(best) };
        // Only a NaN is not the same as itself.
        better || (!v.same(v) && best.same(best))
    }

    /// # Safety
    /// As [`Search::run`], for output `at`, where there is no `after`.
    unsafe fn row<T: Copy, W: Ordered>(&self, at: usize, widen: &impl Fn(T) -> W) {
        let x = self.x.cast::<T>().wrapping_add(at * self.len);
        // SAFETY: `k` is within the row.
        let read = |k: usize| widen(unsafe { x.add(k).read_unaligned() });
        let (mut best, mut found) = (read(0), 0);
        for k in 1..self.len {
            let v = read(k);
            if self.beats(v, best) {
                (best, found) = (v, k);
            }
        }
        // SAFETY: the place of this output.
        unsafe { self.out.add(at).write(found as u32) }
    }

    /// # Safety
    /// As [`Search::run`], for up to `COLUMNS` outputs from `column` on.
    unsafe fn columns<T: Copy, W: Ordered>(
        &self,
        before: usize,
        column: usize,
        widen: &impl Fn(T) -> W,
    ) {
        let count = COLUMNS.min(self.after - column);
        let first = before * self.len * self.after + column;
        let x = self.x.cast::<T>().wrapping_add(first);
        let mut best = [W::ZERO; COLUMNS];
        let mut found = [0u32; COLUMNS];
        for k in 0..self.len {
            for (lane, (best, found)) in best.iter_mut().zip(&mut found).enumerate().take(count) {
                // SAFETY: `k` is within the axis, the lane within the columns.
                let v = widen(unsafe { x.add(k * self.after + lane).read_unaligned() });
                if k == 0 || self.beats(v, *best) {
                    (*best, *found) = (v, k as u32);
                }
            }
        }
        // SAFETY: the places of these outputs.
        unsafe {
            let out = self.out.add(before * self.after + column);
            std::ptr::copy_nonoverlapping(found.as_ptr(), out, count);
        }
    }
}

/// Searches along the last axis of `f32`, `bf16` and `f16`: the extreme by lanes, then its place.
pub struct Rows<T>(PhantomData<T>);

impl<T: Element> Kernel for Rows<T> {
    type Args<'a> = Search;

    #[inline(always)]
    fn run<L: Lanes>(l: L, search: &Search, part: usize) {
        for at in search.share(part) {
            // SAFETY: whoever made the search gave rows of `T`; each output is one part's.
            unsafe {
                let row = search.x.cast::<T>().add(at * search.len);
                let extreme = if search.max {
                    tree::<L, InF32<T, Max>, false>(l, row.cast(), search.len)
                } else {
                    tree::<L, InF32<T, Min>, false>(l, row.cast(), search.len)
                };
                let found = place::<L, T>(l, row, search.len, extreme);
                search.out.add(at).write(found as u32);
            }
        }
    }
}

/// The first element that is like lane 0 of `extreme`: equal to it, or NaN if it is.
///
/// # Safety
/// `len` elements lie at `row`.
#[inline(always)]
unsafe fn place<L: Lanes, T: Element>(l: L, row: *const T, len: usize, extreme: L::F) -> usize {
    let mut lanes = [0.0f32; LANES];
    // SAFETY: `lanes` holds sixteen lanes.
    unsafe { l.store(extreme, lanes.as_mut_ptr()) };
    let extreme = lanes[0];
    let mut done = 0;
    while done + LANES <= len {
        // SAFETY: sixteen elements of the row.
        unsafe { l.store(T::load(l, row.add(done)), lanes.as_mut_ptr()) };
        let mut hits = 0u32;
        for lane in lanes {
            hits |= (lane == extreme) as u32 | lane.is_nan() as u32;
        }
        if hits != 0 {
            break;
        }
        done += LANES;
    }
    while done + 1 < len {
        // SAFETY: an element of the row, of any alignment.
        let x = unsafe { row.add(done).read_unaligned() }.to_f32();
        if x == extreme || x.is_nan() {
            break;
        }
        done += 1;
    }
    done
}
