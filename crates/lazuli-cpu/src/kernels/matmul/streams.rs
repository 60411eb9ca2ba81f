//! Affine rows as the memory streams that the x86 paths read: codes, scales and biases, and what is
//! fetched ahead of them.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::Affine;

/// Bytes of codes between what is used and what is fetched.
const AHEAD: usize = 2048;

/// Asks for the cache line at `p`, which need not be valid.
#[inline(always)]
fn prefetch(p: *const u8) {
    // SAFETY: a hint, which never faults; every x86-64 has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) };
}

/// Where the codes, scales and biases of some rows start.
pub(super) struct AffineRows<const R: usize> {
    pub(super) codes: [*const u8; R],
    pub(super) scales: [*const u8; R],
    pub(super) biases: [*const u8; R],
    /// Groups of a row.
    pub(super) groups: usize,
}

impl<const R: usize> AffineRows<R> {
    /// The driver asks for each row after the one before, so what comes next in memory is needed
    /// next: scales of rows to come are fetched here, codes by [`Self::prefetch`].
    #[inline(always)]
    pub(super) fn new(affine: &Affine<'_>, k: usize, rows: [usize; R]) -> AffineRows<R> {
        let groups = affine.row_groups(k);
        let (code_bytes, scale_bytes) = (affine.row_bytes(k), groups * affine.scale_dtype.size());
        let at = AffineRows {
            codes: rows.map(|row| affine.packed[row * code_bytes..].as_ptr()),
            scales: rows.map(|row| affine.scales[row * scale_bytes..].as_ptr()),
            biases: rows.map(|row| affine.biases[row * scale_bytes..].as_ptr()),
            groups,
        };
        let ahead = AHEAD.div_ceil(code_bytes) * scale_bytes;
        for (scales, biases) in at.scales.iter().zip(at.biases) {
            for offset in (0..scale_bytes).step_by(64) {
                prefetch(scales.wrapping_add(ahead + offset));
                prefetch(biases.wrapping_add(ahead + offset));
            }
        }
        at
    }

    /// Asks for what lies ahead of the codes `offset..offset + len` of each row.
    #[inline(always)]
    pub(super) fn prefetch(&self, offset: usize, len: usize) {
        for line in (0..len).step_by(64) {
            for codes in self.codes {
                prefetch(codes.wrapping_add(AHEAD + offset + line));
            }
        }
    }
}
