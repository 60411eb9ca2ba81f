//! Attention's share of the machine: bytes of cache read per second in decode, multiply-adds in
//! prefill, and the gated delta rule per row.
//!
//! `cargo run --release -p lazuli-cpu --example attention_speed [threads]`; set `LAZULI_CPU` to force a
//! dispatch path. Floors: the read bandwidth of the machine for decode, its peak rate for prefill.
#![allow(clippy::print_stdout)] // It prints a table.

use half::bf16;
use lazuli_cpu::kernels::attention::{Affine, Attention, Cache, Call, Strides};
use lazuli_cpu::kernels::floats::{Floats, FloatsMut, Strided};
use lazuli_cpu::kernels::gated_delta::{self, GatedDelta};
use lazuli_cpu::kernels::seq::Seq;
use lazuli_cpu::{Isa, Pool};
use std::time::Instant;

const HEADS: usize = 16;
const KV_HEADS: usize = 8;
const DIM: usize = 128;
const DEPTH: usize = 8192;

fn main() {
    let forced = std::env::var("LAZULI_CPU").ok();
    let isa = forced
        .and_then(|name| Isa::from_name(&name))
        .unwrap_or(Isa::best());
    let threads = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let pool = Pool::new(threads);
    println!("{isa}, {threads} threads; median of runs (fastest)");
    attention(isa, &pool);
    delta(isa, &pool);
}

fn noise(i: usize) -> f32 {
    (i.wrapping_mul(2_654_435_761) >> 8 & 0xffff) as f32 / 32768.0 - 1.0
}

fn attention(isa: Isa, pool: &Pool) {
    let elements = KV_HEADS * DEPTH * DIM;
    // Several layers in turn, so that no cache outlives a round in the last-level cache.
    let layers = 6;
    let dense: Vec<bf16> = (0..layers * 2 * elements)
        .map(|i| bf16::from_f32(noise(i)))
        .collect();
    let packed: Vec<u32> = (0..layers * 2 * elements / 8)
        .map(|i| i as u32 * 747_796_405)
        .collect();
    let scales: Vec<bf16> = (0..layers * 2 * elements / 64)
        .map(|i| bf16::from_f32(noise(i) / 8.0))
        .collect();
    let dense_cache = |i: usize| Cache::Dense {
        values: Floats::Bf16(&dense[i * elements..][..elements]),
        strides: Strides::contiguous(KV_HEADS, DEPTH, DIM),
    };
    let packed_cache = |i: usize| {
        let scales = Floats::Bf16(&scales[i * elements / 64..][..elements / 64]);
        Cache::Affine(Affine {
            packed: &packed[i * elements / 8..][..elements / 8],
            strides: Strides::contiguous(KV_HEADS, DEPTH, DIM / 8),
            scales,
            biases: scales,
            group_strides: Strides::contiguous(KV_HEADS, DEPTH, DIM / 64),
            bits: 4,
            group: 64,
        })
    };
    let kernels = Attention::new(isa);
    let run = |q: &[bf16], out: &mut [bf16], keys: Cache<'_>, values: Cache<'_>, seqs: &[Seq]| {
        let call = Call {
            q: Floats::Bf16(q),
            keys,
            values,
            seqs,
            heads: HEADS,
            kv_heads: KV_HEADS,
            key_dim: DIM,
            value_dim: DIM,
            scale: 0.088,
            window: None,
            sink_tokens: 0,
            ring: None,
            sinks: None,
        };
        kernels.run(pool, &call, FloatsMut::Bf16(out));
    };
    let q: Vec<bf16> = (0..512 * HEADS * DIM)
        .map(|i| bf16::from_f32(noise(i)))
        .collect();
    let mut out = vec![bf16::ZERO; q.len()];
    for rows in [1, 4] {
        let seqs = [Seq {
            slot: 0,
            first: (DEPTH - rows) as u32,
            len: rows as u32,
            generated: true,
        }];
        let mut layer = 0;
        let bytes = (2 * elements * 2) as f64;
        let n = rows * HEADS * DIM;
        let seconds = median(60, || {
            layer = (layer + 1) % layers;
            run(
                &q[..n],
                &mut out[..n],
                dense_cache(2 * layer),
                dense_cache(2 * layer + 1),
                &seqs,
            );
        });
        report(
            &format!("decode, {rows} rows, bf16"),
            "GB/s",
            bytes / 1e9,
            seconds,
        );
        let bytes = bytes / 4.0 + (2 * elements / 64 * 4) as f64;
        let seconds = median(60, || {
            layer = (layer + 1) % layers;
            run(
                &q[..n],
                &mut out[..n],
                packed_cache(2 * layer),
                packed_cache(2 * layer + 1),
                &seqs,
            );
        });
        report(
            &format!("decode, {rows} rows, 4 bit"),
            "GB/s",
            bytes / 1e9,
            seconds,
        );
    }
    for first in [0, 3584] {
        let seqs = [Seq {
            slot: 0,
            first,
            len: 512,
            generated: false,
        }];
        let keys: usize = (0..512).map(|i| first as usize + i + 1).sum();
        let work = (4 * keys * HEADS * DIM) as f64 / 1e9;
        let seconds = median(10, || {
            run(&q, &mut out, dense_cache(0), dense_cache(1), &seqs)
        });
        report(
            &format!("prefill of 512 at {first}, bf16"),
            "GFLOP/s",
            work,
            seconds,
        );
        let seconds = median(10, || {
            run(&q, &mut out, packed_cache(0), packed_cache(1), &seqs)
        });
        report(
            &format!("prefill of 512 at {first}, 4 bit"),
            "GFLOP/s",
            work,
            seconds,
        );
    }
}

