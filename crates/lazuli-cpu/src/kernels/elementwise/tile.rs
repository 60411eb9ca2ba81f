//! Tiles: rows of `f32`, `bf16` and `f16` as whole vectors of `f32` in first-level cache.
//!
//! A function is compiled once per dispatch path, for `f32` without gaps. Other dtypes, strides and the
//! ends of rows go through buffers. Not chosen: a copy of every function for every float type, three
//! times the code for less than memory lets one see.

use std::mem::MaybeUninit;

use half::{bf16, f16};
use lazuli_core::Dtype;

use super::Table;
use super::loops::Row;
use crate::kernels::math::{Element, Kernel, LANES, Lanes};

/// Elements of a buffer.
const TILE: usize = 512;

/// An output and its operands as whole vectors of sixteen, 64-byte `f32` ones but for truth values.
pub struct Tile<const N: usize> {
    /// First vector of the output, then of each operand.
    pub at: [*mut u8; N],
    /// Bytes from vector to vector; none for an operand that is one number.
    pub step: [usize; N],
    /// Vectors.
    pub vectors: usize,
}

// SAFETY: a tile is addresses; who may use them when is decided where it is made and used.
unsafe impl<const N: usize> Sync for Tile<N> {}

impl<const N: usize> Tile<N> {
    /// Where vector `k` of each operand lies.
    #[inline(always)]
    pub(super) fn vector(&self, k: usize) -> [*mut u8; N] {
        std::array::from_fn(|i| self.at[i].wrapping_add(k * self.step[i]))
    }
}

#[repr(C, align(64))]
struct Buffer([MaybeUninit<f32>; TILE]);

/// Brings elements of a float type to `f32`, in vectors; lanes after the last are zero.
pub struct Load;
/// Rounds vectors of `f32` to elements of a float type, or copies truth values.
pub struct Store;

/// Elements of a float type and the vectors of `f32` that they are loaded to or stored from.
pub struct Transfer {
    dtype: Dtype,
    at: *mut u8,
    step: isize,
    count: usize,
    vectors: *mut u8,
}

// SAFETY: as for `Tile`.
unsafe impl Sync for Transfer {}

/// Up to sixteen elements from `at` on, `step` bytes apart; the other lanes are zero, or all lanes are
/// the one element that a step of zero names.
///
/// # Safety
/// `count` elements of `T`, one to sixteen, lie there.
#[inline(always)]
unsafe fn gather<T: Element, L: Lanes>(l: L, at: *const u8, step: isize, count: usize) -> L::F {
    // SAFETY: the caller's promise; loads take any alignment.
    unsafe {
        if count == LANES && step == size_of::<T>() as isize {
            return T::load(l, at.cast());
        }
        if step == 0 {
            return l.splat(at.cast::<T>().read_unaligned().to_f32());
        }
        let mut padded = [T::default(); LANES];
        for (k, lane) in padded.iter_mut().enumerate().take(count) {
            *lane = at.offset(k as isize * step).cast::<T>().read_unaligned();
        }
        T::load(l, padded.as_ptr())
    }
}

/// # Safety
/// The transfer's elements, of `T`, may be read; its vectors may be written.
#[inline(always)]
unsafe fn load<T: Element, L: Lanes>(l: L, t: &Transfer) {
    for done in (0..t.count).step_by(LANES) {
        let count = (t.count - done).min(LANES);
        // SAFETY: elements and vectors of the transfer (the caller's promise).
        unsafe {
            let x = gather::<T, L>(l, t.at.offset(done as isize * t.step), t.step, count);
            l.store(x, t.vectors.cast::<f32>().add(done));
        }
    }
}

/// # Safety
/// The transfer's vectors may be read; its elements, of `T` without gaps, may be written.
#[inline(always)]
unsafe fn store<T: Element, L: Lanes>(l: L, t: &Transfer) {
    for done in (0..t.count).step_by(LANES) {
        let count = (t.count - done).min(LANES);
        // SAFETY: elements and vectors of the transfer (the caller's promise).
        unsafe {
            let x = l.load(t.vectors.cast::<f32>().add(done));
            let to = t.at.cast::<T>().add(done);
            if count == LANES {
                T::store(l, x, to);
            } else {
                let mut padded = [T::default(); LANES];
                T::store(l, x, padded.as_mut_ptr());
                std::ptr::copy_nonoverlapping(padded.as_ptr(), to, count);
            }
        }
    }
}

impl Kernel for Load {
    type Args<'a> = Transfer;
    #[inline(always)]
    fn run<L: Lanes>(l: L, t: &Transfer, _: usize) {
        // SAFETY: whoever made the transfer gave memory for it.
        unsafe {
            match t.dtype {
                Dtype::BF16 => load::<bf16, L>(l, t),
                Dtype::F16 => load::<f16, L>(l, t),
                _ => load::<f32, L>(l, t),
            }
        }
    }
}

