//! Numeric tests that run over every device: each dispatch path on one and two threads, and the fake
//! device over one of them.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod accuracy;
mod arithmetic;
mod axes;
mod common;
mod compiled;
mod conv;
mod elementwise;
mod fake;
mod fast;
mod fft;
mod fixture;
mod forms;
mod functions;
mod fused;
mod golden;
mod graph;
mod index;
mod linalg;
mod linear;
mod movement;
mod print;
mod quantized;
mod ragged;
mod random;
mod reduce;
mod scan;
mod shaping;
mod sort;
mod state;
mod statistics;
mod streams;
mod stress;
mod transforms;
mod truth;
