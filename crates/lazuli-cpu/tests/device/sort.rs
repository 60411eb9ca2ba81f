//! Sorting, selection and search against a stable sort of `f64`.

use lazuli_core::ops::search::Side;
use lazuli_core::{Array, Dtype, dtype, with_device};
use proptest::prelude::*;

use super::common::{Host, Rng, cpus, indices, numbers_of, of_numbers, on_each, sample};

/// Ascending, NaN last, `-0` as `0`.
fn order(a: f64, b: f64) -> std::cmp::Ordering {
    a.is_nan()
        .cmp(&b.is_nan())
        .then(a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal))
}

/// The positions that sort each line along `axis`, stably.
fn positions(host: &Host, axis: usize) -> Host {
    let mut values = vec![0.0; host.values.len()];
    let flat = |i: &[usize]| i.iter().zip(&host.shape).fold(0, |f, (i, d)| f * d + i);
    for i in indices(&host.shape).filter(|i| i[axis] == 0) {
        let at = |k: usize| {
            let mut i = i.clone();
            i[axis] = k;
            i
        };
        let mut line: Vec<usize> = (0..host.shape[axis]).collect();
        line.sort_by(|&a, &b| order(host.at(&at(a)), host.at(&at(b))));
        for (k, p) in line.into_iter().enumerate() {
            values[flat(&at(k))] = p as f64;
        }
    }
    Host {
        shape: host.shape.clone(),
        values,
    }
}

fn picked(host: &Host, places: &Host, axis: usize) -> Host {
    host.gather(&host.shape, |i| {
        let mut from = i.to_vec();
        from[axis] = places.at(i) as usize;
        from
    })
}

/// Numbers among which there are equal ones, zeros of both signs, infinities and NaN.
fn awkward(rng: &mut Rng, shape: &[usize], dtype: Dtype) -> (Array, Host) {
    let special = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0];
    let rare = 1 + rng.below(30);
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count)
        .map(|_| match rng.below(rare) {
            0 if rare < 20 => special[rng.below(6)],
            _ => (rng.unit() * 90.0).round() / 2.0,
        })
        .collect();
    let x = of_numbers(&numbers, shape, dtype);
    let values = numbers_of(&x);
    (
        x,
        Host {
            shape: shape.to_vec(),
            values,
        },
    )
}

fn same(y: &Array, want: &Host, what: &str) {
    assert_eq!(**y.shape(), want.shape[..], "{what}");
    let bits = |v: f64| (v.is_nan(), v.to_bits() * !v.is_nan() as u64);
    let got: Vec<_> = numbers_of(y).into_iter().map(bits).collect();
    let want: Vec<_> = want.values.iter().copied().map(bits).collect();
    assert_eq!(got, want, "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sorting_is_stable_along_any_axis(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = dtype::ALL[rng.below(13)];
        let mut shape = rng.shape(2, 6);
        let axis = rng.below(shape.len() + 1);
        let most = [9, 700][rng.below(2)];
        shape.insert(axis, rng.below(most));
        let (x, host) = awkward(&mut rng, &shape, dtype);
        let (x, host) = match rng.below(2) {
            0 => (x, host),
            _ => {
                // Backwards along every axis.
                let last: Vec<usize> = shape.iter().map(|d| d.max(&1) - 1).collect();
                let back = host.gather(&shape, |i| i.iter().zip(&last).map(|(i, l)| l - i).collect());
                (x.slice(&last, &vec![-1; last.len()], shape.as_slice()).unwrap(), back)
            }
        };
        let places = positions(&host, axis);
        let sorted = picked(&host, &places, axis);
        let len = shape[axis];
        let kth = rng.below(len);
        let axis = axis as isize;
        on_each(|device| {
            let what = format!("{dtype} {shape:?} {axis} {device:?}");
            same(&x.argsort(axis).unwrap(), &places, &what);
            same(&x.sort(axis).unwrap(), &sorted, &what);
            if len == 0 {
                return;
            }
            let at = |y: &Array, first, last| {
                let y = y.narrow(axis, first, last).unwrap();
                numbers_of(&y.sort(axis).unwrap())
            };
            let whole = x.sort(axis).unwrap();
            let bits = |v: Vec<f64>| -> Vec<u64> {
                v.into_iter().map(|v| if v.is_nan() { f64::NAN } else { v + 0.0 }.to_bits()).collect()
            };
            let part = x.partition(kth as isize - len as isize, axis).unwrap();
            // The same elements before, at, and after the rank.
            for (first, last) in [(0, kth), (kth, kth + 1), (kth + 1, len)] {
                assert_eq!(bits(at(&part, first, last)), bits(at(&whole, first, last)), "{what}");
            }
            let top = x.topk(len - kth, axis).unwrap().sort(axis).unwrap();
            assert_eq!(bits(numbers_of(&top)), bits(at(&whole, kth, len)), "{what}");
        });
        // The positions of a partition are those of its elements.
        if len > 0 {
            let chosen = x.argpartition(kth as isize, axis).unwrap();
            let chosen = Host { shape: shape.clone(), values: numbers_of(&chosen) };
            same(&x.partition(kth as isize, axis).unwrap(), &picked(&host, &chosen, axis as usize), "partition");
        }
    }

    #[test]
    fn values_are_found_among_sorted_ones(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = dtype::ALL[rng.below(13)];
        let count = rng.below(40);
        let (sorted, _) = awkward(&mut rng, &[count], dtype);
        let sorted = sorted.sort(0).unwrap();
        let shape = rng.shape(3, 5);
        let (values, host) = awkward(&mut rng, &shape, dtype);
        let line = numbers_of(&sorted);
        on_each(|_| {
            for (side, after) in [(Side::Left, false), (Side::Right, true)] {
                let want = host.map(|v| {
                    let before = |&x: &f64| order(x, v).is_lt() || (after && order(x, v).is_eq());
                    line.iter().filter(|x| before(x)).count() as f64
                });
                let places = sorted.searchsorted(&values, side).unwrap();
                assert_eq!(places.dtype(), Dtype::U32);
                same(&places, &want, &format!("{dtype} {side:?}"));
            }
        });
    }
}