impl Kernel for Store {
    type Args<'a> = Transfer;
    #[inline(always)]
    fn run<L: Lanes>(l: L, t: &Transfer, _: usize) {
        // SAFETY: whoever made the transfer gave memory for it.
        unsafe {
            match t.dtype {
                Dtype::Bool => std::ptr::copy_nonoverlapping(t.vectors, t.at, t.count),
                Dtype::BF16 => store::<bf16, L>(l, t),
                Dtype::F16 => store::<f16, L>(l, t),
                _ => store::<f32, L>(l, t),
            }
        }
    }
}

/// Calls `f` with tiles that cover `row`, whose operands have `dtypes`: the three float types, and for
/// the output truth values.
///
/// # Safety
/// The row's addresses are an output of its dtype without gaps and operands of theirs; the output is
/// nobody else's, except that it may be an operand's memory element by element. `f` writes the vectors
/// of the output and reads those of the operands.
pub unsafe fn tiled<const N: usize>(
    table: &Table,
    row: &Row<N>,
    dtypes: [Dtype; N],
    f: &dyn Fn(&Tile<N>),
) {
    let mut buffers: [MaybeUninit<Buffer>; N] = [const { MaybeUninit::uninit() }; N];
    let buffers = buffers.each_mut().map(|b| b.as_mut_ptr().cast::<u8>());
    let size = dtypes[0].size();
    let operand = |i: usize, done: usize, count: usize| Transfer {
        dtype: dtypes[i],
        at: row.at[i].wrapping_offset(done as isize * row.step[i]),
        step: row.step[i],
        count,
        vectors: buffers[i],
    };
    let no_gap = |i: usize| dtypes[i] == Dtype::F32 && row.step[i] == 4;
    // Vectors of the output may be written where they belong.
    let straight = matches!(dtypes[0], Dtype::F32 | Dtype::Bool);
    let whole_row = straight && (1..N).all(|i| no_gap(i) || row.step[i] == 0);
    if row.len > 0 {
        for i in (1..N).filter(|&i| row.step[i] == 0) {
            table.load.part(&operand(i, 0, LANES), 0);
        }
    }
    let mut done = 0;
    while done < row.len {
        let left = row.len - done;
        let count = if whole_row && left >= LANES {
            left / LANES * LANES
        } else {
            left.min(TILE)
        };
        let full = count.is_multiple_of(LANES);
        let mut tile = Tile {
            at: buffers,
            step: [4 * LANES; N],
            vectors: count.div_ceil(LANES),
        };
        tile.step[0] = LANES * if dtypes[0] == Dtype::Bool { 1 } else { 4 };
        for i in 1..N {
            let transfer = operand(i, done, count);
            if row.step[i] == 0 {
                tile.step[i] = 0;
            } else if full && no_gap(i) {
                tile.at[i] = transfer.at;
            } else {
                table.load.part(&transfer, 0);
            }
        }
        let out = Transfer {
            step: size as isize,
            at: row.at[0].wrapping_add(done * size),
            ..operand(0, done, count)
        };
        if full && straight {
            tile.at[0] = out.at;
            f(&tile);
        } else {
            f(&tile);
            table.store.part(&out, 0);
        }
        done += count;
    }
}

/// Converts a row between the three float types.
///
/// # Safety
/// As [`tiled`], with one operand.
pub unsafe fn convert(table: &Table, row: &Row<2>, to: Dtype, from: Dtype) {
    let mut buffer: MaybeUninit<Buffer> = MaybeUninit::uninit();
    let buffer = buffer.as_mut_ptr().cast::<u8>();
    for done in (0..row.len).step_by(TILE) {
        let count = (row.len - done).min(TILE);
        let full = count.is_multiple_of(LANES);
        let at = row.at[1].wrapping_offset(done as isize * row.step[1]);
        let out = row.at[0].wrapping_add(done * to.size());
        // One of the two steps is enough where the vectors of `f32` are an end of the conversion.
        let loaded = !(full && from == Dtype::F32 && row.step[1] == 4);
        let stored = !(full && to == Dtype::F32 && loaded);
        let vectors = match (loaded, stored) {
            (false, _) => at,
            (true, false) => out,
            (true, true) => buffer,
        };
        let load = Transfer {
            dtype: from,
            at,
            step: row.step[1],
            count,
            vectors,
        };
        if loaded {
            table.load.part(&load, 0);
        }
        if stored {
            let store = Transfer {
                dtype: to,
                at: out,
                step: to.size() as isize,
                ..load
            };
            table.store.part(&store, 0);
        }
    }
}
