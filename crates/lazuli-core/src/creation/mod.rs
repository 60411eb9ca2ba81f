//! Arrays made of nothing: constants, ranges, triangles, windows. Composed from `arange`, comparisons
//! and broadcasts, so that nothing is uploaded and any device can make them.

mod constants;
mod ranges;
mod triangles;
mod windows;

pub use ranges::Indexing;
