//! Counters and limits of host memory, and of the cache of freed blocks.
//!
//! Freed blocks are kept by size class so that a step that runs again finds its buffers warm; the
//! cache is bounded and given back on request. A limit of memory is a promise: what would pass it is
//! refused, after the cache has been given back, and never merely slowed down. Memory that belongs to
//! others, such as mapped files, is not counted.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::error::{Error, Result};

static ACTIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CACHED: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
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

/// The most bytes that buffers and the cache may have together; `usize::MAX` unless it was set.
pub fn limit() -> usize {
    LIMIT.load(Relaxed)
}

/// Sets how many bytes buffers may have; returns the previous limit. Buffers that are in use stay; what
/// would pass the limit from now on is refused with [`Error::Memory`].
pub fn set_memory_limit(bytes: usize) -> usize {
    let before = LIMIT.swap(bytes, Relaxed);
    if active().saturating_add(cached()) > bytes {
        clear_cache();
    }
    before
}

/// Sets how many bytes of freed blocks may be kept; returns the previous limit. When more are kept than
/// that, all are given back.
pub fn set_cache_limit(bytes: usize) -> usize {
    let before = CACHE_LIMIT.swap(bytes, Relaxed);
    if cached() > bytes {
        clear_cache();
    }
    before
}

/// Gives the cached blocks back to the system.
pub fn clear_cache() {
    crate::host::clear_cache();
}

/// Gives back to the system what this process does not need to have in memory at the moment: the cached
/// blocks, what backends keep for later calls, free memory of the C library's allocator, and the pages of
/// the program and its libraries that are as they are in their files.
///
/// For a program that is about to do one thing for long, such as to answer after it has loaded a model and
/// read a prompt. What is needed again comes back by itself, pages of files from the system's cache: some
/// 500 of 64 KiB for a program of 30 MB, a millisecond in all. Where the system is not Linux with the GNU
/// C library, only the first two are given back.
pub fn trim() {
    crate::device::trim();
    crate::host::trim();
}

pub(crate) fn cache_limit() -> usize {
    CACHE_LIMIT.load(Relaxed)
}

/// Counts a buffer of `bytes` in, if the limit has room for it; the cache gives way.
pub(crate) fn take(bytes: usize) -> Result<()> {
    let limit = limit();
    if limit != usize::MAX && active().saturating_add(cached()).saturating_add(bytes) > limit {
        clear_cache();
    }
    let within = |now: usize| now.checked_add(bytes).filter(|&after| after <= limit);
    match ACTIVE.fetch_update(Relaxed, Relaxed, within) {
        Ok(before) => {
            ALLOCATIONS.fetch_add(1, Relaxed);
            PEAK.fetch_max(before + bytes, Relaxed);
            Ok(())
        }
        Err(in_use) => Err(Error::memory(
            "allocate",
            format!("{bytes} bytes asked for, {in_use} in use, the limit is {limit}"),
        )),
    }
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
