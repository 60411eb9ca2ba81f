//! Running reductions against `f64`, one element at a time.

use lazuli_core::error::Result;
use lazuli_core::ops::recurrence::Recurrence;
use lazuli_core::{Array, Dtype, dtype, with_device};
use proptest::prelude::*;

use super::common::*;

type Scan = fn(&Array, isize, bool, bool) -> Result<Array>;

fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == high || low == f64::NEG_INFINITY {
        high + f64::from(low == high) * 2f64.ln()
    } else {
        high + (low - high).exp().ln_1p()
    }
}

/// The scans, what they start with, and how they combine.
#[allow(clippy::type_complexity)]
const SCANS: [(&str, Scan, f64, fn(f64, f64) -> f64); 5] = [
    ("cumsum", |x, a, r, i| x.cumsum(a, r, i), 0.0, |a, b| a + b),
    (
        "cumprod",
        |x, a, r, i| x.cumprod(a, r, i),
        1.0,
        |a, b| a * b,
    ),
    (
        "cummax",
        |x, a, r, i| x.cummax(a, r, i),
        f64::NEG_INFINITY,
        f64::max,
    ),
    (
        "cummin",
        |x, a, r, i| x.cummin(a, r, i),
        f64::INFINITY,
        f64::min,
    ),
    (
        "logcumsumexp",
        |x, a, r, i| x.logcumsumexp(a, r, i),
        f64::NEG_INFINITY,
        log_add,
    ),
];

/// The scan of `host`, one element at a time.
fn scan(
    host: &Host,
    axis: usize,
    reverse: bool,
    inclusive: bool,
    start: f64,
    f: impl Fn(f64, f64) -> f64,
) -> Host {
    let len = host.shape[axis];
    let values = indices(&host.shape).map(|i| {
        let mut at = i.clone();
        let mut element = |k: usize| {
            at[axis] = if reverse { len - 1 - k } else { k };
            host.at(&at)
        };
        let k = if reverse { len - 1 - i[axis] } else { i[axis] };
        (0..k + inclusive as usize).fold(start, |acc, k| f(acc, element(k)))
    });
    Host {
        shape: host.shape.clone(),
        values: values.collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn scans_match_f64(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = dtype::ALL[rng.below(13)];
        let (name, f, start, combine) = SCANS[rng.below(5)];
        let mut shape = rng.shape(2, 20);
        let axis = rng.below(shape.len() + 1);
        shape.insert(axis, rng.below(40));
        let (x, host) = viewed_as(&mut rng, &shape, dtype, if name == "cumprod" { 1.9 } else { 3.0 });
        let (reverse, inclusive) = (rng.below(2) == 0, rng.below(3) > 0);
        if !inclusive && matches!(name, "cummax" | "cummin") && !dtype.is_float() {
            return Ok(());
        }
        let want = scan(&host, axis, reverse, inclusive, start, combine);
        let size = scan(&host, axis, reverse, inclusive, 0.0, |a, b| a + b.abs());
        on_each(|device| {
            let what = format!("{name} {dtype} {shape:?} {axis} {reverse} {inclusive} {device:?}");
            let y = f(&x, axis as isize, reverse, inclusive).unwrap();
            assert_eq!(**y.shape(), shape[..], "{what}");
            let to = match name {
                "cumsum" if dtype == Dtype::Bool => Dtype::I32,
                "logcumsumexp" => dtype.at_least_float(),
                _ => dtype,
            };
            assert_eq!(y.dtype(), to, "{what}");
            for ((g, &w), s) in numbers_of(&y).into_iter().zip(&want.values).zip(&size.values) {
                let scale = match name {
                    "cumsum" => s.abs(),
                    "cumprod" => 40.0 * w.abs(),
                    _ => w.abs() + 1.0,
                };
                let slack = 2.0 * step(to) * scale + f64::from(name == "cumprod") * 1e-7;
                assert!(g == w || (g - w).abs() <= slack, "{what}: {g} for {w}");
            }
        });
    }

    #[test]
    fn recurrences_match_f64(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F64][rng.below(4)];
        let shape = [1 + rng.below(12), 1 + rng.below(12), 1 + rng.below(12)];
        let axis = rng.below(3);
        let reverse = rng.below(2) == 0;
        let (a, factors) = viewed_as(&mut rng, &shape, dtype, 1.0);
        let (b, terms) = viewed_as(&mut rng, &shape, dtype, 1.0);
        let values: Vec<f64> = indices(&shape).map(|i| {
            let mut at = i.clone();
            let steps = if reverse { shape[axis] - 1 - i[axis] } else { i[axis] };
            (0..=steps).fold(0.0, |h, k| {
                at[axis] = if reverse { shape[axis] - 1 - k } else { k };
                factors.at(&at) * h + terms.at(&at)
            })
        }).collect();
        on_each(|device| {
            let op = Recurrence { axis: axis as u8, reverse };
            let h = Array::from_op(op, &[&a, &b]).unwrap();
            for (g, w) in numbers_of(&h).into_iter().zip(&values) {
                assert!((g - w).abs() <= 40.0 * step(dtype), "{dtype} {device:?}: {g} for {w}");
            }
        });
    }
}

