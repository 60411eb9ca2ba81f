//! Numeric tests that run over every device: each dispatch path on one and two threads, and the fake
//! device over one of them.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;
mod elementwise;
mod fake;
mod functions;
mod fused;
mod graph;
mod index;
mod movement;
mod ragged;
mod reduce;
mod scan;
mod sort;
mod statistics;
mod print;
mod reduce;
mod shaping;
mod transforms;
