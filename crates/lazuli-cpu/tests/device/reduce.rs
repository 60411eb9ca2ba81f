//! Reductions and softmax against `f64`; bits that depend on nothing but the elements.

use lazuli_core::{Array, Dtype, with_device};
use proptest::prelude::*;

use super::common::*;

const DTYPES: [Dtype; 9] = [
    Dtype::F32,
    Dtype::BF16,
    Dtype::F16,
    Dtype::F64,
    Dtype::Bool,
    Dtype::U8,
    Dtype::I16,
    Dtype::I32,
    Dtype::U64,
];

/// Folds `host` over `axes`, kept with length 1.
fn fold(host: &Host, axes: &[isize], first: f64, f: impl Fn(f64, f64) -> f64) -> Host {
    let mut shape = host.shape.clone();
    axes.iter().for_each(|&a| shape[a as usize] = 1);
    let mut values = vec![first; shape.iter().product()];
    for (i, &v) in indices(&host.shape).zip(&host.values) {
        let at = i
            .iter()
            .zip(&shape)
            .fold(0, |flat, (&i, &d)| flat * d + i.min(d - 1));
        values[at] = f(values[at], v);
    }
    Host { shape, values }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reductions_match_f64(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = DTYPES[rng.below(DTYPES.len())];
        let (x, host) = viewed(&mut rng, dtype, 3.0);
        let rank = host.shape.len();
        let axes: Vec<isize> = (0..rank as isize).filter(|_| rng.below(2) == 0).collect();
        if axes.is_empty() {
            return Ok(());
        }
        let count: usize = axes.iter().map(|&a| host.shape[a as usize]).product();
        let ulps = 4.0 + count as f64;
        on_each(|device| {
            let what = format!("{dtype} {:?} over {axes:?} {device:?}", host.shape);
            // What cancels is measured against what was added.
            let size = fold(&host, &axes, 0.0, |a, b| a + b.abs());
            let sum = x.sum(&axes, true).unwrap();
            let want = fold(&host, &axes, 0.0, |a, b| a + b);
            for ((g, w), s) in numbers_of(&sum).iter().zip(&want.values).zip(&size.values) {
                let step = if dtype.is_float() { step(dtype) } else { 0.0 };
                assert!((g - w).abs() <= ulps * step * s, "sum {what}: {g} for {w}");
            }
            if dtype.is_float() || dtype == Dtype::Bool {
                let want = fold(&host, &axes, 1.0, |a, b| a * b);
                assert_near(&x.prod(&axes, true).unwrap(), &want, ulps, &what);
            }
            if count > 0 {
                let want = fold(&host, &axes, f64::NEG_INFINITY, f64::max);
                assert_near(&x.max(&axes, true).unwrap(), &want, 0.0, &what);
                let want = fold(&host, &axes, f64::INFINITY, f64::min);
                assert_near(&x.min(&axes, true).unwrap(), &want, 0.0, &what);
            }
        });
    }

    #[test]
    fn the_first_extreme_is_found(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = DTYPES[rng.below(DTYPES.len())];
        let mut shape = rng.shape(2, 5);
        let axis = rng.below(shape.len() + 1);
        shape.insert(axis, 1 + rng.below(70));
        let (x, host) = viewed_as(&mut rng, &shape, dtype, 4.0);
        let mut to = shape.clone();
        to.remove(axis);
        let values = indices(&to)
            .map(|mut i| {
                i.insert(axis, 0);
                let mut best = 0;
                let value = |k: usize, i: &mut Vec<usize>| {
                    i[axis] = k;
                    host.at(i)
                };
                for k in 1..shape[axis] {
                    if value(k, &mut i) > value(best, &mut i) {
                        best = k;
                    }
                }
                best as f64
            })
            .collect();
        let want = Host { shape: to, values };
        on_each(|device| {
            let y = x.argmax(axis, false).unwrap();
            assert_near(&y, &want, 0.0, &format!("{dtype} {shape:?} {axis} {device:?}"));
        });
    }

    #[test]
    fn softmax_matches_f64(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F64][rng.below(4)];
        let shape = [1 + rng.below(4), 1 + rng.below(200)];
        let (x, host) = viewed_as(&mut rng, &shape, dtype, 9.0);
        let d = shape[1];
        let mut want = host.clone();
        for row in want.values.chunks_mut(d) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|v| (v - largest).exp()).sum();
            row.iter_mut().for_each(|v| *v = (*v - largest).exp() / sum);
        }
        on_each(|device| {
            let y = x.softmax().unwrap();
            assert_near(&y, &want, 12.0, &format!("{dtype} {shape:?} {device:?}"));
        });
    }
}

