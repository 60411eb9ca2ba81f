//! Blocks picked by index: embeddings, gathers, cache slots.

use std::ops::Range;

use smallvec::SmallVec;

use crate::Pool;
use crate::kernels::elementwise::{Loops, SHARED_BYTES};

/// Which blocks of an operand go where. Block `(b, p)` of the output is the block at `picks[p]` of
/// the operand within its outer position `b`.
pub struct Pick<'a> {
    /// The axes before the picked one: from the output (0) and the operand (1), in bytes.
    pub outer: Loops<2>,
    /// Byte offset of each block in the operand.
    pub picks: &'a [isize],
    /// One block: output (0) and operand (1).
    pub block: Loops<2>,
    /// Bytes of an element.
    pub size: usize,
}

struct Addresses(SmallVec<[[*mut u8; 2]; 4]>);

// SAFETY: addresses; each part of the region uses those of its own blocks.
unsafe impl Sync for Addresses {}

impl Addresses {
    fn of(&self, at: usize) -> [*mut u8; 2] {
        self.0[at]
    }
}

impl Pick<'_> {
    /// Copies the blocks.
    ///
    /// # Safety
    /// `starts` are the first elements of a row-major output that is nobody else's and of an operand,
    /// laid out as `self` says, and they do not overlap.
    pub unsafe fn run(&self, pool: &Pool, starts: [*mut u8; 2]) {
        let mut outer = SmallVec::new();
        self.outer.rows(starts, 0..self.outer.elements(), |row| {
            outer.extend(
                (0..row.len as isize)
                    .map(|k| [0, 1].map(|i| row.at[i].wrapping_offset(k * row.step[i]))),
            );
        });
        let outer = Addresses(outer);
        let elements = self.block.elements();
        let bytes = elements * self.size;
        let blocks = outer.0.len() * self.picks.len();
        if elements == 1 {
            let shared = blocks * bytes >= SHARED_BYTES;
            let parts = if shared { pool.threads() } else { 1 };
            let part = |part: usize| {
                let mine = part * blocks / parts..(part + 1) * blocks / parts;
                // SAFETY: as below, for blocks of one element.
                unsafe {
                    match self.size {
                        1 => self.elements::<u8>(&outer, mine),
                        2 => self.elements::<u16>(&outer, mine),
                        4 => self.elements::<u32>(&outer, mine),
                        _ => self.elements::<u64>(&outer, mine),
                    }
                }
            };
            return match parts {
                1 => part(0),
                parts => pool.run(parts, &part),
            };
        }
        let one = |at: usize| {
            let [to, from] = outer.of(at / self.picks.len());
            let pick = at % self.picks.len();
            let starts = [
                to.wrapping_add(pick * bytes),
                from.wrapping_offset(self.picks[pick]),
            ];
            self.block.rows(starts, 0..elements, |row| {
                // SAFETY: the row lies in block `pick` of both operands (the caller's promise).
                unsafe { super::copy_row(&row, self.size) }
            });
        };
        if blocks * bytes < SHARED_BYTES || pool.threads() == 1 {
            return (0..blocks).for_each(one);
        }
        let parts = pool.threads().min(blocks);
        pool.run(parts, &|part| {
            (part * blocks / parts..(part + 1) * blocks / parts).for_each(&one);
        });
    }

    /// Copies the blocks `range`, of one element each.
    ///
    /// # Safety
    /// As [`Pick::run`], with elements of `T`; `outer` are the starts of the outer positions.
    unsafe fn elements<T: Copy>(&self, outer: &Addresses, range: Range<usize>) {
        let count = self.picks.len();
        let mut at = range.start;
        while at < range.end {
            let [to, from] = outer.of(at / count);
            let first = at % count;
            let last = count.min(first + range.end - at);
            for (pick, &offset) in self.picks.iter().enumerate().take(last).skip(first) {
                let x = from.wrapping_offset(offset);
                // SAFETY: the element lies in both operands (the caller's promise).
                unsafe {
                    let x = x.cast::<T>().read_unaligned();
                    to.cast::<T>().add(pick).write_unaligned(x);
                }
            }
            at += last - first;
        }
    }
}
