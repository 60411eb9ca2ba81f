//! Counters of host memory and the cache of freed blocks.
//!
//! Freed blocks are kept by size class so that a step that runs again finds its buffers warm; the
//! cache is bounded and given back on request.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static ACTIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CACHED: AtomicUsize = AtomicUsize::new(0);
static CACHE_LIMIT: AtomicUsize = AtomicUsize::new(1 << 30);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// Bytes of buffers in use.
pub fn active() -> usize {
    ACTIVE.load(Relaxed)
}

/// The most bytes in use since the start or the last [`reset_peak`].
pub fn peak() -> usize {
    PEAK.load(Relaxed)
}

/// Starts [`peak`] again from what is active now.
pub fn reset_peak() {
    PEAK.store(active(), Relaxed);
}

/// Bytes of freed blocks kept for reuse.
pub fn cached() -> usize {
    CACHED.load(Relaxed)
}

/// Buffers handed out since the start; a donated buffer is not handed out again.
pub fn allocations() -> usize {
    ALLOCATIONS.load(Relaxed)
}

/// Sets how many bytes of freed blocks may be kept; returns the previous limit.
pub fn set_cache_limit(bytes: usize) -> usize {
    CACHE_LIMIT.swap(bytes, Relaxed)
}

pub(crate) fn cache_limit() -> usize {
    CACHE_LIMIT.load(Relaxed)
}

pub(crate) fn took(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    let now = ACTIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
}

pub(crate) fn gave(bytes: usize) {
    ACTIVE.fetch_sub(bytes, Relaxed);
}

pub(crate) fn cache_grew(bytes: usize) {
    CACHED.fetch_add(bytes, Relaxed);
}

pub(crate) fn cache_shrank(bytes: usize) {
    CACHED.fetch_sub(bytes, Relaxed);
}
