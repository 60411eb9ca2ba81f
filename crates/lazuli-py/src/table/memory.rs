//! Memory: counters and limits. Setters return the value before.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lazuli_core::{Array, memory};

use crate::call::{Entry, row};

/// Kept for programs that ask for what they set: nothing is wired and allocation is not throttled.
static MEMORY_LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX >> 1);
static WIRED_LIMIT: AtomicUsize = AtomicUsize::new(0);

fn bytes(limit: i64) -> pyo3::PyResult<usize> {
    usize::try_from(limit).map_err(|_| crate::argument::wrong())
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
            "Sets the bytes that a program means to stay below.",
            |limit: i64| Ok::<_, pyo3::PyErr>(MEMORY_LIMIT.swap(bytes(limit)?, Relaxed))
        ),
        row!(
            "get_memory_limit",
            "() -> int",
            "The bytes that a program means to stay below.",
            || MEMORY_LIMIT.load(Relaxed)
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
            || {
                let limit = memory::set_cache_limit(0);
                // Freeing a block now is what makes the cache shrink to its limit.
                drop(Array::scalar(0u8));
                memory::set_cache_limit(limit);
            }
        ),
        row!(
            "get_array_buffer_size",
            "(a: array) -> int",
            "Bytes of the memory that the array's elements lie in.",
            |a: Array| a.data().map(|data| data.buffer.len())
        ),
    ]
}