#[test]
fn long_sums_are_accurate() {
    let mut rng = Rng(3);
    for (shape, axes) in [
        (vec![1_000_003], vec![0isize]),
        (vec![3, 200_001], vec![1]),
        (vec![200_001, 3], vec![0]),
        (vec![70, 90, 50], vec![0, 2]),
        (vec![9001, 70], vec![0]),
    ] {
        let (x, host) = sample(&mut rng, &shape, Dtype::F32, 1.0);
        let x = &x + 1.0;
        let shifted = host.map(|v| f64::from(v as f32 + 1.0));
        let want = fold(&shifted, &axes, 0.0, |a, b| a + b);
        on_each(|device| {
            let y = x.sum(&axes, true).unwrap();
            assert_near(&y, &want, 20.0, &format!("{shape:?} {device:?}"));
        });
    }
}

#[test]
fn a_nan_wins_every_extreme() {
    for at in [0usize, 5, 16, 77, 99] {
        let mut values = [1.0f32; 100];
        values[at] = f32::NAN;
        values[(at + 1) % 100] = 9.0;
        let x = Array::from_slice(&values, [100]).unwrap();
        on_each(|device| {
            for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64] {
                let x = x.astype(dtype).unwrap();
                for shape in [[1, 100], [100, 1]] {
                    let x = x.reshape(shape).unwrap();
                    let axis = (shape[0] == 1) as isize;
                    for y in [x.max(axis, false), x.min(axis, false)] {
                        assert!(
                            numbers_of(&y.unwrap())[0].is_nan(),
                            "{at} {dtype} {device:?}"
                        );
                    }
                    let found = x.argmax(axis, false).unwrap();
                    assert_eq!(numbers_of(&found), [at as f64], "{dtype} {device:?}");
                }
            }
        });
    }
}

#[test]
fn empty_sums_are_zero_and_empty_products_one() {
    on_each(|_| {
        for shape in [[0usize, 3], [3, 0]] {
            let x = Array::zeros(shape, Dtype::BF16).unwrap();
            let axis = (shape[1] == 0) as isize;
            assert_eq!(numbers_of(&x.sum(axis, false).unwrap()), [0.0; 3]);
            assert_eq!(numbers_of(&x.prod(axis, false).unwrap()), [1.0; 3]);
        }
    });
}

/// Row independence: a row's bits do not depend on how many rows there are, on what they hold, on
/// threads, on strides, or on where the row's memory starts.
#[test]
fn a_row_is_reduced_alone() {
    let mut rng = Rng(11);
    for d in [1usize, 15, 64, 333, 40_000] {
        let (rows, _) = sample(&mut rng, &[9, d], Dtype::F32, 2.0);
        let (more, _) = sample(&mut rng, &[9, d + 3], Dtype::F32, 2.0);
        let noise = more.divide(&Array::scalar(0.0f32)).unwrap();
        for &device in cpus() {
            with_device(device, || {
                let all = rows.sum(1, false).unwrap().to_bytes().unwrap();
                let soft = rows.softmax().unwrap().to_bytes().unwrap();
                for r in 0..9 {
                    let row = rows.narrow(0, r, r + 1).unwrap();
                    assert_eq!(
                        row.sum(1, false).unwrap().to_bytes().unwrap(),
                        all[4 * r..][..4]
                    );
                    assert_eq!(
                        row.softmax().unwrap().to_bytes().unwrap(),
                        soft[4 * d * r..][..4 * d]
                    );
                    // The same row inside a wider matrix of NaN and infinity.
                    let left = noise.narrow(0, 0, 1).unwrap().narrow(1, 0, 3).unwrap();
                    let wide = Array::concatenate(&[left, row], 1).unwrap();
                    let stray = noise.narrow(0, 0, 4).unwrap();
                    let wide = Array::concatenate(&[stray, wide], 0).unwrap();
                    let again = wide.narrow(0, 4, 5).unwrap().narrow(1, 3, d + 3).unwrap();
                    assert_eq!(
                        again.sum(1, false).unwrap().to_bytes().unwrap(),
                        all[4 * r..][..4]
                    );
                }
                // By columns: a column alone, and among others.
                let columns = rows.matrix_transpose().unwrap().copy().unwrap();
                let sums = columns.sum(0, false).unwrap().to_bytes().unwrap();
                for c in 0..9 {
                    let one = columns.narrow(1, c, c + 1).unwrap();
                    assert_eq!(
                        one.sum(0, false).unwrap().to_bytes().unwrap(),
                        sums[4 * c..][..4]
                    );
                }
            });
        }
        for pair in cpus().chunks(2) {
            let run = |device| {
                with_device(device, || {
                    let all = rows.sum([0, 1], false).unwrap().to_bytes().unwrap();
                    let down = rows.sum(0, false).unwrap().to_bytes().unwrap();
                    [all, down].concat()
                })
            };
            assert_eq!(run(pair[0]), run(pair[1]), "threads change a sum");
        }
    }
}
