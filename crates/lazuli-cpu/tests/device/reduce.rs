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

/// All elements but those of truth values and of complex numbers.
const REAL: [Dtype; 12] = [
    Dtype::U8,
    Dtype::U16,
    Dtype::U32,
    Dtype::U64,
    Dtype::I8,
    Dtype::I16,
    Dtype::I32,
    Dtype::I64,
    Dtype::F16,
    Dtype::BF16,
    Dtype::F32,
    Dtype::F64,
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

fn with_one(shape: &[usize], axis: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[axis] = 1;
    shape
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
            // Parts of longer products leave the range of `f32`.
            if (dtype.is_float() && count < 64) || dtype == Dtype::Bool {
                let want = fold(&host, &axes, 1.0, |a, b| a * b);
                assert_near(&x.prod(&axes, true).unwrap(), &want, ulps, &what);
            }
            if count > 0 {
                let want = fold(&host, &axes, f64::NEG_INFINITY, f64::max);
                assert_near(&x.max(&axes, true).unwrap(), &want, 0.0, &what);
                let want = fold(&host, &axes, f64::INFINITY, f64::min);
                assert_near(&x.min(&axes, true).unwrap(), &want, 0.0, &what);
            }
            let both = |a: f64, b: f64| f64::from(a != 0.0 && b != 0.0);
            let want = fold(&host, &axes, 1.0, both);
            assert_near(&x.all(&axes, true).unwrap(), &want, 0.0, &what);
            let either = |a: f64, b: f64| f64::from(a != 0.0 || b != 0.0);
            let want = fold(&host, &axes, 0.0, either);
            assert_near(&x.any(&axes, true).unwrap(), &want, 0.0, &what);
            let counted = fold(&host, &axes, 0.0, |a, b| a + f64::from(b != 0.0));
            assert_near(&x.count_nonzero(&axes, true).unwrap(), &counted, 0.0, &what);
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
            // The least is the largest of the negatives; unsigned ones are turned over.
            if dtype.is_float() {
                let y = (-&x).argmin(axis, true).unwrap();
                let want = Host { shape: with_one(&shape, axis), ..want.clone() };
                assert_near(&y, &want, 0.0, &format!("{dtype} {shape:?} {axis} {device:?}"));
            }
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
            let y = x.softmax(-1).unwrap();
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
                let all = rows.sum(1, false).unwrap().bits();
                let soft = rows.softmax(-1).unwrap().bits();
                for r in 0..9 {
                    let row = rows.narrow(0, r, r + 1).unwrap();
                    assert_eq!(row.sum(1, false).unwrap().bits(), all[4 * r..][..4]);
                    assert_eq!(row.softmax(-1).unwrap().bits(), soft[4 * d * r..][..4 * d]);
                    // The same row inside a wider matrix of NaN and infinity.
                    let left = noise.narrow(0, 0, 1).unwrap().narrow(1, 0, 3).unwrap();
                    let wide = Array::concatenate(&[left, row], 1).unwrap();
                    let stray = noise.narrow(0, 0, 4).unwrap();
                    let wide = Array::concatenate(&[stray, wide], 0).unwrap();
                    let again = wide.narrow(0, 4, 5).unwrap().narrow(1, 3, d + 3).unwrap();
                    assert_eq!(again.sum(1, false).unwrap().bits(), all[4 * r..][..4]);
                }
                // By columns: a column alone, and among others.
                let columns = rows.matrix_transpose().unwrap().copy().unwrap();
                let sums = columns.sum(0, false).unwrap().bits();
                for c in 0..9 {
                    let one = columns.narrow(1, c, c + 1).unwrap();
                    assert_eq!(one.sum(0, false).unwrap().bits(), sums[4 * c..][..4]);
                }
            });
        }
        for pair in cpus().chunks(2) {
            let run = |device| {
                with_device(device, || {
                    let all = rows.sum([0, 1], false).unwrap().bits();
                    let down = rows.sum(0, false).unwrap().bits();
                    [all, down].concat()
                })
            };
            assert_eq!(run(pair[0]), run(pair[1]), "threads change a sum");
        }
    }
}

