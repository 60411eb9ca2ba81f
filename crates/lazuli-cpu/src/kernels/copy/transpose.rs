//! Copies that exchange two axes, a tile at a time: each cache line of the operand is read once.

use crate::Pool;
use crate::kernels::elementwise::{Loops, SHARED_BYTES};

/// Elements of a tile along the axis that neighbours in the output.
const TILE: usize = 16;

/// A copy whose operand neighbours along `down` and whose output along `across`.
pub(super) struct Transpose {
    /// The other axes.
    rest: Loops<2>,
    down: usize,
    across: usize,
    /// Bytes between rows of the output.
    to_step: isize,
    /// Bytes between rows of the operand.
    from_step: isize,
    size: usize,
}

struct Starts([*mut u8; 2]);

// SAFETY: addresses; each part of the region writes rows of its own.
unsafe impl Sync for Starts {}

impl Starts {
    fn get(&self) -> [*mut u8; 2] {
        self.0
    }
}

impl Transpose {
    /// The transpose that `loops` are, if they are one that tiles pay for.
    pub(super) fn of(loops: &Loops<2>, size: usize) -> Option<Transpose> {
        let (dims, steps) = (loops.dims(), loops.steps());
        let inner = dims.len() - 1;
        let bytes = size as isize;
        if steps[inner][0] != bytes || steps[inner][1] == bytes || dims[inner] < TILE {
            return None;
        }
        let down = (0..inner).find(|&axis| steps[axis][1] == bytes && dims[axis] > 1)?;
        let others: Vec<usize> = (0..inner).filter(|&axis| axis != down).collect();
        let shape: Vec<usize> = others.iter().map(|&axis| dims[axis]).collect();
        Some(Transpose {
            rest: Loops::new(&shape, |axis| steps[others[axis]]),
            down: dims[down],
            across: dims[inner],
            to_step: steps[down][0],
            from_step: steps[inner][1],
            size,
        })
    }

    /// Copies, with the threads of `pool` if there is much.
    ///
    /// # Safety
    /// As [`super::copy`] with the loops that `self` was made of.
    pub(super) unsafe fn run(&self, pool: &Pool, starts: [*mut u8; 2]) {
        // A strip is as many rows of the output as a cache line of the operand has elements.
        let strip = 64 / self.size;
        let strips = self.down.div_ceil(strip);
        let units = self.rest.elements() * strips;
        let starts = Starts(starts);
        let one = |unit: usize| {
            let (rest, first) = (unit / strips, unit % strips * strip);
            self.rest.rows(starts.get(), rest..rest + 1, |row| {
                let to = row.at[0].wrapping_offset(first as isize * self.to_step);
                let from = row.at[1].wrapping_add(first * self.size);
                let rows = strip.min(self.down - first);
                // SAFETY: the strip lies within both operands (the caller's promise).
                unsafe {
                    match self.size {
                        1 => self.strip::<u8, 64>(to, from, rows),
                        2 => self.strip::<u16, 32>(to, from, rows),
                        4 => self.strip::<u32, 16>(to, from, rows),
                        _ => self.strip::<u64, 8>(to, from, rows),
                    }
                }
            });
        };
        if units * strip * self.across * self.size < SHARED_BYTES || pool.threads() == 1 {
            return (0..units).for_each(one);
        }
        let parts = pool.threads();
        pool.run(parts, &|part| {
            (part * units / parts..(part + 1) * units / parts).for_each(one);
        });
    }

    /// Copies up to `STRIP` rows of the output.
    ///
    /// # Safety
    /// The rows lie within both operands, from `to` and `from` on.
    #[allow(clippy::needless_range_loop)] // A row of the tile's transpose.
    unsafe fn strip<T: Copy + Default, const STRIP: usize>(
        &self,
        to: *mut u8,
        from: *const u8,
        rows: usize,
    ) {
        let mut tile = [[T::default(); STRIP]; TILE];
        for first in (0..self.across).step_by(TILE) {
            let count = TILE.min(self.across - first);
            for (column, tile) in tile.iter_mut().enumerate().take(count) {
                let at = from.wrapping_offset((first + column) as isize * self.from_step);
                // SAFETY: `rows` neighbours of the operand (the caller's promise).
                unsafe {
                    if rows == STRIP {
                        *tile = at.cast::<[T; STRIP]>().read_unaligned();
                    } else {
                        let to = tile.as_mut_ptr().cast::<u8>();
                        std::ptr::copy_nonoverlapping(at, to, rows * size_of::<T>());
                    }
                }
            }
            for row in 0..rows {
                let at = to
                    .wrapping_offset(row as isize * self.to_step)
                    .wrapping_add(first * size_of::<T>());
                let line: [T; TILE] = std::array::from_fn(|column| tile[column][row]);
                // SAFETY: `count` neighbours of the output (the caller's promise).
                unsafe {
                    if count == TILE {
                        at.cast::<[T; TILE]>().write_unaligned(line);
                    } else {
                        let from = line.as_ptr().cast::<u8>();
                        std::ptr::copy_nonoverlapping(from, at, count * size_of::<T>());
                    }
                }
            }
        }
    }
}
