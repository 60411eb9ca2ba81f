//! Elementwise operations against `f64`, over dtypes and layouts.

use half::{bf16, f16};
use lazuli_core::dtype::ALL;
use lazuli_core::ops::binary::Binary;
use lazuli_core::ops::unary::Unary;
use lazuli_core::{Array, Dtype, with_device};
use proptest::prelude::*;

use super::common::*;

const FLOATS: [Dtype; 4] = [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F64];

fn oracle(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => f64::from((x > 0.0) as i8 - (x < 0.0) as i8),
        Unary::Square => x * x,
        Unary::Sqrt => x.sqrt(),
        Unary::Rsqrt => x.sqrt().recip(),
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sin => x.sin(),
        Unary::Arctan => x.atan(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Floor => x.floor(),
        Unary::Round => x.round_ties_even(),
        _ => (x == 0.0) as u8 as f64,
    }
}

/// Some of each kind, in all layouts; `accuracy` has all.
const UNARY: [Unary; 15] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Sign,
    Unary::Square,
    Unary::Sqrt,
    Unary::Rsqrt,
    Unary::Exp,
    Unary::Log,
    Unary::Sin,
    Unary::Arctan,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Floor,
    Unary::Round,
    Unary::Not,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn functions_of_floats_match_f64(seed: u64) {
        let mut rng = Rng(seed);
        let op = UNARY[rng.below(UNARY.len())];
        let dtype = FLOATS[rng.below(4)];
        let (x, host) = viewed(&mut rng, dtype, 4.0);
        let want = host.map(|v| oracle(op, v));
        on_each(|device| {
            let y = Array::from_op(op, &[&x]).unwrap();
            let ulps = if dtype == Dtype::F64 { 8.0 } else { 5.0 };
            assert_near(&y, &want, ulps, &format!("{op:?} {dtype} {device:?}"));
        });
    }

    #[test]
    fn functions_of_two_floats_match_f64(seed: u64) {
        let mut rng = Rng(seed);
        use Binary::*;
        let ops = [
            Add, Subtract, Multiply, Divide, Maximum, Minimum, Power, Equal, NotEqual, Less,
            LessEqual, Greater, GreaterEqual,
        ];
        let op = ops[rng.below(ops.len())];
        let dtype = FLOATS[rng.below(4)];
        let shape = rng.shape(4, 7);
        let (a, ha) = viewed_as(&mut rng, &shape, dtype, 3.0);
        let (b, hb) = if rng.below(4) == 0 {
            let (b, h) = sample(&mut rng, &[], dtype, 3.0);
            (b.broadcast_to(shape.as_slice()).unwrap(), h.gather(&shape, |_| vec![]))
        } else {
            viewed_as(&mut rng, &shape, dtype, 3.0)
        };
        let want = Host {
            shape,
            values: ha.values.iter().zip(&hb.values).map(|(&a, &b)| match op {
                Add => a + b,
                Subtract => a - b,
                Multiply => a * b,
                Divide => a / b,
                Maximum => a.max(b),
                Minimum => a.min(b),
                Power => a.powf(b),
                Equal => (a == b) as u8 as f64,
                NotEqual => (a != b) as u8 as f64,
                Less => (a < b) as u8 as f64,
                LessEqual => (a <= b) as u8 as f64,
                Greater => (a > b) as u8 as f64,
                _ => (a >= b) as u8 as f64,
            }).collect(),
        };
        on_each(|device| {
            let y = Array::from_op(op, &[&a, &b]).unwrap();
            assert_near(&y, &want, 2.0, &format!("{op:?} {dtype} {device:?}"));
        });
    }

    #[test]
    fn integer_arithmetic_is_exact_and_wraps(seed: u64) {
        let mut rng = Rng(seed);
        let shape = rng.shape(3, 9);
        let dtypes = [Dtype::I8, Dtype::U8, Dtype::I32, Dtype::U16, Dtype::I64, Dtype::U64];
        let dtype = dtypes[rng.below(6)];
        let (a, ha) = viewed_as(&mut rng, &shape, dtype, 100.0);
        let (b, hb) = viewed_as(&mut rng, &shape, dtype, 100.0);
        let bits = 8 * dtype.size() as u32;
        let wrap = |v: i128| {
            let low = v & ((1i128 << bits) - 1);
            let negative = dtype.is_signed_integer() && low >> (bits - 1) != 0;
            (if negative { low - (1i128 << bits) } else { low }) as f64
        };
        for op in [Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Maximum, Binary::Less] {
            let pairs = ha.values.iter().zip(&hb.values).map(|(&a, &b)| (a as i128, b as i128));
            let want = Host {
                shape: shape.clone(),
                values: pairs.map(|(a, b)| match op {
                    Binary::Add => wrap(a + b),
                    Binary::Subtract => wrap(a - b),
                    Binary::Multiply => wrap(a * b),
                    Binary::Maximum => wrap(a.max(b)),
                    _ => (a < b) as u8 as f64,
                }).collect(),
            };
            on_each(|device| {
                let y = Array::from_op(op, &[&a, &b]).unwrap();
                assert_near(&y, &want, 0.0, &format!("{op:?} {dtype} {device:?}"));
            });
        }
    }

    #[test]
    fn choice_takes_the_operand_that_the_condition_names(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = ALL[rng.below(14)];
        let shape = rng.shape(4, 6);
        let (c, hc) = viewed_as(&mut rng, &shape, Dtype::Bool, 1.0);
        let (a, ha) = viewed_as(&mut rng, &shape, dtype, 9.0);
        let (b, hb) = viewed_as(&mut rng, &shape, dtype, 9.0);
        let values = (0..hc.values.len())
            .map(|i| if hc.values[i] != 0.0 { ha.values[i] } else { hb.values[i] })
            .collect();
        let want = Host { shape, values };
        on_each(|device| {
            let y = Array::select(&c, &a, &b).unwrap();
            assert_near(&y, &want, 0.0, &format!("{dtype} {device:?}"));
        });
    }

    #[test]
    fn conversions_truncate_wrap_and_round(seed: u64) {
        let mut rng = Rng(seed);
        let (from, to) = (ALL[rng.below(14)], ALL[rng.below(14)]);
        let (x, host) = viewed(&mut rng, from, 300.0);
        let want = host.map(|v| {
            let whole = v as i128;
            macro_rules! int {
                ($ty:ty) => { whole as $ty as f64 };
            }
            match to {
                Dtype::Bool => (v != 0.0) as u8 as f64,
                Dtype::U8 => int!(u8),
                Dtype::U16 => int!(u16),
                Dtype::U32 => int!(u32),
                Dtype::U64 => int!(u64),
                Dtype::I8 => int!(i8),
                Dtype::I16 => int!(i16),
                Dtype::I32 => int!(i32),
                Dtype::I64 => int!(i64),
                Dtype::F16 => f16::from_f64(v).to_f64(),
                Dtype::BF16 => bf16::from_f64(v).to_f64(),
                Dtype::F32 | Dtype::C64 => v as f32 as f64,
                Dtype::F64 => v,
            }
        });
        on_each(|device| {
            let y = x.astype(to).unwrap();
            assert_near(&y, &want, 0.0, &format!("{from} to {to} {device:?}"));
        });
    }
}