#[test]
fn every_dtype_has_its_reductions() {
    on_each(|_| {
        for dtype in REAL {
            let x = of_numbers(&[3.0, 0.0, 2.0, 1.0, 2.0, 2.0], &[2, 3], dtype);
            let y = |y: Result<Array, _>| {
                let y: Array = y.unwrap();
                (numbers_of(&y), y.dtype())
            };
            let wide = match dtype {
                Dtype::U8 | Dtype::U16 => Dtype::U32,
                Dtype::I8 | Dtype::I16 => Dtype::I32,
                dtype => dtype,
            };
            assert_eq!(y(x.sum(-1, false)), (vec![5.0, 5.0], wide), "{dtype}");
            assert_eq!(y(x.prod(-1, false)), (vec![0.0, 4.0], wide), "{dtype}");
            assert_eq!(y(x.max(.., true)), (vec![3.0], dtype), "{dtype}");
            assert_eq!(y(x.min(0, false)), (vec![1.0, 0.0, 2.0], dtype), "{dtype}");
            assert_eq!(y(x.all(0, false)), (vec![1.0, 0.0, 1.0], Dtype::Bool));
            assert_eq!(y(x.any(.., false)), (vec![1.0], Dtype::Bool), "{dtype}");
            assert_eq!(y(x.argmax(.., false)), (vec![0.0], Dtype::U32), "{dtype}");
            assert_eq!(y(x.argmin(1, false)), (vec![1.0, 0.0], Dtype::U32));
            assert_eq!(y(x.argmax(0, false)), (vec![0.0, 1.0, 0.0], Dtype::U32));
            let float = dtype.at_least_float();
            let third = numbers_of(&x.mean(-1, false).unwrap());
            assert!(
                third.iter().all(|v| (v - 5.0 / 3.0).abs() < 0.01),
                "{dtype}"
            );
            assert_eq!(x.mean(-1, false).unwrap().dtype(), float);
            assert_eq!(y(x.median(-1, false)), (vec![2.0, 2.0], float), "{dtype}");
            assert_eq!(y(x.softmax([0, 1]).unwrap().sum(.., false)).1, float);
        }
    });
}

#[test]
fn complex_numbers_are_ordered_by_real_then_imaginary_part() {
    let nan = f32::NAN;
    let values = [[1.0f32, 2.0], [1.0, 3.0], [1.0, -9.0], [0.0, 7.0]];
    on_each(|_| {
        let x = Array::from_slice(&values, [4]).unwrap();
        let item = |y: Array| y.item::<[f32; 2]>().unwrap();
        assert_eq!(item(x.max(.., false).unwrap()), [1.0, 3.0]);
        assert_eq!(item(x.min(.., false).unwrap()), [0.0, 7.0]);
        assert_eq!(x.argmax(.., false).unwrap().item::<u32>().unwrap(), 1);
        assert_eq!(x.argmin(.., false).unwrap().item::<u32>().unwrap(), 3);
        let y = Array::from_slice(&[[1.0f32, 1.0], [0.0, 2.0]], [2]).unwrap();
        assert_eq!(item(y.prod(.., false).unwrap()), [-2.0, 2.0]);
        let y = Array::from_slice(&[[1.0f32, 2.0], [nan, 0.0], [3.0, nan]], [3]).unwrap();
        assert_eq!(y.argmax(.., false).unwrap().item::<u32>().unwrap(), 1);
        let largest = item(y.max(.., false).unwrap());
        assert!(largest.iter().any(|part| part.is_nan()));
    });
}

#[test]
fn axes_without_elements_reduce_to_what_changes_nothing() {
    on_each(|_| {
        let x = Array::zeros([0usize, 3], Dtype::F32).unwrap();
        assert_eq!(numbers_of(&x.all(0, false).unwrap()), [1.0; 3]);
        assert_eq!(numbers_of(&x.any(.., false).unwrap()), [0.0]);
        assert_eq!(numbers_of(&x.max(1, false).unwrap()), [0.0; 0]);
        assert!(numbers_of(&x.mean(0, false).unwrap())[0].is_nan());
        for e in [
            x.max(0, false),
            x.min(.., false),
            x.argmax(.., false),
            x.median(0, false),
            x.logsumexp(0, false),
        ] {
            assert!(e.unwrap_err().to_string().contains("no elements"));
        }
        assert_eq!(*x.softmax(0).unwrap().shape(), [0, 3].into());
    });
}

#[test]
fn no_axes_change_nothing_but_the_dtype() {
    on_each(|_| {
        let x = of_numbers(&[3.0, -1.0], &[2], Dtype::I8);
        let y = x.sum([0i32; 0], false).unwrap();
        assert_eq!((numbers_of(&y), y.dtype()), (vec![3.0, -1.0], Dtype::I32));
        let y = x.any([0i32; 0], true).unwrap();
        assert_eq!((numbers_of(&y), y.dtype()), (vec![1.0, 1.0], Dtype::Bool));
        let scalar = Array::scalar(2.0f32);
        assert_eq!(numbers_of(&scalar.max(.., true).unwrap()), [2.0]);
        assert_eq!(numbers_of(&scalar.softmax(..).unwrap()), [1.0]);
        assert_eq!(numbers_of(&scalar.logsumexp(.., false).unwrap()), [2.0]);
        assert_eq!(numbers_of(&scalar.argmax(.., true).unwrap()), [0.0]);
    });
}

#[test]
fn a_wrong_axis_is_named() {
    let x = Array::zeros([2usize, 3], Dtype::F32).unwrap();
    let said = |e: Result<Array, lazuli_core::Error>| e.unwrap_err().to_string();
    assert_eq!(
        said(x.max([0, -2], false)),
        "max: axis 0 is named twice in [0, -2]"
    );
    assert_eq!(
        said(x.logsumexp(2, false)),
        "logsumexp: axis 2 is out of range for an array of 2 axes"
    );
    assert_eq!(
        said(x.argmin([0, 1], false)),
        "argmin: goes along one axis, not along [0, 1]"
    );
}
