//! Memory that threads keep between calls, so that nothing is allocated while tokens are generated.
//!
//! A thread has one piece for each [`Use`], which only grows, until [`release`]. Not chosen: sizing
//! pieces to what a call will write, which a kernel does not know before it has looked at its rows;
//! fresh memory is the system's zero pages instead, and what is not written takes none.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;

use memmap2::MmapMut;

/// What a piece is for. A call may hold one piece of each.
#[derive(Clone, Copy)]
pub enum Use {
    /// The inside of a part of a parallel region.
    Part,
    /// The caller of a region, beside the parts that it runs itself.
    Region,
    /// Activations of a product as its kernels read them.
    Packed,
    /// Activations of a product in panels.
    Panels,
    /// Weights of a product that were decoded, and the results of a tile.
    Tile,
}

const USES: usize = Use::Tile as usize + 1;

/// Bytes by which a piece grows.
const STEP: usize = 64 << 10;

/// Bytes that start on a page and only grow.
///
/// They are mapped, not allocated: a page takes no memory before it is written, and all are the system's
/// again when the piece is dropped, on whatever thread.
#[derive(Default)]
pub struct Lines(Option<MmapMut>);

impl Lines {
    const EMPTY: Lines = Lines(None);

    /// At least `len` bytes, aligned to 64, with any contents.
    pub fn bytes(&mut self, len: usize) -> &mut [u8] {
        if self.0.as_ref().is_none_or(|block| block.len() < len) {
            // First give back what is too short, contents and all.
            self.0 = None;
            let more = len.max(1).next_multiple_of(STEP);
            self.0 = MmapMut::map_anon(more).ok();
            if let (None, Ok(layout)) = (&self.0, Layout::array::<u8>(more)) {
                handle_alloc_error(layout);
            }
        }
        &mut self.0.as_deref_mut().unwrap_or_default()[..len]
    }
}

thread_local! {
    static PIECES: [Cell<Lines>; USES] = const { [const { Cell::new(Lines::EMPTY) }; USES] };
}

/// Gives back what this thread keeps and has not lent.
pub fn release() {
    PIECES.with(|pieces| pieces.iter().for_each(|piece| drop(piece.take())));
}

/// Lends this thread's piece for `of`. A nested loan starts empty.
pub fn lend<R>(of: Use, f: impl FnOnce(&mut Lines) -> R) -> R {
    let mut lines = PIECES.with(|pieces| pieces[of as usize].take());
    let result = f(&mut lines);
    PIECES.with(|pieces| pieces[of as usize].set(lines));
    result
}

/// Words of this thread's memory, contents arbitrary, start on a cache line.
///
/// The memory goes back to the thread when this is dropped. A guard and not a closure, because closures
/// are not compiled for the instruction set of the function they stand in.
pub struct Scratch {
    lines: Lines,
    words: usize,
    of: Use,
}

impl Scratch {
    /// For the inside of a part.
    pub fn take(words: usize) -> Scratch {
        Scratch::of(Use::Part, words)
    }

    /// For the caller of a region: the parts that it runs itself have scratch of their own.
    pub fn workspace(words: usize) -> Scratch {
        Scratch::of(Use::Region, words)
    }

    fn of(of: Use, words: usize) -> Scratch {
        let lines = PIECES.with(|pieces| pieces[of as usize].take());
        Scratch { lines, words, of }
    }

    /// The words.
    pub fn words(&mut self) -> &mut [u32] {
        bytemuck::cast_slice_mut(self.lines.bytes(self.words * 4))
    }

    /// The words as floats.
    pub fn floats(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(self.lines.bytes(self.words * 4))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        PIECES.with(|pieces| pieces[self.of as usize].set(std::mem::take(&mut self.lines)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_starts_on_a_cache_line_grows_and_comes_back() {
        for len in [1, 64, 4097, 1 << 20] {
            let mut scratch = Scratch::take(len);
            assert_eq!(scratch.words().len(), len);
            assert_eq!(scratch.words().as_ptr() as usize % 64, 0);
            scratch.words()[len - 1] = 7;
            let at = scratch.words().as_ptr();
            // A nested loan is another piece, and so is one for another use.
            assert_ne!(Scratch::take(len).words().as_ptr(), at);
            assert_ne!(Scratch::workspace(len).words().as_ptr(), at);
            drop(scratch);
            let mut again = Scratch::take(len);
            assert_eq!((again.words().as_ptr(), again.words()[len - 1]), (at, 7));
            drop(again);
            release();
            assert_eq!(Scratch::take(len).words()[len - 1], 0);
        }
    }
}
