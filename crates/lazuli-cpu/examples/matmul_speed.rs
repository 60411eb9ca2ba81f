//! Speed of the matmul kernels beside what the machine can do:
//! `cargo run --release -p lazuli-cpu --example matmul_speed [path]`.
//!
//! One row is measured in bytes of weights per second (weights not in any cache), beside a plain
//! read of memory; 512 rows in floating-point operations per second; a few rows as a multiple of
//! the time of one. Medians: the machine may be shared.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use half::bf16;
use lazuli_core::Dtype;
use lazuli_cpu::kernels::matmul::{Affine, Linear, Rows, Table, Weight, linear};
use lazuli_cpu::{Isa, Pool};

/// Bytes that no cache of a small machine holds.
const COLD: usize = 256 << 20;

const FEW: [usize; 5] = [2, 4, 8, 16, 64];

fn main() {
    let isa = std::env::args()
        .nth(1)
        .and_then(|name| Isa::from_name(&name));
    let isa = isa.unwrap_or_else(Isa::best);
    let table = Table::new(isa);
    let codes: Vec<u8> = (0..COLD)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    // Values near one, for dense weights, scales and biases.
    let floats: Vec<u8> = (0..COLD / 2)
        .map(|i| bf16::from_f32(1.0 + (i % 61) as f32 / 64.0))
        .flat_map(bf16::to_le_bytes)
        .collect();
    for threads in [1, 2] {
        let pool = Pool::new(threads);
        let region = median(2000, || pool.run(threads, &|_| {})) * 1e6;
        let read = COLD as f64 / median(9, || read_all(&pool, &codes)) / 1e9;
        println!("\n{isa}, {threads} threads: region {region:.1} us, memory {read:.1} GB/s");
        for x_dtype in [Dtype::BF16, Dtype::F32] {
            println!(
                "x {x_dtype}: GB/s at m = 1, 1024 x 1024, 4096 x 2048, 2048 x 6144 | GFLOP/s at m = 512, 1024 x 1024, 6144 x 1024, 3072 x 3072 | time of m = {FEW:?} over m = 1, 2048 x 2048"
            );
            for bits in [16, 4, 8, 2, 3, 5, 6] {
                let weights = Weights {
                    codes: &codes,
                    floats: &floats,
                    bits,
                };
                let time = |m, n, k, cold| {
                    let runs = if m == 1 { 101 } else { 11 };
                    weights.time(table, &pool, x_dtype, [m, n, k], cold, runs)
                };
                let one = [(1024, 1024), (4096, 2048), (2048, 6144)]
                    .map(|(n, k)| 1e-9 * weights.size(n, k) as f64 / time(1, n, k, true));
                let many = [(1024, 1024), (6144, 1024), (3072, 3072)]
                    .map(|(n, k)| 2e-9 * (512 * n * k) as f64 / time(512, n, k, false));
                let single = time(1, 2048, 2048, true);
                let few = FEW.map(|m| time(m, 2048, 2048, true) / single);
                println!("  {bits:2} bits: {one:5.1?} | {many:6.1?} | {few:4.1?}");
            }
        }
    }
}

/// Many matrices in the same memory: 16 bits are bf16, fewer are affine in groups of 64.
struct Weights<'a> {
    codes: &'a [u8],
    floats: &'a [u8],
    bits: usize,
}

impl<'a> Weights<'a> {
    fn size(&self, n: usize, k: usize) -> usize {
        let scales = if self.bits < 16 { n * k / 64 * 4 } else { 0 };
        n * k * self.bits / 8 + scales
    }

    /// The matrix number `turn`.
    fn take(&self, turn: usize, n: usize, k: usize) -> Weight<'a> {
        let (codes, groups) = (n * k * self.bits / 8, n * k / 64 * 2);
        if self.bits == 16 {
            return Weight::BF16(&self.floats[turn * codes..][..codes]);
        }
        Weight::Affine(Affine {
            packed: &self.codes[turn * codes..][..codes],
            scales: &self.floats[turn * 2 * groups..][..groups],
            biases: &self.floats[(turn * 2 + 1) * groups..][..groups],
            scale_dtype: Dtype::BF16,
            bits: self.bits as u8,
            group: 64,
        })
    }

    /// Median seconds of a product; `cold` takes another matrix each time.
    fn time(
        &self,
        table: &Table,
        pool: &Pool,
        x_dtype: Dtype,
        [m, n, k]: [usize; 3],
        cold: bool,
        runs: usize,
    ) -> f64 {
        let x = vec![0x3f; m * k * x_dtype.size()];
        let mut out = vec![0; m * n * x_dtype.size()];
        let matrices = if cold { COLD / (n * k * 2) } else { 1 };
        let mut turn = 0;
        median(runs, || {
            turn = (turn + 1) % matrices;
            let weight = self.take(turn, n, k);
            let x = Rows {
                bytes: &x,
                dtype: x_dtype,
                stride: k,
            };
            let out = &mut out;
            linear(
                table,
                pool,
                Linear {
                    x,
                    weight,
                    m,
                    n,
                    k,
                    out,
                    out_dtype: x_dtype,
                },
            );
        })
    }
}

fn median(runs: usize, mut f: impl FnMut()) -> f64 {
    f();
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[runs / 2]
}

fn read_all(pool: &Pool, bytes: &[u8]) {
    let parts: Vec<&[u8]> = bytes.chunks(bytes.len().div_ceil(pool.threads())).collect();
    pool.run(parts.len(), &|i| {
        let mut words = [0u64; 32];
        for chunk in parts[i].chunks_exact(256) {
            for (word, bytes) in words.iter_mut().zip(chunk.chunks_exact(8)) {
                *word ^= u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            }
        }
        std::hint::black_box(words);
    });
}