fn delta(isa: Isa, pool: &Pool) {
    let (key_heads, value_heads, dim, rows) = (16, 32, 128, 512);
    let width = 2 * key_heads * dim + value_heads * dim;
    let mixed: Vec<bf16> = (0..rows * width)
        .map(|i| bf16::from_f32(noise(i)))
        .collect();
    let mut state = vec![0.0; value_heads * dim * dim];
    let mut out = vec![bf16::ZERO; rows * value_heads * dim];
    let kernel = GatedDelta::new(isa);
    let zeros = vec![0.0; value_heads];
    for (name, generated, len) in [("step", true, 1), ("block", false, rows)] {
        let seqs = [Seq {
            slot: 0,
            first: 64,
            len: len as u32,
            generated,
        }];
        let strided = |at: usize| Strided {
            elements: &mixed[at..],
            stride: width,
        };
        let call = gated_delta::Call {
            q: strided(0),
            k: strided(key_heads * dim),
            v: strided(2 * key_heads * dim),
            a: Strided::contiguous(&mixed, value_heads),
            b: Strided::contiguous(&mixed, value_heads),
            a_log: &zeros,
            dt_bias: &zeros,
            seqs: &seqs,
            key_heads,
            value_heads,
            key_dim: dim,
            value_dim: dim,
        };
        let seconds = median(10, || {
            kernel.run(pool, &call, &mut state, &mut out[..len * value_heads * dim])
        });
        report(
            &format!("gated delta, 32 heads of 128, {name}"),
            "rows/ms",
            len as f64 / 1e3,
            seconds,
        );
    }
}

/// Seconds of a run: the median and the least.
fn median(runs: usize, mut f: impl FnMut()) -> (f64, f64) {
    f();
    let mut seconds: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    (seconds[runs / 2], seconds[0])
}

fn report(what: &str, unit: &str, amount: f64, seconds: (f64, f64)) {
    println!(
        "{what:40} {:8.1} ({:.1}) {unit}, {:.3} ms",
        amount / seconds.0,
        amount / seconds.1,
        seconds.0 * 1e3
    );
}
