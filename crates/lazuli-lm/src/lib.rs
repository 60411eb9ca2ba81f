//! Lazuli: lm.

pub mod config;
