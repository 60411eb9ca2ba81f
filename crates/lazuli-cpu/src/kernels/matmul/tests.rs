//! Products against an f64 oracle, and against themselves: other rows, threads and neighbours must
//! not change a bit.

mod gather;
mod independence;
mod oracle;

use lazuli_core::dtype::Dtype;

use super::*;
use crate::isa::Isa;
use crate::kernels::quant::blocks::{Blocks, quantize_blocks};
use crate::kernels::quant::{Element, Quantized, ScaleKind, quantize};

/// A table and the role of the rows that it gets.
#[derive(Clone, Copy)]
struct Path {
    table: &'static Table,
    role: Role,
}

impl std::ops::Deref for Path {
    type Target = Table;

    fn deref(&self) -> &Table {
        self.table
    }
}

impl Path {
    /// For rows of prompts.
    fn prompt(isa: Isa) -> Path {
        Path {
            table: Table::new(isa),
            role: Role::Prompt,
        }
    }

    /// For rows of generated tokens.
    fn generated(isa: Isa) -> Path {
        Path {
            role: Role::Generated,
            ..Path::prompt(isa)
        }
    }
}

/// All paths of this machine; both roles where they differ.
fn tables() -> impl Iterator<Item = Path> {
    let isas = Isa::ALL.into_iter().filter(|isa| isa.available());
    isas.flat_map(|isa| {
        // AMX has the kernels of AVX-512 for generated rows.
        let generated = (isa == Isa::Avx512).then(|| Path::generated(isa));
        std::iter::once(Path::prompt(isa)).chain(generated)
    })
}

/// A small generator (xorshift), so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    /// Uniform in -1..1.
    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }
}

/// `values` as bytes of `dtype`, at an odd address.
fn bytes_of(dtype: Dtype, values: &[f32]) -> Unaligned {
    let mut bytes = vec![0; values.len() * dtype.size() + 1];
    floats::write(dtype, values, &mut bytes[1..]);
    Unaligned(bytes)
}

/// Bytes that start one after an allocation does.
struct Unaligned(Vec<u8>);

impl std::ops::Deref for Unaligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[1..]
    }
}

fn floats_of(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    let mut values = vec![0.0; bytes.len() / dtype.size()];
    floats::read(dtype, bytes, &mut values);
    values
}

/// A kind of weight, by its parameters.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Dense(Dtype),
    Affine {
        bits: usize,
        group: usize,
        scales: Dtype,
    },
    Block(Element, ScaleKind),
}

/// The formats of floats that share a scale.
const BLOCKS: [Kind; 3] = [
    Kind::Block(Element::E2m1, ScaleKind::E8m0),
    Kind::Block(Element::E4m3, ScaleKind::E8m0),
    Kind::Block(Element::E2m1, ScaleKind::E4m3),
];

const FLOATS: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

fn kinds() -> Vec<Kind> {
    let mut kinds = FLOATS.map(Kind::Dense).to_vec();
    kinds.extend(BLOCKS);
    for bits in crate::kernels::quant::BITS {
        for group in crate::kernels::quant::GROUPS {
            kinds.extend(FLOATS.map(|scales| Kind::Affine {
                bits,
                group,
                scales,
            }));
        }
    }
    kinds
}

/// Owned weights.
struct Weights {
    kind: Kind,
    codes: Unaligned,
    scales: Unaligned,
    biases: Unaligned,
}

impl Weights {
    fn random(random: &mut Random, kind: Kind, rows: usize, k: usize) -> Weights {
        let values = random.floats(rows * k);
        let empty = || Unaligned(vec![0]);
        match kind {
            Kind::Dense(dtype) => Weights {
                kind,
                codes: bytes_of(dtype, &values),
                scales: empty(),
                biases: empty(),
            },
            Kind::Affine {
                bits,
                group,
                scales: dtype,
            } => {
                let groups = rows * k / group * dtype.size();
                let mut codes = Unaligned(vec![0; 1 + rows * k * bits / 8]);
                let mut scales = Unaligned(vec![0; 1 + groups]);
                let mut biases = Unaligned(vec![0; 1 + groups]);
                let out = Quantized {
                    packed: &mut codes.0[1..],
                    scales: &mut scales.0[1..],
                    biases: &mut biases.0[1..],
                    bits,
                    group,
                };
                quantize(&Pool::new(1), &bytes_of(dtype, &values), dtype, out);
                Weights {
                    kind,
                    codes,
                    scales,
                    biases,
                }
            }
            Kind::Block(element, scale) => {
                let (bits, group) = layout(element, scale);
                let mut codes = Unaligned(vec![0; 1 + rows * k * bits / 8]);
                let mut scales = Unaligned(vec![0; 1 + rows * k / group]);
                let out = Blocks {
                    packed: &mut codes.0[1..],
                    scales: &mut scales.0[1..],
                    element,
                    scale,
                };
                let bytes = bytes_of(Dtype::F32, &values);
                quantize_blocks(&Pool::new(1), &bytes, Dtype::F32, out);
                Weights {
                    kind,
                    codes,
                    scales,
                    biases: empty(),
                }
            }
        }
    }

