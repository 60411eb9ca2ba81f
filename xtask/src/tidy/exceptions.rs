//! Where the rules hold differently, by path. An entry that nothing needs any more is an error.

/// Declarative tables, which may be longer than the hard limit.
pub(crate) const TABLES: &[&str] = &[];

/// Crates that may have `unsafe` anywhere.
pub(crate) const UNSAFE_CRATES: &[&str] = &["crates/lazuli-cpu", "crates/lazuli-py"];

/// Files that may have `unsafe` in crates that deny it elsewhere.
pub(crate) const UNSAFE_FILES: &[&str] = &[
    "crates/lazuli-core/src/host.rs",
    "crates/lazuli-core/src/trim.rs",
    "crates/lazuli-io/src/mmap.rs",
];

/// Where files over the size limit may be.
pub(crate) const LARGE: &str = "assets/";

/// Packages outside the workspace.
pub(crate) const OUTSIDE: &[&str] = &["fuzz/"];
