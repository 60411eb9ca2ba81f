//! Quantization against the bytes of the reference implementation.

use lazuli_core::dtype::Dtype;

use super::*;
use crate::pool::Pool;

/// Made by `tests/fixtures/affine.py` with `mlx` on its CPU device.
const REFERENCE: &[u8] = include_bytes!("../../../tests/fixtures/affine.bin");

struct Record {
    bits: usize,
    group: usize,
    dtype: Dtype,
    rows: usize,
    k: usize,
    w: &'static [u8],
    packed: &'static [u8],
    scales: &'static [u8],
    biases: &'static [u8],
    decoded: &'static [u8],
}

impl Record {
    fn affine(&self) -> Affine<'static> {
        Affine {
            packed: self.packed,
            scales: self.scales,
            biases: self.biases,
            scale_dtype: self.dtype,
            bits: self.bits as u8,
            group: self.group as u16,
        }
    }
}

fn records() -> Vec<Record> {
    let mut rest = REFERENCE;
    let mut take = |len: usize| {
        let (head, tail) = rest.split_at(len);
        rest = tail;
        head
    };
    let mut all = Vec::new();
    for _ in 0..BITS.len() * 3 * 3 {
        let mut word = || u32::from_le_bytes(take(4).try_into().unwrap()) as usize;
        let (bits, group, number, rows, k) = (word(), word(), word(), word(), word());
        let dtype = [Dtype::F32, Dtype::F16, Dtype::BF16][number];
        let (floats, groups) = (rows * k * dtype.size(), rows * k / group * dtype.size());
        all.push(Record {
            bits,
            group,
            dtype,
            rows,
            k,
            w: take(floats),
            packed: take(rows * k * bits / 8),
            scales: take(groups),
            biases: take(groups),
            decoded: take(floats),
        });
    }
    assert!(rest.is_empty());
    all
}

#[test]
fn codes_scales_and_biases_are_those_of_the_reference() {
    for threads in [1, 2] {
        let pool = Pool::new(threads);
        for record in records() {
            let mut packed = vec![0; record.packed.len()];
            let mut scales = vec![0; record.scales.len()];
            let mut biases = vec![0; record.biases.len()];
            let out = Quantized {
                packed: &mut packed,
                scales: &mut scales,
                biases: &mut biases,
                bits: record.bits,
                group: record.group,
            };
            quantize(&pool, record.w, record.dtype, out);
            let name = format!(
                "{} bits, group {}, {}",
                record.bits, record.group, record.dtype
            );
            assert_eq!(scales, record.scales, "scales: {name}");
            assert_eq!(biases, record.biases, "biases: {name}");
            assert_eq!(packed, record.packed, "codes: {name}");
        }
    }
}

#[test]
fn decoding_gives_the_bits_of_the_reference() {
    for threads in [1, 2] {
        let pool = Pool::new(threads);
        for record in records() {
            let mut decoded = vec![0; record.decoded.len()];
            dequantize(
                &pool,
                &record.affine(),
                record.k,
                &mut decoded,
                record.dtype,
            );
            assert_eq!(
                decoded, record.decoded,
                "{} bits, {}",
                record.bits, record.dtype
            );
        }
    }
}

#[test]
fn looked_up_rows_are_the_rows_of_the_whole() {
    let pool = Pool::new(2);
    let ids = [3, 0, 0, 2, 1, 3, 3];
    for record in records() {
        let row_bytes = record.k * record.dtype.size();
        let mut looked_up = vec![0; ids.len() * row_bytes];
        let q = record.affine();
        dequantize_rows(&pool, &q, record.k, &ids, &mut looked_up, record.dtype);
        for (row, id) in looked_up.chunks(row_bytes).zip(ids) {
            assert_eq!(row, &record.decoded[id as usize * row_bytes..][..row_bytes]);
        }
        assert!(ids.iter().all(|id| (*id as usize) < record.rows));
    }
}

#[test]
fn f32_output_is_exact_for_half_scales() {
    let pool = Pool::new(1);
    for record in records() {
        let mut wide = vec![0; record.rows * record.k * 4];
        dequantize(&pool, &record.affine(), record.k, &mut wide, Dtype::F32);
        let mut expected = vec![0.0; record.rows * record.k];
        floats::read(record.dtype, record.decoded, &mut expected);
        let mut values = vec![0.0; record.rows * record.k];
        floats::read(Dtype::F32, &wide, &mut values);
        assert_eq!(values, expected);
    }
}
