//! What an operation costs besides its kernel: chains of additions of one element, built, evaluated
//! and dropped, on one thread. `cargo run --release -p lazuli-cpu --example chain_speed`.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A tool for people.

use std::time::Instant;

use lazuli_core::{Array, with_device};
use lazuli_cpu::{Isa, Options, register};

fn chain(one: &Array, links: usize) -> f64 {
    let start = Instant::now();
    let mut x = Array::scalar(0.0f32);
    for _ in 0..links {
        x = x.add(one).unwrap();
    }
    x.eval().unwrap();
    drop(x);
    start.elapsed().as_secs_f64() * 1e6
}

fn main() {
    let isa = Isa::best();
    let device = register(Options { isa, threads: 1 }).unwrap();
    with_device(device, || {
        let one = Array::scalar(1.0f32);
        for (links, runs) in [(1, 20_000), (1_000, 2_000), (1_000_000, 5)] {
            let mut each: Vec<f64> = (0..runs)
                .map(|_| chain(&one, links) / links as f64)
                .collect();
            each.sort_by(f64::total_cmp);
            println!(
                "chain of {links:>7}: {:.3} us an operation (median of {runs}; min {:.3}, max {:.3})",
                each[runs / 2],
                each[0],
                each[runs - 1]
            );
        }
    });
}
