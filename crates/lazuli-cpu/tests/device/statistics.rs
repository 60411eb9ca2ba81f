//! Means, variances, medians and logarithms of sums of exponentials against `f64`.

use lazuli_core::{Array, Dtype};
use proptest::prelude::*;

use super::common::*;

const FLOATS: [Dtype; 4] = [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F64];

/// `f` of the elements over `axes` at each place of the others, which come first in the result's order.
fn reduce(host: &Host, axes: &[usize], f: impl Fn(Vec<f64>) -> f64) -> Host {
    let mut shape = host.shape.clone();
    axes.iter().for_each(|&a| shape[a] = 1);
    let inner: Vec<usize> = axes.iter().map(|&a| host.shape[a]).collect();
    let values = indices(&shape)
        .map(|mut at| {
            let elements = indices(&inner).map(|i| {
                axes.iter().zip(i).for_each(|(&a, i)| at[a] = i);
                host.at(&at)
            });
            f(elements.collect())
        })
        .collect();
    Host { shape, values }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn statistics_match_f64(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = FLOATS[rng.below(4)];
        let (x, host) = viewed(&mut rng, dtype, 3.0);
        let axes: Vec<usize> = (0..host.shape.len()).filter(|_| rng.below(2) == 0).collect();
        let count: usize = axes.iter().map(|&a| host.shape[a]).product();
        if axes.is_empty() || count == 0 {
            return Ok(());
        }
        let ddof = rng.below(count.min(2));
        let ulps = 8.0 + count as f64;
        on_each(|device| {
            let what = format!("{dtype} {:?} over {axes:?} {device:?}", host.shape);
            // What cancels is measured against the size of the operands.
            let near = |y: Array, want: Host| {
                prop_assert_eq!(&**y.shape(), &want.shape[..]);
                for (g, w) in numbers_of(&y).into_iter().zip(&want.values) {
                    let tolerance = ulps * step(dtype) * (w.abs() + 3.0);
                    prop_assert!((g - w).abs() <= tolerance, "{}: {} for {}", what, g, w);
                }
                Ok(())
            };
            near(x.mean(&axes, true).unwrap(), reduce(&host, &axes, |x| mean(&x))).unwrap();
            let var = reduce(&host, &axes, |x| {
                let m = mean(&x);
                x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (x.len() - ddof) as f64
            });
            near(x.var(&axes, true, ddof as isize).unwrap(), var.clone()).unwrap();
            let sigma = x.std(&axes, true, ddof as isize).unwrap();
            near(sigma.square().unwrap(), var).unwrap();
            let median = reduce(&host, &axes, |mut x| {
                x.sort_by(f64::total_cmp);
                (x[x.len() / 2] + x[(x.len() - 1) / 2]) / 2.0
            });
            near(x.median(&axes, true).unwrap(), median).unwrap();
            let log = reduce(&host, &axes, |x| x.iter().map(|v| v.exp()).sum::<f64>().ln());
            near(x.logsumexp(&axes, true).unwrap(), log).unwrap();
            let soft = x.softmax(&axes).unwrap();
            let total = soft.sum(&axes, true).unwrap();
            let one = reduce(&host, &axes, |_| 1.0);
            near(total, one).unwrap();
            let ratio = x.logsumexp(&axes, true).unwrap();
            let again = x.subtract(&ratio).unwrap().exp().unwrap();
            let again = Host { shape: host.shape.clone(), values: numbers_of(&again) };
            near(soft, again).unwrap();
        });
    }

    #[test]
    fn diagonals_and_differences_match_f64(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = FLOATS[rng.below(4)];
        let shape = [rng.below(5), rng.below(5), rng.below(5)];
        let (x, host) = viewed_as(&mut rng, &shape, dtype, 3.0);
        let offset = rng.below(9) as isize - 4;
        let (a, b) = [(0, 1), (2, 0), (1, 2)][rng.below(3)];
        let rest = 3 - a - b;
        let values = (0..shape[rest]).map(|r| {
            let mut sum = 0.0;
            for i in 0..shape[a] {
                let j = i as isize + offset;
                if (0..shape[b] as isize).contains(&j) {
                    let mut at = [r; 3];
                    (at[a], at[b]) = (i, j as usize);
                    sum += host.at(&at);
                }
            }
            sum
        });
        let trace = Host { shape: vec![shape[rest]], values: values.collect() };
        let axis = rng.below(3);
        let mut to = shape;
        to[axis] = to[axis].saturating_sub(1);
        let values = indices(&to).map(|i| {
            let mut next = i.clone();
            next[axis] += 1;
            host.at(&next) - host.at(&i)
        });
        let diff = Host { shape: to.to_vec(), values: values.collect() };
        on_each(|_| {
            let near = |y: Array, want: &Host| {
                assert_eq!(**y.shape(), want.shape[..]);
                for (g, w) in numbers_of(&y).into_iter().zip(&want.values) {
                    assert!((g - w).abs() <= 60.0 * step(dtype), "{g} for {w}");
                }
            };
            near(x.trace(offset, a as isize, b as isize, None).unwrap(), &trace);
            near(x.diff(1, axis as isize).unwrap(), &diff);
            let twice = x.diff(2, axis as isize).unwrap();
            let again = x.diff(1, -1).unwrap();
            assert_eq!(twice.dim(axis), shape[axis].saturating_sub(2));
            assert_eq!(again.dim(2), shape[2].saturating_sub(1));
        });
    }
}

