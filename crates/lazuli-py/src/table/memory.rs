//! Memory: counters and limits. Setters return the value before.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lazuli_core::{Array, memory};

use crate::call::{Entry, row};

/// Kept for programs that ask for what they set: nothing is wired.
static WIRED_LIMIT: AtomicUsize = AtomicUsize::new(0);

fn bytes(limit: i64) -> pyo3::PyResult<usize> {
    usize::try_from(limit).map_err(|_| crate::argument::wrong())
}

/// No limit, as large as a limit can be said.
const UNLIMITED: usize = i64::MAX as usize;

fn set_memory_limit(limit: i64) -> pyo3::PyResult<usize> {
    let limit = match bytes(limit)? {
        UNLIMITED => usize::MAX,
        limit => limit,
    };
    Ok(memory::set_memory_limit(limit).min(UNLIMITED))
}

/// The rows, which `metal` has as well under the same names.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "get_active_memory",
            "() -> int",
            "Bytes of arrays in use.",
            memory::active
        ),
        row!(
            "get_peak_memory",
            "() -> int",
            "The most bytes in use since the start or the last reset.",
            memory::peak
        ),
        row!(
            "reset_peak_memory",
            "() -> None",
            "Starts the peak again.",
            memory::reset_peak
        ),
        row!(
            "get_cache_memory",
            "() -> int",
            "Bytes kept for reuse.",
            memory::cached
        ),
        row!(
            "set_memory_limit",
            "(limit: int) -> int",
            "Sets how many bytes arrays and the cache may have; what would pass it is a MemoryError.",
            set_memory_limit
        ),
        row!(
            "get_memory_limit",
            "() -> int",
            "How many bytes arrays and the cache may have.",
            || memory::limit().min(UNLIMITED)
        ),
        row!(
            "set_cache_limit",
            "(limit: int) -> int",
            "Sets how many bytes may be kept for reuse.",
            |limit: i64| Ok::<_, pyo3::PyErr>(memory::set_cache_limit(bytes(limit)?))
        ),
        row!(
            "set_wired_limit",
            "(limit: int) -> int",
            "Sets the bytes that may be wired, which matters on Apple's GPUs alone.",
            |limit: i64| Ok::<_, pyo3::PyErr>(WIRED_LIMIT.swap(bytes(limit)?, Relaxed))
        ),
        row!(
            "clear_cache",
            "() -> None",
            "Gives back the bytes kept for reuse.",
            memory::clear_cache
        ),
        row!(
            "get_array_buffer_size",
            "(a: array) -> int",
            "Bytes of the memory that the array's elements lie in.",
            |a: Array| a.data().map(|data| data.buffer.len())
        ),
    ]
}