#[test]
fn long_rows_are_sorted_by_digits_and_by_comparison_alike() {
    let mut rng = Rng(9);
    for dtype in [
        Dtype::F32,
        Dtype::F16,
        Dtype::I8,
        Dtype::F64,
        Dtype::I64,
        Dtype::U32,
    ] {
        for len in [191, 192, 193, 5000, 40_000] {
            let (x, host) = sample(&mut rng, &[2, len], dtype, 120.0);
            let places = positions(&host, 1);
            let sorted = picked(&host, &places, 1);
            for &device in cpus() {
                with_device(device, || {
                    same(&x.argsort(1).unwrap(), &places, &format!("{dtype} {len}"));
                    same(&x.sort(-1).unwrap(), &sorted, &format!("{dtype} {len}"));
                });
            }
        }
    }
}

#[test]
fn complex_numbers_sort_by_real_then_imaginary_part() {
    let nan = f32::NAN;
    let values = [
        [1.0f32, nan],
        [5.0, 2.0],
        [nan, 1.0],
        [2.0, 0.0],
        [0.0, 3.0],
        [-0.0, 5.0],
        [0.0, -1.0],
    ];
    on_each(|_| {
        let x = Array::from_slice(&values, [7]).unwrap();
        assert_eq!(
            numbers_of(&x.argsort(0).unwrap()),
            [6.0, 4.0, 5.0, 3.0, 1.0, 0.0, 2.0]
        );
        let real = numbers_of(&x.sort(..).unwrap());
        assert_eq!(real[..6], [0.0, 0.0, 0.0, 2.0, 5.0, 1.0]);
        let sorted = x.sort(0).unwrap();
        let value = Array::from_slice(&[[0.0f32, 4.0]], [1]).unwrap();
        assert_eq!(
            numbers_of(&sorted.searchsorted(&value, Side::Left).unwrap()),
            [2.0]
        );
    });
}

