//! `metal` and `cuda`: not available, and what programs call without asking.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::call::{Entry, row};

/// The rows of `metal`: the memory functions under their former names too.
pub(super) fn metal() -> Vec<Entry> {
    let mut rows = crate::table::memory::functions();
    rows.retain(|row| !["get_memory_limit", "get_array_buffer_size"].contains(&row.function.name));
    rows.extend([
        row!(
            "is_available",
            "() -> bool",
            "Whether Metal is used: it is not.",
            || false
        ),
        row!(
            "start_capture",
            "(path: str) -> None",
            "Starts to record the work of the GPU: there is none.",
            |_path: String| ()
        ),
        row!("stop_capture", "() -> None", "Stops recording.", || ()),
        row!(
            "device_info",
            "() -> dict[str, str | int]",
            "What the GPU says of itself: nothing.",
            || { Python::attach(|py| Ok::<_, PyErr>(PyDict::new(py).into_any().unbind())) }
        ),
    ]);
    rows
}

/// The rows of `cuda`.
pub(super) fn cuda() -> Vec<Entry> {
    vec![row!(
        "is_available",
        "() -> bool",
        "Whether CUDA is used: it is not.",
        || false
    )]
}
