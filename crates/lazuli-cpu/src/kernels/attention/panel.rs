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

impl Head<'_> {
    /// Fills the key panel of the tile at position `start`. Positions from `end` on repeat the last:
    /// no row sees them.
    #[inline(always)]
    pub(super) fn keys<L: Lanes, const PAIRS: bool>(
        &self,
        l: L,
        start: usize,
        end: usize,
        panel: &mut [u32],
    ) {
        assert!(panel.len() >= self.width.next_multiple_of(32) / (1 + PAIRS as usize) * TILE);
        self.fill::<L, PAIRS, true>(l, start, end, panel);
    }

    /// Fills the value panel of the tile at position `start`, likewise.
    #[inline(always)]
    pub(super) fn values<L: Lanes, const PAIRS: bool>(
        &self,
        l: L,
        start: usize,
        end: usize,
        panel: &mut [u32],
    ) {
        assert!(panel.len() >= self.width.next_multiple_of(32) / (1 + PAIRS as usize) * TILE);
        self.fill::<L, PAIRS, false>(l, start, end, panel);
    }

    /// The tile at `start`, to be asked for before it is needed.
    pub(super) fn ahead(&self, start: usize) -> Ahead {
        let index = Ring::index(self.ring, start);
        let (base, element, width, strides) = match self.cache {
            Cache::Affine(a) => {
                let words = self.width * a.bits as usize / 32;
                (a.packed.as_ptr().cast::<u8>(), 4, words, &a.strides)
            }
            Cache::Dense { values, strides } => match values {
                Floats::F32(x) => (x.as_ptr().cast::<u8>(), 4, self.width, strides),
                Floats::Bf16(x) => (x.as_ptr().cast::<u8>(), 2, self.width, strides),
                Floats::F16(x) => (x.as_ptr().cast::<u8>(), 2, self.width, strides),
            },
        };
        let lines = (width * element).div_ceil(64);
        Ahead {
            row: base.wrapping_add(strides.at(self.slot, self.head, index) * element),
            stride: strides.position * element,
            lines,
            line: 0,
            left: lines * TILE,
        }
    }

    #[inline(always)]
    fn fill<L: Lanes, const PAIRS: bool, const KEYS: bool>(
        &self,
        l: L,
        start: usize,
        end: usize,
        panel: &mut [u32],
    ) {
        let mut index = [0; TILE];
        for (j, index) in index.iter_mut().enumerate() {
            *index = Ring::index(self.ring, (start + j).min(end - 1));
        }
        let width = self.width;
        match self.cache {
            Cache::Affine(affine) => {
                let (mut row, mut group_row) = ([0; TILE], [0; TILE]);
                for j in 0..TILE {
                    row[j] = affine.strides.at(self.slot, self.head, index[j]);
                    group_row[j] = affine.group_strides.at(self.slot, self.head, index[j]);
                }
                match (affine.scales, affine.biases) {
                    (Floats::Bf16(scales), Floats::Bf16(biases)) if PAIRS && affine.bits == 4 => {
                        let source = Nibbles {
                            packed: affine.packed,
                            scales,
                            biases,
                            group_shift: affine.group.trailing_zeros(),
                            row,
                            group_row,
                        };
                        fill::<L, PAIRS, KEYS, _>(l, &source, width, panel);
                    }
                    _ => {
                        let source = Packed {
                            affine,
                            codes: self.codes,
                            row,
                            group_row,
                        };
                        fill::<L, PAIRS, KEYS, _>(l, &source, width, panel);
                    }
                }
            }
            Cache::Dense { values, strides } => {
                let mut row = [0; TILE];
                for j in 0..TILE {
                    row[j] = strides.at(self.slot, self.head, index[j]);
                }
                match *values {
                    Floats::Bf16(values) => {
                        let source = Dense { values, row, width };
                        fill::<L, PAIRS, KEYS, _>(l, &source, width, panel);
                    }
                    Floats::F32(values) if !PAIRS => {
                        let source = Dense { values, row, width };
                        fill::<L, false, KEYS, _>(l, &source, width, panel);
                    }
                    Floats::F16(values) if !PAIRS => {
                        let source = Dense { values, row, width };
                        fill::<L, false, KEYS, _>(l, &source, width, panel);
                    }
                    _ => unreachable!("pairs are made of bf16 or packed rows only"),
                }
            }
        }
    }
}