#[test]
fn special_floats_survive_conversion_and_extremes() {
    let x = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        1e-40,
        65520.0,
        3e38,
        1.0,
    ];
    let x = Array::from_slice(&x.repeat(5), [40]).unwrap();
    let nan = Array::from_slice(&[f32::NAN], [1]).unwrap();
    on_each(|device| {
        let half = x.astype(Dtype::F16).unwrap().values::<f16>();
        assert!(half[0].is_nan() && half[5] == f16::INFINITY, "{device:?}");
        assert!(half[3].is_sign_negative() && half[4] == f16::ZERO);
        let half = x.astype(Dtype::BF16).unwrap().values::<bf16>();
        assert!(
            half[0].is_nan() && half[4] == bf16::from_f32(1e-40),
            "{device:?}"
        );
        let bits: Vec<u16> = half.iter().map(|h| h.to_bits()).collect();
        assert_eq!(
            bits[..8],
            bits[32..],
            "an element's bits depend on its place"
        );
        let whole = x.astype(Dtype::I32).unwrap().values::<i32>();
        assert_eq!(whole[..4], [i32::MIN, i32::MIN, i32::MIN, 0]);
        for op in [Binary::Maximum, Binary::Minimum] {
            for (a, b) in [(&x, &nan), (&nan, &x)] {
                let a = a.broadcast_to([40]).unwrap();
                let b = b.broadcast_to([40]).unwrap();
                let y = Array::from_op(op, &[&a, &b]).unwrap().values::<f32>();
                assert!(y.iter().all(|v| v.is_nan()), "{op:?} {device:?}");
            }
        }
        let zero = x.negative().unwrap().values::<f32>()[3];
        assert!(zero == 0.0 && zero.is_sign_positive());
    });
}

