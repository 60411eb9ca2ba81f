//! Traced functions as data: to be written, read, called, and drawn.
//!
//! A [`Function`] is a [`Graph`], which serialises as text, and constants, which are arrays; how both lie
//! in a file is the business of whoever writes it. What is read is checked like what a stranger says:
//! operands are counted, payloads that no rule checks are checked, and every result is inferred again and
//! held against what was written.

mod accepts;
mod dot;
mod function;
mod shapeless;

pub use dot::export_to_dot;
pub use function::{Function, Graph};

/// The version of what [`Graph`] serialises as: it changes when an operation's name, payload or meaning
/// does, and readers refuse all others.
pub const VERSION: u32 = 1;
