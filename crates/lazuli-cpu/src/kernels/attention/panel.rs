//! A tile of a cache as panels in scratch: keys along lanes, values by key.
//!
//! Key panel: `[step][32 keys]`, a step being one element (`f32`) or a pair of neighbours (`bf16`).
//! Value panel: `[32 keys][dim]` in `f32`, or `[16 pairs][dim]` where a pair is keys `j` and `j + 16`,
//! with the dims of each 32 in the order evens, odds: both are cheap to make and undone once per row.

use super::TILE;
use super::cache::{Affine, Cache, Codes, Ring, bf16_pairs};
use crate::kernels::floats::Floats;
use crate::kernels::math::{Element, LANES, Lanes};
use half::bf16;

/// One head of one slot of a cache.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) cache: &'a Cache<'a>,
    pub(super) codes: &'a [Codes; 2],
    pub(super) slot: usize,
    pub(super) head: usize,
    pub(super) width: usize,
    pub(super) ring: Option<Ring>,
}

/// Rows of a tile: index in the cache of each of `present` positions.
struct Rows {
    index: [usize; TILE],
    present: usize,
}

impl Head<'_> {
    fn rows(&self, start: usize, end: usize) -> Rows {
        let mut rows = Rows {
            index: [0; TILE],
            present: (end - start).min(TILE),
        };
        for (j, index) in rows.index[..rows.present].iter_mut().enumerate() {
            *index = Ring::index(self.ring, start + j);
        }
        rows
    }

    /// Fills the key panel of the tile at position `start`; positions from `end` on are zero.
    #[inline(always)]
    pub(super) fn keys<L: Lanes, const PAIRS: bool>(
        &self,
        l: L,
        start: usize,
        end: usize,
        panel: &mut [u32],
    ) {
        self.each::<L, PAIRS, _>(l, start, end, KeyPanel { panel });
    }

    /// Fills the value panel of the tile at position `start`; positions from `end` on are zero.
    #[inline(always)]
    pub(super) fn values<L: Lanes, const PAIRS: bool>(
        &self,
        l: L,
        start: usize,
        end: usize,
        panel: &mut [u32],
    ) {
        let dims = self.width.next_multiple_of(32);
        self.each::<L, PAIRS, _>(l, start, end, ValuePanel { panel, dims });
    }

    #[inline(always)]
    fn each<L: Lanes, const PAIRS: bool, P: Panel>(
        &self,
        l: L,
        start: usize,
        end: usize,
        panel: P,
    ) {
        let rows = self.rows(start, end);
        match *self.cache {
            Cache::Affine(affine) => {
                let source = Packed {
                    affine,
                    codes: self.codes,
                    row: rows
                        .index
                        .map(|i| affine.strides.at(self.slot, self.head, i)),
                    group_row: rows
                        .index
                        .map(|i| affine.group_strides.at(self.slot, self.head, i)),
                };
                panel.fill::<L, PAIRS, _>(l, &source, self.width, rows.present);
            }
            Cache::Dense { values, strides } => {
                let row = rows.index.map(|i| strides.at(self.slot, self.head, i));
                let width = self.width;
                match values {
                    Floats::Bf16(values) => {
                        let source = Dense { values, row, width };
                        panel.fill::<L, PAIRS, _>(l, &source, width, rows.present);
                    }
                    Floats::F32(values) if !PAIRS => {
                        let source = Dense { values, row, width };
                        panel.fill::<L, false, _>(l, &source, width, rows.present);
                    }
                    Floats::F16(values) if !PAIRS => {
                        let source = Dense { values, row, width };
                        panel.fill::<L, false, _>(l, &source, width, rows.present);
                    }
                    _ => unreachable!("pairs are made of bf16 or packed rows only"),
                }
            }
        }
    }
}

/// Rows of a tile by their number in it.
trait Source {
    /// 32 elements from `at` on, in neighbouring pairs.
    fn pairs<L: Lanes>(&self, l: L, j: usize, at: usize) -> L::I;
    /// 32 elements from `at` on, as two vectors.
    fn floats<L: Lanes>(&self, l: L, j: usize, at: usize) -> [L::F; 2];
}

struct Dense<'a, T> {
    values: &'a [T],
    row: [usize; TILE],
    width: usize,
}

impl<T: Element> Source for Dense<'_, T> {
    #[inline(always)]
    fn pairs<L: Lanes>(&self, l: L, j: usize, at: usize) -> L::I {
        let row = &self.values[self.row[j]..self.row[j] + self.width];
        // SAFETY: only `bf16` rows are asked for pairs (`Head::each`), so `T` is `bf16`.
        let row = unsafe { std::slice::from_raw_parts(row.as_ptr().cast::<bf16>(), row.len()) };
        debug_assert_eq!(size_of::<T>(), size_of::<bf16>());
        bf16_pairs(l, row, at)
    }
    #[inline(always)]
    fn floats<L: Lanes>(&self, l: L, j: usize, at: usize) -> [L::F; 2] {
        let row = &self.values[self.row[j]..self.row[j] + self.width];
        [T::read(l, row, at), T::read(l, row, at + LANES)]
    }
}