#[test]
fn means_of_many_halves_do_not_overflow() {
    on_each(|_| {
        let x = Array::full([100_000], 1.5, Dtype::F16).unwrap();
        assert_eq!(numbers_of(&x.mean(.., false).unwrap()), [1.5]);
        assert_eq!(numbers_of(&x.var(.., false, 0).unwrap()), [0.0]);
    });
}

#[test]
fn infinities_and_nan_come_through() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    on_each(|_| {
        for dtype in FLOATS {
            let of = |x: &[f64]| of_numbers(x, &[x.len()], dtype);
            let log = |x: &[f64]| numbers_of(&of(x).logsumexp(.., false).unwrap())[0];
            assert_eq!(log(&[-inf, -inf]), -inf, "{dtype}");
            assert_eq!(log(&[inf, 1.0]), inf, "{dtype}");
            assert_eq!(log(&[inf, -inf]), inf, "{dtype}");
            assert!(log(&[1.0, nan, inf]).is_nan(), "{dtype}");
            assert_eq!(log(&[-inf, 2.0]), 2.0, "{dtype}");
            let median = |x: &[f64]| numbers_of(&of(x).median(.., false).unwrap())[0];
            assert!(median(&[nan, 1.0, 2.0, 3.0, 4.0]).is_nan(), "{dtype}");
            assert_eq!(median(&[-inf, 1.0, inf, 2.0]), 1.5, "{dtype}");
            let var = |ddof| numbers_of(&of(&[2.0, 3.0]).var(.., false, ddof).unwrap())[0];
            assert_eq!(var(2), inf, "{dtype}");
            assert_eq!(var(3), inf, "{dtype}");
        }
        let x = Array::from_slice(&[[1.0f32, 2.0], [3.0, 0.0]], [2]).unwrap();
        assert_eq!(numbers_of(&x.var(.., false, 0).unwrap()), [2.0]);
        assert_eq!(x.std(.., false, 0).unwrap().dtype(), Dtype::F32);
    });
}

#[test]
fn complex_exponentials_are_normalised() {
    on_each(|_| {
        let x = Array::from_slice(&[[1.0f32, 1.0], [0.0, 2.0]], [2]).unwrap();
        let log = x.logsumexp(.., false).unwrap().item::<[f32; 2]>().unwrap();
        // numpy.log(numpy.exp([1+1j, 2j]).sum())
        let want = [1.213_57_f32, 1.252_71];
        assert!((0..2).all(|i| (log[i] - want[i]).abs() < 1e-5), "{log:?}");
        let sum = x.softmax(0).unwrap().sum(.., false).unwrap();
        let sum = sum.item::<[f32; 2]>().unwrap();
        assert!(
            (sum[0] - 1.0).abs() < 1e-6 && sum[1].abs() < 1e-6,
            "{sum:?}"
        );
    });
}

#[test]
fn small_types_are_traced_in_wider_ones_and_truth_values_differ() {
    on_each(|_| {
        let x = Array::full([3, 3], 100.0, Dtype::I8).unwrap();
        let y = x.trace(0, 0, 1, None).unwrap();
        assert_eq!((numbers_of(&y), y.dtype()), (vec![300.0], Dtype::I32));
        let y = x.trace(0, 0, 1, Some(Dtype::F16)).unwrap();
        assert_eq!((numbers_of(&y), y.dtype()), (vec![300.0], Dtype::F16));
        assert!(x.trace(0, 1, -1, None).is_err());
        let x = of_numbers(&[1.0, 0.0, 1.0, 1.0], &[4], Dtype::Bool);
        let y = x.diff(1, 0).unwrap();
        assert_eq!(
            (numbers_of(&y), y.dtype()),
            (vec![1.0, 1.0, 0.0], Dtype::Bool)
        );
        assert!(Array::scalar(1.0f32).diff(1, 0).is_err());
        assert_eq!(*x.diff(9, 0).unwrap().shape(), [0].into());
    });
}