#[test]
fn complex_numbers_add_multiply_and_compare() {
    let a = Array::from_slice(&[[1.0f32, 2.0], [0.0, -1.0]], [2]).unwrap();
    let b = Array::from_slice(&[[3.0f32, -1.0], [0.0, -1.0]], [2]).unwrap();
    on_each(|_| {
        let product = a.multiply(&b).unwrap().to_vec::<[f32; 2]>().unwrap();
        assert_eq!(product, [[5.0, 5.0], [-1.0, 0.0]]);
        assert_eq!(a.equal(&b).unwrap().bits(), [0, 1]);
        assert_eq!(a.logical_not().unwrap().bits(), [0, 0]);
        let sum = a.sum(0, false).unwrap().item::<[f32; 2]>().unwrap();
        assert_eq!(sum, [1.0, 1.0]);
        assert_eq!(a.astype(Dtype::Bool).unwrap().bits(), [1, 1]);
    });
}

#[test]
fn floats_beyond_an_integer_type_convert_as_on_x86() {
    let x = [
        300.0,
        -1.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e20,
        3.7,
        -3.7,
    ];
    let x = Array::from_slice(&x, [8]).unwrap();
    on_each(|_| {
        let to = |dtype| x.astype(dtype).unwrap();
        assert_eq!(to(Dtype::U8).values::<u8>(), [44, 255, 0, 0, 0, 0, 3, 253]);
        assert_eq!(to(Dtype::I8).values::<i8>(), [44, -1, 0, 0, 0, 0, 3, -3]);
        let half = 1u32 << 31;
        let want = [300, u32::MAX, half, 0, half, 0, 3, u32::MAX - 2];
        assert_eq!(to(Dtype::U32).values::<u32>(), want);
        let least = i64::MIN;
        let want = [300, -1, least, least, least, least, 3, -3];
        assert_eq!(to(Dtype::I64).values::<i64>(), want);
        let half = 1u64 << 63;
        let want = [300, u64::MAX, half, 0, half, 0, 3, u64::MAX - 2];
        assert_eq!(to(Dtype::U64).values::<u64>(), want);
        assert_eq!(to(Dtype::Bool).bits(), [1; 8]);
    });
}

#[test]
fn integer_powers_wrap_and_vanish() {
    let a = Array::from_slice(&[2i32, -1, 1, 0, 3, -2, 7], [7]).unwrap();
    let b = Array::from_slice(&[-1i32, -3, -5, 0, 4, 3, i32::MIN], [7]).unwrap();
    on_each(|_| {
        let y = a.power(&b).unwrap().values::<i32>();
        assert_eq!(y, [0, 0, 0, 1, 81, -8, 0]);
    });
}

#[test]
fn large_results_are_the_same_on_one_and_two_threads() {
    let mut rng = Rng(7);
    let (x, _) = sample(&mut rng, &[300, 1001], Dtype::F32, 5.0);
    let column = x.narrow(1, 3, 4).unwrap();
    for pair in cpus().chunks(2) {
        let run = |device| {
            with_device(device, || {
                let y = x.exp().unwrap().multiply(&column).unwrap();
                let y = y.matrix_transpose().unwrap().astype(Dtype::BF16).unwrap();
                y.bits()
            })
        };
        assert_eq!(run(pair[0]), run(pair[1]));
    }
}

#[test]
fn tanh_is_within_two_ulp() {
    let x: Vec<f32> = (-200_000..200_000).map(|i| i as f32 * 6.1e-5).collect();
    let special = [
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        -0.0,
        1e-38,
        0.625,
    ];
    on_each(|device| {
        let y = Array::from_slice(&x, [x.len()]).unwrap().tanh().unwrap();
        for (&x, y) in x.iter().zip(y.values::<f32>()) {
            let want = f64::from(x).tanh();
            let ulp = f64::from((want as f32).abs().next_up()) - f64::from((want as f32).abs());
            assert!(
                (f64::from(y) - want).abs() <= 2.0 * ulp,
                "{x}: {y} {device:?}"
            );
        }
        let y = Array::from_slice(&special, [6]).unwrap().tanh().unwrap();
        let y = y.values::<f32>();
        assert_eq!(y[..2], [1.0, -1.0]);
        assert!(y[2].is_nan() && y[3].is_sign_negative() && y[4] == 1e-38);
    });
}