    fn weight(&self) -> Weight<'_> {
        match self.kind {
            Kind::Dense(Dtype::F32) => Weight::F32(&self.codes),
            Kind::Dense(Dtype::F16) => Weight::F16(&self.codes),
            Kind::Dense(_) => Weight::BF16(&self.codes),
            Kind::Affine {
                bits,
                group,
                scales,
            } => Weight::Affine(Affine {
                packed: &self.codes,
                scales: &self.scales,
                biases: &self.biases,
                scale_dtype: scales,
                bits: bits as u8,
                group: group as u16,
            }),
            Kind::Block(element, scale) => Weight::Block(Block {
                packed: &self.codes,
                scales: &self.scales,
                element,
                scale,
            }),
        }
    }

    /// The exact weights: a bit at a time, in f64.
    fn exact(&self, rows: usize, k: usize) -> Vec<f64> {
        match self.kind {
            Kind::Dense(dtype) => floats_of(dtype, &self.codes)
                .into_iter()
                .map(f64::from)
                .collect(),
            Kind::Affine {
                bits,
                group,
                scales,
            } => {
                let (s, b) = (
                    floats_of(scales, &self.scales),
                    floats_of(scales, &self.biases),
                );
                let bit = |i: usize| u32::from(self.codes[i / 8] >> (i % 8) & 1);
                let code = |i: usize| (0..bits).map(|j| bit(i * bits + j) << j).sum::<u32>();
                (0..rows * k)
                    .map(|i| f64::from(code(i)) * f64::from(s[i / group]) + f64::from(b[i / group]))
                    .collect()
            }
            Kind::Block(element, scale) => {
                let (bits, group) = layout(element, scale);
                let code = |i: usize| self.codes[i * bits / 8] >> (i * bits % 8);
                let value = |i: usize| match element {
                    Element::E2m1 => small_float(code(i) & 15, 2, 1, 1),
                    Element::E4m3 => small_float(code(i), 4, 3, 7),
                };
                let factor = |i: usize| match scale {
                    ScaleKind::E8m0 => 2f64.powi(i32::from(self.scales[i]) - 127),
                    ScaleKind::E4m3 => small_float(self.scales[i], 4, 3, 7),
                };
                (0..rows * k)
                    .map(|i| value(i) * factor(i / group))
                    .collect()
            }
        }
    }
}

/// Bits of an element and elements of a group.
fn layout(element: Element, scale: ScaleKind) -> (usize, usize) {
    let bits = match element {
        Element::E2m1 => 4,
        Element::E4m3 => 8,
    };
    let group = match scale {
        ScaleKind::E8m0 => 32,
        ScaleKind::E4m3 => 16,
    };
    (bits, group)
}

/// The value of a float of a sign, exponent bits and mantissa bits.
fn small_float(code: u8, exponent: u32, mantissa: u32, bias: i32) -> f64 {
    let m = f64::from(code & ((1 << mantissa) - 1)) / f64::from(1 << mantissa);
    let e = i32::from(code >> mantissa & ((1 << exponent) - 1));
    let magnitude = match e {
        0 => m * 2f64.powi(1 - bias),
        _ => (1.0 + m) * 2f64.powi(e - bias),
    };
    match code >> (mantissa + exponent) & 1 {
        0 => magnitude,
        _ => -magnitude,
    }
}

/// `linear` into new memory at an odd address.
fn product(
    path: Path,
    pool: &Pool,
    x: &[f32],
    x_dtype: Dtype,
    weights: &Weights,
    [m, n, k]: [usize; 3],
    out_dtype: Dtype,
) -> Vec<u8> {
    let mut out = vec![0xff; m * n * out_dtype.size() + 1];
    let bytes = bytes_of(x_dtype, x);
    let args = Linear {
        x: Rows {
            bytes: &bytes,
            dtype: x_dtype,
            stride: k,
        },
        weight: weights.weight(),
        m,
        n,
        k,
        out: &mut out[1..],
        out_dtype,
        roles: Roles::All(path.role),
    };
    linear(path.table, pool, args);
    out.split_off(1)
}