/// Cache lines to ask for while a tile is computed, a few at a time: in bursts they would wait for
/// each other. The addresses are hints and need not be valid.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    row: *const u8,
    stride: usize,
    lines: usize,
    line: usize,
    left: usize,
}

impl Ahead {
    /// How many lines are asked for at each of `times` times.
    pub(super) fn share(&self, times: usize) -> usize {
        self.left.div_ceil(times.max(1))
    }

    /// Asks for `lines` lines.
    #[inline(always)]
    pub(super) fn touch<L: Lanes>(&mut self, l: L, lines: usize) {
        if self.left == 0 {
            return;
        }
        for _ in 0..lines.min(self.left) {
            l.prefetch(self.row.wrapping_add(64 * self.line));
            self.left -= 1;
            self.line += 1;
            if self.line == self.lines {
                self.line = 0;
                self.row = self.row.wrapping_add(self.stride);
            }
        }
    }
}

/// Rows of a tile by their number in it.
///
/// # Safety
/// Callers of the methods keep `j` below [`TILE`], and `at` a multiple of 32 with `at + 32 <= width`,
/// or `at < width` if `TAIL`.
trait Source {
    /// 32 elements from `at` on, in neighbouring pairs; zero beyond the end.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn pairs<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> L::I;
    /// 32 elements from `at` on, as two vectors; zero beyond the end.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn floats<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> [L::F; 2];
}

struct Dense<'a, T> {
    values: &'a [T],
    row: [usize; TILE],
    width: usize,
}

impl<T: Element> Source for Dense<'_, T> {
    #[inline(always)]
    unsafe fn pairs<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> L::I {
        debug_assert_eq!(size_of::<T>(), size_of::<bf16>());
        // SAFETY: `Cache::check` saw that rows lie within `values`; only `bf16` rows are asked for
        // pairs (`Head::fill`), so `T` is `bf16`.
        unsafe {
            let from = self.values.as_ptr().add(self.row[j]).cast::<bf16>();
            if TAIL {
                bf16_pairs(l, std::slice::from_raw_parts(from, self.width), at)
            } else {
                l.iload(from.add(at).cast())
            }
        }
    }
    #[inline(always)]
    unsafe fn floats<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> [L::F; 2] {
        if TAIL {
            let row = &self.values[self.row[j]..][..self.width];
            [T::read(l, row, at), T::read(l, row, at + LANES)]
        } else {
            // SAFETY: `Cache::check` saw that rows lie within `values`.
            unsafe {
                let from = self.values.as_ptr().add(self.row[j] + at);
                [T::load(l, from), T::load(l, from.add(LANES))]
            }
        }
    }
}

/// Codes of any width.
struct Packed<'a> {
    affine: &'a Affine<'a>,
    codes: &'a [Codes; 2],
    row: [usize; TILE],
    group_row: [usize; TILE],
}

impl Source for Packed<'_> {
    #[inline(always)]
    unsafe fn pairs<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> L::I {
        let [even, odd] = self
            .affine
            .block(l, self.codes, self.row[j], self.group_row[j], at);
        l.pack_bf16(even, odd)
    }
    #[inline(always)]
    unsafe fn floats<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> [L::F; 2] {
        self.affine
            .block(l, self.codes, self.row[j], self.group_row[j], at)
    }
}

/// Codes of four bits with `bf16` scales, as pairs: one lookup for each pair.
struct Nibbles<'a> {
    packed: &'a [u32],
    scales: &'a [bf16],
    biases: &'a [bf16],
    /// Groups are `1 << group_shift` elements.
    group_shift: u32,
    row: [usize; TILE],
    group_row: [usize; TILE],
}

