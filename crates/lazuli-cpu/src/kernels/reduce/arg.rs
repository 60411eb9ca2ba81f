//! Positions of extremes along an axis: the first one wins, and a NaN beats everything.

use crate::Pool;
use crate::kernels::elementwise::cast::Source;
use crate::kernels::elementwise::number::{Ordered, Ring};

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
}

// SAFETY: addresses; parts write places of their own.
unsafe impl Sync for Search {}

const SHARED_BYTES: usize = 256 << 10;

impl Search {
    /// Finds the positions in an operand of `T`.
    ///
    /// # Safety
    /// The addresses are those of such operands; the output is nobody else's.
    pub unsafe fn run<T: Source<Wide: Ordered>>(&self, pool: &Pool) {
        let outputs = self.before * self.after;
        // SAFETY: each output is written by the one part that has it.
        let one = |at: usize| unsafe { self.one::<T>(at) };
        if outputs * self.len * size_of::<T>() < SHARED_BYTES || pool.threads() == 1 {
            return (0..outputs).for_each(one);
        }
        let parts = pool.threads().min(outputs);
        pool.run(parts, &|part| {
            (part * outputs / parts..(part + 1) * outputs / parts).for_each(one);
        });
    }

    /// # Safety
    /// As [`Search::run`], for output `at`.
    unsafe fn one<T: Source<Wide: Ordered>>(&self, at: usize) {
        let (before, after) = (at / self.after, at % self.after);
        let first = before * self.len * self.after + after;
        let x = self.x.cast::<T>().wrapping_add(first);
        // SAFETY: `k` is within the axis.
        let read = |k: usize| unsafe { x.add(k * self.after).read_unaligned().widen() };
        let mut best = read(0);
        let mut found = 0;
        // Only a NaN is not the same as itself.
        let is_nan = |v: T::Wide| !v.same(v);
        if !is_nan(best) {
            for k in 1..self.len {
                let v = read(k);
                let better = if self.max { best.less(v) } else { v.less(best) };
                if better || is_nan(v) {
                    (best, found) = (v, k);
                    if is_nan(v) {
                        break;
                    }
                }
            }
        }
        // SAFETY: the place of this output.
        unsafe { self.out.add(at).write(found as u32) }
    }
}
