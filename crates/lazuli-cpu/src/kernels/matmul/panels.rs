//! Activations as panels: what a block product multiplies with many weight rows.

use std::sync::Mutex;

use super::driver::Group;
use super::scratch::Lines;
use super::table::{BLOCK, Panel};
use crate::pool::Pool;

/// The panels of all groups of a product, one after another.
pub(super) struct Panels<'a> {
    bytes: &'a [u8],
    /// The first panel of each group.
    starts: Vec<usize>,
    /// Bytes of a panel.
    size: usize,
}

impl<'a> Panels<'a> {
    /// Lays out the first rows of groups, as many as `rows` says; `row` gives row `i` of a group, of `k`
    /// elements of bf16.
    ///
    /// # Safety
    /// The path of `panel` is available, and the rows are readable.
    pub(super) unsafe fn new(
        panel: Panel,
        groups: &[Group],
        rows: impl Fn(Group) -> usize + Sync,
        row: impl Fn(Group, usize) -> *const u8 + Sync,
        k: usize,
        lines: &'a mut Lines,
        pool: Option<&Pool>,
    ) -> Panels<'a> {
        let size = BLOCK * k * 2;
        let mut count = 0;
        let starts: Vec<usize> = groups
            .iter()
            .map(|group| {
                let start = count;
                count += rows(*group).div_ceil(BLOCK);
                start
            })
            .collect();
        let bytes = &mut lines.bytes(count * size)[..count * size];
        let places: Vec<_> = bytes.chunks_exact_mut(size).map(Mutex::new).collect();
        let lay = |i: usize| {
            let g = starts.partition_point(|&start| start <= i) - 1;
            let (group, first) = (groups[g], (i - starts[g]) * BLOCK);
            let rows = first..rows(group).min(first + BLOCK);
            let mut pointers = [std::ptr::null(); BLOCK];
            for (pointer, i) in pointers.iter_mut().zip(rows.clone()) {
                *pointer = row(group, i);
            }
            // Each lock is taken once.
            if let Ok(mut place) = places[i].lock() {
                // SAFETY: the caller's contract; the place is of a whole panel.
                unsafe { panel(&pointers[..rows.len()], k, &mut place) };
            }
        };
        match pool {
            Some(pool) if count > 1 => pool.run(count, &lay),
            _ => (0..count).for_each(lay),
        }
        drop(places);
        Panels {
            bytes,
            starts,
            size,
        }
    }

    /// The panels of group `g`, each with the rows of the group that it has.
    pub(super) fn of(
        &self,
        g: usize,
        group: Group,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, &[u8])> {
        let bytes = &self.bytes[self.starts[g] * self.size..];
        let rows = (0..group.rows).step_by(BLOCK);
        rows.zip(bytes.chunks_exact(self.size))
            .map(move |(first, panel)| (first..group.rows.min(first + BLOCK), panel))
    }
}
