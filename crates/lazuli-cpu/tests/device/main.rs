//! Numeric tests that run over every device: each dispatch path on one and two threads, and the fake
//! device over one of them.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod accuracy;
mod arithmetic;
mod common;
mod compiled;
mod elementwise;
mod fake;
mod fast;
mod fixture;
mod functions;
mod fused;
mod graph;
mod index;
mod movement;
mod print;
mod ragged;
mod reduce;
mod scan;
mod shaping;
mod sort;
mod statistics;
mod stress;
mod transforms;