impl Source for Nibbles<'_> {
    #[inline(always)]
    unsafe fn pairs<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> L::I {
        // SAFETY: `Cache::check` saw that rows and their groups lie within the slices; 32 codes are
        // 16 bytes.
        unsafe {
            let group = self.group_row[j] + (at >> self.group_shift);
            let scale = self.scales.get_unchecked(group).to_bits();
            let bias = self.biases.get_unchecked(group).to_bits();
            let table = l.nibbles(
                f32::from_bits(u32::from(scale) << 16),
                f32::from_bits(u32::from(bias) << 16),
            );
            l.lookup_nibbles(table, self.packed.as_ptr().add(self.row[j] + at / 8))
        }
    }
    #[inline(always)]
    unsafe fn floats<L: Lanes, const TAIL: bool>(&self, l: L, j: usize, at: usize) -> [L::F; 2] {
        // SAFETY: the caller's promise.
        let pairs = unsafe { self.pairs::<L, TAIL>(l, j, at) };
        [l.low_bf16(pairs), l.high_bf16(pairs)]
    }
}

#[inline(always)]
fn fill<L: Lanes, const PAIRS: bool, const KEYS: bool, S: Source>(
    l: L,
    source: &S,
    width: usize,
    panel: &mut [u32],
) {
    let dims = width.next_multiple_of(32);
    let to = panel.as_mut_ptr();
    // SAFETY: blocks are whole up to the last multiple of 32, and the panel holds all of them
    // (asserted by the callers in `Head`).
    unsafe {
        let mut at = 0;
        while at + 32 <= width {
            if KEYS {
                key_block::<L, PAIRS, false, S>(l, source, at, to);
            } else {
                value_block::<L, PAIRS, false, S>(l, source, at, dims, to);
            }
            at += 32;
        }
        if at < width {
            if KEYS {
                key_block::<L, PAIRS, true, S>(l, source, at, to);
            } else {
                value_block::<L, PAIRS, true, S>(l, source, at, dims, to);
            }
        }
    }
}

/// The steps of 32 dims: `[step][32 keys]`.
///
/// # Safety
/// As [`Source`] for `at`; `to` is a key panel of at least `at + 32` dims.
#[inline(always)]
unsafe fn key_block<L: Lanes, const PAIRS: bool, const TAIL: bool, S: Source>(
    l: L,
    source: &S,
    at: usize,
    to: *mut u32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for half in 0..TILE / LANES {
            let to = to.add(half * LANES);
            if PAIRS {
                let mut rows = [l.isplat(0); LANES];
                for (lane, row) in rows.iter_mut().enumerate() {
                    *row = source.pairs::<L, TAIL>(l, half * LANES + lane, at);
                }
                put(l, &mut rows, to.add(at / 2 * TILE));
            } else {
                let mut first = [l.isplat(0); LANES];
                let mut second = [l.isplat(0); LANES];
                for lane in 0..LANES {
                    let [a, b] = source.floats::<L, TAIL>(l, half * LANES + lane, at);
                    first[lane] = l.bits(a);
                    second[lane] = l.bits(b);
                }
                put(l, &mut first, to.add(at * TILE));
                put(l, &mut second, to.add((at + LANES) * TILE));
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

/// 32 dims of all keys: `[key or pair][dims]`.
///
/// # Safety
/// As [`Source`] for `at`; `to` is a value panel of `dims >= at + 32`.
#[inline(always)]
unsafe fn value_block<L: Lanes, const PAIRS: bool, const TAIL: bool, S: Source>(
    l: L,
    source: &S,
    at: usize,
    dims: usize,
    to: *mut u32,
) {
    for j in 0..if PAIRS { TILE / 2 } else { TILE } {
        // SAFETY: the caller's promise.
        unsafe {
            let [first, second] = if PAIRS {
                let a = source.pairs::<L, TAIL>(l, j, at);
                let b = source.pairs::<L, TAIL>(l, j + TILE / 2, at);
                interleave(l, a, b)
            } else {
                let [a, b] = source.floats::<L, TAIL>(l, j, at);
                [l.bits(a), l.bits(b)]
            };
            l.istore(first, to.add(j * dims + at));
            l.istore(second, to.add(j * dims + at + LANES));
        }
    }
}

/// Pairs of neighbours in `a` and in `b` to pairs of `a` and `b`: evens, then odds.
#[inline(always)]
fn interleave<L: Lanes>(l: L, a: L::I, b: L::I) -> [L::I; 2] {
    [
        l.or(l.and(a, l.isplat(0xffff)), l.shl::<16>(b)),
        l.or(l.shr::<16>(a), l.and(b, l.isplat(0xffff_0000))),
    ]
}