struct Packed<'a> {
    affine: Affine<'a>,
    codes: &'a [Codes; 2],
    row: [usize; TILE],
    group_row: [usize; TILE],
}

impl Source for Packed<'_> {
    #[inline(always)]
    fn pairs<L: Lanes>(&self, l: L, j: usize, at: usize) -> L::I {
        let [even, odd] = self.floats(l, j, at);
        l.pack_bf16(even, odd)
    }
    #[inline(always)]
    fn floats<L: Lanes>(&self, l: L, j: usize, at: usize) -> [L::F; 2] {
        self.affine
            .block(l, self.codes, self.row[j], self.group_row[j], at)
    }
}

trait Panel {
    fn fill<L: Lanes, const PAIRS: bool, S: Source>(
        self,
        l: L,
        source: &S,
        width: usize,
        present: usize,
    );
}

struct KeyPanel<'a> {
    panel: &'a mut [u32],
}

impl Panel for KeyPanel<'_> {
    #[inline(always)]
    fn fill<L: Lanes, const PAIRS: bool, S: Source>(
        self,
        l: L,
        source: &S,
        width: usize,
        present: usize,
    ) {
        let vectors = if PAIRS { 1 } else { 2 };
        assert!(self.panel.len() >= width.div_ceil(32) * vectors * LANES * TILE);
        for half in 0..TILE / LANES {
            for (block, at) in (0..width).step_by(32).enumerate() {
                let mut first = [l.isplat(0); LANES];
                let mut second = [l.isplat(0); LANES];
                for lane in 0..LANES {
                    let j = half * LANES + lane;
                    if j >= present {
                        break;
                    }
                    if PAIRS {
                        first[lane] = source.pairs(l, j, at);
                    } else {
                        let [a, b] = source.floats(l, j, at);
                        first[lane] = l.bits(a);
                        second[lane] = l.bits(b);
                    }
                }
                let step = block * vectors * LANES;
                // SAFETY: sixteen steps from `step` on, and sixteen more if there are two vectors,
                // lie within the panel, whose length was asserted.
                unsafe {
                    let to = self.panel.as_mut_ptr().add(half * LANES);
                    put(l, &mut first, to.add(step * TILE));
                    if !PAIRS {
                        put(l, &mut second, to.add((step + LANES) * TILE));
                    }
                }
            }
        }
    }
}

/// Writes sixteen steps of sixteen keys, given as rows of keys.
///
/// # Safety
/// `to` is valid for writes of a vector at each of sixteen multiples of a tile.
#[inline(always)]
unsafe fn put<L: Lanes>(l: L, rows: &mut [L::I; LANES], to: *mut u32) {
    l.transpose(rows);
    for (i, &row) in rows.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { l.istore(row, to.add(i * TILE)) };
    }
}

struct ValuePanel<'a> {
    panel: &'a mut [u32],
    dims: usize,
}

impl Panel for ValuePanel<'_> {
    #[inline(always)]
    fn fill<L: Lanes, const PAIRS: bool, S: Source>(
        self,
        l: L,
        source: &S,
        width: usize,
        present: usize,
    ) {
        let rows = if PAIRS { TILE / 2 } else { TILE };
        assert!(self.panel.len() >= rows * self.dims && self.dims >= width.next_multiple_of(32));
        for j in 0..rows {
            for at in (0..width).step_by(32) {
                let [first, second] = if PAIRS {
                    let zero = l.isplat(0);
                    let a = if j < present {
                        source.pairs(l, j, at)
                    } else {
                        zero
                    };
                    let b = if j + 16 < present {
                        source.pairs(l, j + 16, at)
                    } else {
                        zero
                    };
                    [
                        l.or(l.and(a, l.isplat(0xffff)), l.shl::<16>(b)),
                        l.or(l.shr::<16>(a), l.and(b, l.isplat(0xffff_0000))),
                    ]
                } else if j < present {
                    let [a, b] = source.floats(l, j, at);
                    [l.bits(a), l.bits(b)]
                } else {
                    [l.isplat(0); 2]
                };
                // SAFETY: `at + 32 <= dims` and `j < rows`; the length was asserted above.
                unsafe {
                    let to = self.panel.as_mut_ptr().add(j * self.dims + at);
                    l.istore(first, to);
                    l.istore(second, to.add(LANES));
                }
            }
        }
    }
}
