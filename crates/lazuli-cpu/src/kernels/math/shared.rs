//! Memory that the parts of one parallel region write to.

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
