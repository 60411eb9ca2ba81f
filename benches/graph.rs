//! What an operation costs besides its kernel: chains of additions of one element, on one thread.
//!
//! A run builds the chain, evaluates it once and drops it; nothing is left to the next run but the
//! caches that a program would have warm, too. A million links do not fit a cache: that chain is
//! bound by memory.
//!
//!     taskset -c 0 cargo bench -p lazuli-benches --bench graph -- --verbose
//!
//! `--verbose` prints medians; divide by the number in the name.
#![allow(clippy::unwrap_used)] // A benchmark that fails has nothing to report.

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use lazuli_core::{Array, with_device};
use lazuli_cpu::{Isa, Options, register};

fn chain(one: &Array, links: u64) -> Array {
    let mut x = Array::scalar(0.0f32);
    for _ in 0..links {
        x = x.add(one).unwrap();
    }
    x.eval().unwrap();
    x
}

fn chains(criterion: &mut Criterion) {
    let isa = Isa::best();
    let device = register(Options { isa, threads: 1 }).unwrap();
    let mut group = criterion.benchmark_group("chain");
    with_device(device, || {
        let one = Array::scalar(1.0f32);
        for links in [1, 1_000, 1_000_000] {
            group.throughput(Throughput::Elements(links));
            if links > 1_000 {
                group.sampling_mode(SamplingMode::Flat).sample_size(10);
            }
            group.bench_with_input(BenchmarkId::from_parameter(links), &links, |b, &links| {
                b.iter(|| drop(chain(&one, links)));
            });
        }
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    chains(&mut criterion);
    criterion.final_summary();
}
