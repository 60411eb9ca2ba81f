//! Random numbers: counter-based, so that a number depends on its key and index only.

pub mod threefry;
