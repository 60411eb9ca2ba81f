//! Numeric tests that run over every device: each dispatch path on one and two threads, and the fake
//! device over one of them.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;
mod conv;
mod elementwise;
mod fake;
mod fused;
mod graph;
mod linear;
mod movement;
mod quantized;
mod ragged;
mod reduce;
mod transforms;
