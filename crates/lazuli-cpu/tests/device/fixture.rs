//! Elementwise functions at the ends of their domains, against NumPy, Python's integers and mlx:
//! `tests/fixtures/elementwise.py` says how each result was made.

use half::{bf16, f16};
use lazuli_core::dtype::ALL;
use lazuli_core::ops::binary::Binary;
use lazuli_core::ops::unary::Unary;
use lazuli_core::{Array, Dtype, Family, Op};

use super::common::*;

const CASES: &str = include_str!("../fixtures/elementwise.txt");

fn dtype_of(name: &str) -> Dtype {
    ALL.into_iter().find(|d| d.name() == name).unwrap()
}

fn array_of(dtype: &str, hex: &str) -> Array {
    let dtype = dtype_of(dtype);
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect();
    Array::from_bytes(&bytes, dtype, [bytes.len() / dtype.size()]).unwrap()
}

fn function(name: &str) -> Op {
    let unary = Unary::ALL.iter().find(|op| op.name() == name);
    let binary = Binary::ALL.iter().find(|op| op.name() == name);
    match (unary, binary) {
        (Some(&op), _) => op.into(),
        (_, Some(&op)) => op.into(),
        _ => panic!("no function {name}"),
    }
}

/// Each part of each element.
fn parts(x: &Array) -> Vec<f64> {
    match x.dtype() {
        Dtype::C64 => x
            .to_vec::<[f32; 2]>()
            .unwrap()
            .concat()
            .into_iter()
            .map(f64::from)
            .collect(),
        _ => numbers_of(x),
    }
}

/// Distance of neighbours at `w`.
fn spacing(dtype: Dtype, w: f64) -> f64 {
    let least = match dtype {
        Dtype::F16 => f64::from(f16::MIN_POSITIVE),
        Dtype::BF16 => f64::from(bf16::MIN_POSITIVE),
        Dtype::F64 => f64::MIN_POSITIVE,
        _ => f64::from(f32::MIN_POSITIVE),
    };
    step(dtype) * w.abs().max(least)
}

#[test]
fn results_at_the_ends_of_domains_are_those_of_numpy_and_mlx() {
    let mut operands: Vec<Array> = Vec::new();
    let mut tested = 0;
    for line in CASES.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if fields[0] == "=" {
            operands.push(array_of(fields[1], fields[2]));
            continue;
        }
        let op = function(fields[0]);
        let given: Vec<&Array> = fields[1]
            .split(',')
            .map(|n| &operands[n.parse::<usize>().unwrap()])
            .collect();
        let want = array_of(fields[2], fields[3]);
        let dtype = want.dtype();
        let exact = !dtype.is_inexact();
        tested += 1;
        on_each(|device| {
            let got = Array::from_op(op.clone(), &given).unwrap();
            assert_eq!(got.dtype(), dtype, "{line}");
            if exact {
                assert_eq!(
                    got.bits(),
                    want.bits(),
                    "{} {:?} {device:?}",
                    fields[0],
                    given[0]
                );
                return;
            }
            let complex = given[0].dtype() == Dtype::C64;
            let pieces = if dtype == Dtype::C64 { 2 } else { 1 };
            let (got, want) = (parts(&got), parts(&want));
            for (k, (&g, &w)) in got.iter().zip(&want).enumerate() {
                // NumPy rounds a small part of a complex number to the size of the other.
                let size = if complex {
                    want[k / pieces * pieces..][..pieces]
                        .iter()
                        .fold(0.0f64, |a, b| a.max(b.abs()))
                } else {
                    w
                };
                let allowed = if dtype == Dtype::F32 && !complex {
                    2.4
                } else {
                    2.0
                };
                let near = (g - w).abs() <= allowed * spacing(dtype, size);
                let zero = g == 0.0 && w == 0.0 && g.is_sign_negative() == w.is_sign_negative();
                let same = g == w && w != 0.0 || g.is_nan() && w.is_nan();
                assert!(
                    same || zero || near && (w != 0.0 || complex),
                    "{} {dtype} {device:?}: of {:?} is {g:e}, not {w:e}",
                    fields[0],
                    given
                        .iter()
                        .map(|x| parts(x)[k / pieces * pieces.min(2)..].first().copied())
                        .collect::<Vec<_>>(),
                );
            }
        });
    }
    assert!(tested > 300, "{tested} cases");
}
