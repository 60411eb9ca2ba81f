//! Compilation: a function traced once, then run as one plan.

pub(crate) mod trace;