#[test]
fn the_first_of_an_exclusive_scan_changes_nothing() {
    on_each(|_| {
        let x = Array::from_slice(&[3i32, 1, 4], [3]).unwrap();
        let of = |y: Result<Array>| y.unwrap().values::<i32>();
        assert_eq!(of(x.cumsum(0, false, false)), [0, 3, 4]);
        assert_eq!(of(x.cumsum(0, true, false)), [5, 4, 0]);
        assert_eq!(of(x.cumprod(0, false, false)), [1, 3, 3]);
        assert_eq!(of(x.cummax(0, false, false)), [i32::MIN, 3, 3]);
        assert_eq!(of(x.cummin(0, true, false)), [1, 4, i32::MAX]);
        let truth = of_numbers(&[1.0, 0.0], &[2], Dtype::Bool);
        assert_eq!(
            numbers_of(&truth.cumprod(0, false, false).unwrap()),
            [1.0, 1.0]
        );
        assert_eq!(
            numbers_of(&truth.cummax(0, false, false).unwrap()),
            [0.0, 1.0]
        );
    });
}

#[test]
fn two_dots_flatten_and_a_scalar_has_one_element() {
    on_each(|_| {
        let x = Array::from_slice(&[3.0f32, 0.0, 2.0, 1.0, 2.0, 2.0], [2, 3]).unwrap();
        let y = x
            .matrix_transpose()
            .unwrap()
            .cumsum(.., false, true)
            .unwrap();
        assert_eq!(y.values::<f32>(), [3.0, 4.0, 4.0, 6.0, 8.0, 10.0]);
        let y = Array::scalar(3.0f32).cummax(.., false, true).unwrap();
        assert_eq!(y.values::<f32>(), [3.0]);
        assert!(Array::scalar(3.0f32).cumsum(0, false, true).is_err());
        for shape in [[0, 3], [3, 0]] {
            let x = Array::zeros(shape, Dtype::F32).unwrap();
            for inclusive in [true, false] {
                for axis in 0..2 {
                    let y = x.cumsum(axis, false, inclusive).unwrap();
                    assert_eq!(numbers_of(&y), [0.0; 0]);
                }
            }
        }
    });
}

#[test]
fn a_nan_stays_and_infinities_add() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    on_each(|_| {
        for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F64] {
            let of = |x: &[f64]| of_numbers(x, &[x.len()], dtype);
            for y in [
                of(&[1.0, nan, 3.0]).cummax(0, false, true),
                of(&[1.0, nan, 3.0]).cummin(0, false, true),
                of(&[1.0, nan, inf]).logcumsumexp(0, false, true),
            ] {
                let y = numbers_of(&y.unwrap());
                assert!(
                    y[0] == 1.0 && y[1].is_nan() && y[2].is_nan(),
                    "{dtype} {y:?}"
                );
            }
            let y = of(&[-inf, -inf, 0.0, inf, 1.0]).logcumsumexp(0, false, true);
            assert_eq!(
                numbers_of(&y.unwrap()),
                [-inf, -inf, 0.0, inf, inf],
                "{dtype}"
            );
        }
        let x = Array::from_slice(&[[1.0f32, 2.0], [0.0, 3.0], [2.0, -9.0]], [3]).unwrap();
        let y = x
            .cummax(0, false, true)
            .unwrap()
            .to_vec::<[f32; 2]>()
            .unwrap();
        assert_eq!(y, [[1.0, 2.0], [1.0, 2.0], [2.0, -9.0]]);
        let y = x
            .cumprod(0, false, true)
            .unwrap()
            .to_vec::<[f32; 2]>()
            .unwrap();
        assert_eq!(y, [[1.0, 2.0], [-6.0, 3.0], [15.0, 60.0]]);
    });
}

/// A line's bits do not depend on how many there are, on threads, or on what lies beside it.
#[test]
fn a_line_is_scanned_alone() {
    let mut rng = Rng(5);
    for (rows, len) in [(37, 1500), (9, 40_000), (700, 130)] {
        let (x, _) = sample(&mut rng, &[rows, len], Dtype::F32, 2.0);
        let columns = x.matrix_transpose().unwrap().copy().unwrap();
        let mut bits: Option<Vec<u8>> = None;
        for &device in cpus() {
            with_device(device, || {
                let whole = x.cumsum(1, false, true).unwrap();
                let down = columns.cumsum(0, false, true).unwrap();
                let all = whole.bits();
                assert_eq!(down.matrix_transpose().unwrap().bits(), all);
                let row = x.narrow(0, 5, 6).unwrap().cumsum(1, false, true).unwrap();
                assert_eq!(row.bits(), all[20 * len..][..4 * len]);
                assert_eq!(*bits.get_or_insert(all.clone()), all, "{device:?}");
            });
        }
    }
}