#[test]
fn two_dots_flatten_and_empty_axes_stay_empty() {
    on_each(|_| {
        let x = Array::from_slice(&[3.0f32, 0.0, 2.0, 1.0, 2.0, 2.0], [2, 3]).unwrap();
        assert_eq!(
            numbers_of(&x.sort(..).unwrap()),
            [0.0, 1.0, 2.0, 2.0, 2.0, 3.0]
        );
        assert_eq!(
            numbers_of(&x.argsort(..).unwrap()),
            [1.0, 3.0, 2.0, 4.0, 5.0, 0.0]
        );
        assert_eq!(numbers_of(&Array::scalar(3.0f32).sort(..).unwrap()), [3.0]);
        let empty = Array::zeros([2usize, 0], Dtype::F32).unwrap();
        assert_eq!(numbers_of(&empty.argsort(-1).unwrap()), [0.0; 0]);
        assert_eq!(*empty.topk(0, -1).unwrap().shape(), [2, 0].into());
        assert_eq!(*x.topk(0, 0).unwrap().shape(), [0, 3].into());
        assert_eq!(
            numbers_of(&x.topk(3, -1).unwrap().sort(-1).unwrap()),
            numbers_of(&x.sort(-1).unwrap())
        );
    });
}

#[test]
fn ranks_and_shapes_that_are_not_there_are_named() {
    let x = Array::zeros([2usize, 3], Dtype::F32).unwrap();
    let said = |e: lazuli_core::error::Result<Array>| e.unwrap_err().to_string();
    assert_eq!(
        said(x.partition(3, -1)),
        "partition: rank 3 is out of range for an axis of 3 elements"
    );
    assert_eq!(
        said(x.argpartition(-4, 1)),
        "argpartition: rank -4 is out of range for an axis of 3 elements"
    );
    assert_eq!(
        said(x.topk(4, 1)),
        "topk: 4 is more than the 3 elements of the axis"
    );
    assert_eq!(
        said(x.searchsorted(&x, Side::Left)),
        "searchsorted: the sorted sequence must have one axis, its shape is [2, 3]"
    );
    assert!(Array::scalar(1.0f32).sort(-1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn distinct_elements_are_found_with_their_places_and_counts(seed: u64) {
        on_each(|_| {
            let mut rng = Rng(seed);
            let shape = [1 + rng.below(4), 1 + rng.below(5)];
            let numbers: Vec<f64> = (0..shape[0] * shape[1]).map(|_| rng.below(6) as f64).collect();
            let dtype = [Dtype::F32, Dtype::I64, Dtype::U8][rng.below(3)];
            let x = of_numbers(&numbers, &shape, dtype);
            let mut sorted = numbers.clone();
            sorted.sort_by(f64::total_cmp);
            sorted.dedup();
            for size in [0, 1, sorted.len(), sorted.len() + 2] {
                let filled = rng.below(2) == 0;
                let fill = filled.then(|| Array::scalar(9i32));
                let found = x.unique(size, fill.as_ref()).unwrap();
                let there = size.min(sorted.len());
                let mut want = sorted[..there].to_vec();
                want.resize(size, if filled { 9.0 } else { sorted[0] });
                assert_eq!(found.values.dtype(), dtype);
                assert_eq!(numbers_of(&found.values), want);
                let count = |v: &f64| numbers.iter().filter(|n| *n == v).count() as f64;
                let mut counts: Vec<f64> = sorted[..there].iter().map(count).collect();
                counts.resize(size, 0.0);
                assert_eq!(numbers_of(&found.counts), counts);
                let place = |v: &f64| numbers.iter().position(|n| n == v).unwrap() as f64;
                let places: Vec<f64> = sorted[..there].iter().map(place).collect();
                assert_eq!(numbers_of(&found.index)[..there], places);
                let rank = |v: &f64| {
                    let rank = sorted.iter().position(|s| s == v).unwrap();
                    rank.min(size.saturating_sub(1)) as f64
                };
                let ranks: Vec<f64> = numbers.iter().map(rank).collect();
                assert_eq!(found.inverse.shape(), x.shape());
                assert_eq!(numbers_of(&found.inverse), ranks);
            }
        });
    }
}

#[test]
fn distinct_elements_of_nothing_need_a_fill_value() {
    let empty = Array::zeros([0usize], Dtype::F32).unwrap();
    let said = |fill: Option<&Array>| empty.unique(2, fill).unwrap_err().to_string();
    assert_eq!(
        said(None),
        "unique: no elements: a size that is not zero needs a fill value"
    );
    assert!(said(Some(&empty)).starts_with("unique: the fill value is one element"));
    let filled = empty.unique(2, Some(&Array::scalar(1.5f32))).unwrap();
    assert_eq!(numbers_of(&filled.values), [1.5, 1.5]);
    assert_eq!(numbers_of(&filled.counts), [0.0, 0.0]);
}
