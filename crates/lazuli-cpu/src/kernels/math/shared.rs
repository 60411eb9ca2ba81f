//! Memory that the parts of one parallel region write to, and scratch that threads keep.

use std::cell::RefCell;
use std::marker::PhantomData;

/// A mutable slice lent to several parts, each of which writes a range of its own.
pub struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    lent: PhantomData<&'a mut [T]>,
}

// SAFETY: access goes through `slice`, whose callers promise that ranges do not overlap.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Lends `slice`.
    pub fn new(slice: &'a mut [T]) -> Shared<'a, T> {
        Shared {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            lent: PhantomData,
        }
    }

    /// Elements lent.
    #[allow(clippy::len_without_is_empty)] // Only the bound of `slice` is of interest.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The `len` elements from `start` on.
    ///
    /// # Safety
    /// No other range that is in use at the same time overlaps this one.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // That is its job; see the promise above.
    pub unsafe fn slice(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: in bounds by the assertion, not aliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}

/// One cache line, so that scratch starts where vector loads do not straddle lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; 16]);

thread_local! {
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
    static WORKSPACE: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Words of this thread's memory, contents arbitrary, start on a cache line.
///
/// The memory goes back to the thread when this is dropped, so that a steady state allocates
/// nothing. A guard and not a closure, because closures are not compiled for the instruction set of
/// the function they stand in.
pub struct Scratch {
    lines: Vec<Line>,
    words: usize,
    home: &'static std::thread::LocalKey<RefCell<Vec<Line>>>,
}

impl Scratch {
    /// For the inside of a part.
    pub fn take(words: usize) -> Scratch {
        Scratch::from_home(&SCRATCH, words)
    }

    /// For the caller of a region: the parts that it runs itself have scratch of their own.
    pub fn workspace(words: usize) -> Scratch {
        Scratch::from_home(&WORKSPACE, words)
    }

    fn from_home(
        home: &'static std::thread::LocalKey<RefCell<Vec<Line>>>,
        words: usize,
    ) -> Scratch {
        let mut lines = home.take();
        let needed = words.div_ceil(16);
        if lines.len() < needed {
            lines.resize(needed, Line([0; 16]));
        }
        Scratch { lines, words, home }
    }

    /// The words.
    pub fn words(&mut self) -> &mut [u32] {
        // SAFETY: `from_home` made the lines, which are initialised words without padding.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast::<u32>(), self.words) }
    }

    /// The words as floats.
    pub fn floats(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(self.words())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.home.set(std::mem::take(&mut self.lines));
    }
}
