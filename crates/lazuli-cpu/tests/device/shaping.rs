//! Functions of shape and arrays made of nothing, against what `mlx.core` and NumPy return.

use lazuli_core::creation::Indexing;
use lazuli_core::shaping::Pad;
use lazuli_core::{Array, Axes, Dtype, Shape, array};
use proptest::prelude::{ProptestConfig, proptest};

use super::common::*;

fn ints(a: &Array) -> (Vec<usize>, Vec<i64>) {
    let shape = a.shape().to_vec();
    (shape, a.astype(Dtype::I64).unwrap().to_vec().unwrap())
}

fn matrix() -> Array {
    array![[0, 1, 2], [3, 4, 5]]
}

fn dims(a: lazuli_core::Result<Array>) -> Vec<usize> {
    a.unwrap().shape().to_vec()
}

fn refused<T>(result: lazuli_core::Result<T>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn axes_come_and_go() {
    let x = Array::zeros([2, 3, 4], Dtype::F32).unwrap();
    assert_eq!(dims(x.reshape_inferred(&[4, -1])), [4, 6]);
    assert_eq!(dims(x.flatten(0, -1)), [24]);
    assert_eq!(dims(x.flatten(1, 2)), [2, 12]);
    assert_eq!(dims(Array::scalar(1.0f32).flatten(0, -1)), [1]);
    assert_eq!(dims(x.unflatten(-1, &[2, -1])), [2, 3, 2, 2]);
    assert_eq!(dims(x.expand_dims([0, -1])), [1, 2, 3, 4, 1]);
    assert_eq!(dims(x.transpose(..)), [4, 3, 2]);
    assert_eq!(dims(x.transpose([0, -1, 1])), [2, 4, 3]);
    assert_eq!(dims(x.moveaxis(0, -1)), [3, 4, 2]);
    assert_eq!(dims(x.swapaxes(0, 2)), [4, 3, 2]);
    let thin = Array::zeros([1, 2, 1], Dtype::F32).unwrap();
    assert_eq!(dims(thin.squeeze(..)), [2]);
    assert_eq!(dims(thin.squeeze(-1)), [1, 2]);
    let v = array![1, 2, 3];
    assert_eq!(dims(v.atleast_2d()), [1, 3]);
    assert_eq!(dims(v.atleast_3d()), [1, 3, 1]);
    assert_eq!(dims(matrix().atleast_3d()), [2, 3, 1]);
    assert_eq!(dims(Array::scalar(1i32).atleast_1d()), [1]);
    assert_eq!(
        Shape::broadcast_all("broadcast_shapes", &[[1, 3].into(), [2, 1].into()]).unwrap(),
        [2, 3].into()
    );
    let both = Array::broadcast_arrays(&[v, matrix()]).unwrap();
    assert_eq!(ints(&both[0]).1, [1, 2, 3, 1, 2, 3]);
    for (got, want) in [
        (
            refused(x.squeeze(1)),
            "squeeze: axis 1 of shape [2, 3, 4] has more than one element",
        ),
        (
            refused(x.reshape_inferred(&[5, -1])),
            "reshape: 24 elements cannot be seen as [5, -1]",
        ),
        (
            refused(x.reshape_inferred(&[-1, -1])),
            "reshape: 24 elements cannot be seen as [-1, -1]",
        ),
        (
            refused(x.expand_dims([0, 0])),
            "expand_dims: axis 0 is named twice in [0, 0]",
        ),
        (
            refused(x.flatten(2, 0)),
            "flatten: axis 2 comes after axis 0 of shape [2, 3, 4]",
        ),
        (
            refused(x.reshape([1 << 40, 1 << 40])),
            "reshape: [1099511627776, 1099511627776] does not fit in memory",
        ),
    ] {
        assert_eq!(got, want);
    }
}

#[test]
fn arrays_are_joined_and_taken_apart() {
    on_each(|_| {
        let x = matrix();
        let halves = Array::concatenate(&[array![1, 2], array![1.5]], 0).unwrap();
        assert_eq!((halves.dtype(), halves.elements()), (Dtype::F32, 3));
        let both = Array::stack(&[x.clone(), x.clone()], -1).unwrap();
        assert_eq!(both.shape()[..], [2, 3, 2]);
        let columns = x.unstack(1).unwrap();
        assert_eq!(ints(&columns[2]), (vec![2], vec![2, 5]));
        assert_eq!(ints(&Array::stack(&columns, 1).unwrap()), ints(&x));
        let parts = x.split(3, 1).unwrap();
        assert_eq!(ints(&parts[1]), (vec![2, 1], vec![1, 4]));
        assert_eq!(
            refused(x.split(2, 1)),
            "split: 3 elements along axis 1 do not make 2 parts"
        );
        let of = |at: &[isize]| -> Vec<usize> {
            x.split_at(at, 1)
                .unwrap()
                .iter()
                .map(|p| p.dim(1))
                .collect()
        };
        assert_eq!(of(&[1, 5]), [1, 2, 0]);
        assert_eq!(of(&[-1]), [2, 1]);
        assert_eq!(of(&[2, 1]), [2, 0, 2]);
        assert_eq!(
            ints(&x.repeat(2, 1).unwrap()).1,
            [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        );
        assert_eq!(ints(&x.repeat(2, ..).unwrap()).0, [12]);
        assert_eq!(dims(x.repeat(0, 1)), [2, 0]);
        assert_eq!(
            ints(&x.tile(&[2]).unwrap()).1,
            [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]
        );
        assert_eq!(dims(x.tile(&[2, 1, 1])), [2, 2, 3]);
        assert!(x.tile(&[usize::MAX, 2]).is_err());
        assert!(x.repeat(usize::MAX, 0).is_err());
    });
}

#[test]
fn axes_run_backwards_and_around() {
    on_each(|_| {
        let x = matrix();
        assert_eq!(ints(&x.flip(..).unwrap()).1, [5, 4, 3, 2, 1, 0]);
        assert_eq!(ints(&x.flip(0).unwrap()).1, [3, 4, 5, 0, 1, 2]);
        assert_eq!(ints(&x.roll(&[1], ..).unwrap()).1, [5, 0, 1, 2, 3, 4]);
        assert_eq!(
            ints(&x.roll(&[1, 2], [0, 1]).unwrap()).1,
            [4, 5, 3, 1, 2, 0]
        );
        assert_eq!(ints(&x.roll(&[1], [0, 1]).unwrap()).1, [5, 3, 4, 2, 0, 1]);
        assert_eq!(
            ints(&x.roll(&[1, 2], [1, 1]).unwrap()).1,
            [0, 1, 2, 3, 4, 5]
        );
        assert_eq!(ints(&x.roll(&[-4], 1).unwrap()).1, [1, 2, 0, 4, 5, 3]);
        let none = Array::zeros([0, 3], Dtype::F32).unwrap();
        assert_eq!(dims(none.roll(&[1], 0)), [0, 3]);
        assert_eq!(dims(none.flip(0)), [0, 3]);
    });
}

#[test]
fn padding_continues_an_axis() {
    on_each(|_| {
        let v = array![1, 2, 3];
        let of = |before, after, mode: &Pad| ints(&v.pad(&[(before, after)], mode).unwrap()).1;
        assert_eq!(of(1, 2, &Pad::Edge), [1, 1, 2, 3, 3, 3]);
        assert_eq!(of(2, 2, &Pad::Reflect), [3, 2, 1, 2, 3, 2, 1]);
        assert_eq!(of(5, 0, &Pad::Reflect), [2, 1, 2, 3, 2, 1, 2, 3]);
        assert_eq!(of(5, 3, &Pad::Symmetric), [2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 1]);
        let one = array![5].pad(&[(2, 1)], &Pad::Reflect).unwrap();
        assert_eq!(ints(&one).1, [5, 5, 5, 5]);
        let x = matrix()
            .pad(&[(0, 1), (1, 0)], &Pad::Constant(Array::from(7.9)))
            .unwrap();
        assert_eq!(
            ints(&x),
            (vec![3, 4], vec![7, 0, 1, 2, 7, 3, 4, 5, 7, 7, 7, 7])
        );
        let none = Array::zeros([0], Dtype::F32).unwrap();
        assert_eq!(
            refused(none.pad(&[(1, 0)], &Pad::Edge)),
            "pad: axis 0 has no elements to pad with"
        );
        assert!(v.pad(&[(usize::MAX, 1)], &Pad::Edge).is_err());
    });
}

#[test]
fn diagonals_and_triangles() {
    on_each(|_| {
        let x = Array::arange(0.0, 24.0, 1.0, Dtype::I32).unwrap();
        let cube = x.reshape([2, 3, 4]).unwrap();
        let d = cube.diagonal(1, 0, 2).unwrap();
        assert_eq!(ints(&d), (vec![3, 2], vec![1, 14, 5, 18, 9, 22]));
        assert_eq!(dims(matrix().diagonal(-5, 0, 1)), [0]);
        assert_eq!(ints(&matrix().diag(-1).unwrap()).1, [3]);
        let m = array![1, 2].diag(1).unwrap();
        assert_eq!(ints(&m), (vec![3, 3], vec![0, 1, 0, 0, 0, 2, 0, 0, 0]));
        let m = array![1, 2].diag(-1).unwrap();
        assert_eq!(ints(&m).1, [0, 0, 0, 1, 0, 0, 0, 2, 0]);
        let tri = Array::tri(3, 4, 1, Dtype::I8).unwrap();
        assert_eq!(ints(&tri).1, [1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1]);
        let square = x.narrow(0, 1, 10).unwrap().reshape([3, 3]).unwrap();
        assert_eq!(
            ints(&square.tril(-1).unwrap()).1,
            [0, 0, 0, 4, 0, 0, 7, 8, 0]
        );
        assert_eq!(
            ints(&square.triu(1).unwrap()).1,
            [0, 2, 3, 0, 0, 6, 0, 0, 0]
        );
        let eye = Array::eye(3, 4, 1, Dtype::Bool).unwrap();
        assert_eq!(ints(&eye).1, [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
        assert_eq!(
            ints(&Array::identity(2, Dtype::F16).unwrap()).1,
            [1, 0, 0, 1]
        );
        assert_eq!(
            refused(x.tril(0)),
            "tril: needs two axes, the shape is [24]"
        );
    });
}

#[test]
fn ranges_have_even_steps_in_every_dtype() {
    on_each(|_| {
        let of = |a, b, c, d| ints(&Array::arange(a, b, c, d).unwrap()).1;
        assert_eq!(of(5.0, 1.0, -2.0, Dtype::I32), [5, 3]);
        assert_eq!(of(5.0, 1.0, 1.0, Dtype::I32), [0i64; 0]);
        assert_eq!(of(0.5, 5.0, 1.5, Dtype::I32), [0, 2, 4]);
        assert_eq!(of(250.0, 260.0, 1.0, Dtype::U8)[4..8], [254, 255, 0, 1]);
        for dtype in [Dtype::F16, Dtype::BF16, Dtype::F32, Dtype::F64, Dtype::C64] {
            let x = Array::arange(0.0, 1.0, 0.1, dtype).unwrap();
            let want = Host {
                shape: vec![10],
                values: (0..10).map(|k| k as f64 * 0.1).collect(),
            };
            assert_near(&x, &want, 1.0, &format!("{dtype}"));
        }
        let far = Array::arange(0.0, 1e6, 0.1, Dtype::F32).unwrap();
        assert_eq!(far.values::<f32>()[9_999_999], 999999.9);
        assert!(Array::arange(0.0, 10.0, 0.0, Dtype::F32).is_err());
        assert!(Array::arange(0.0, 3.0, 1.0, Dtype::Bool).is_err());
        assert!(Array::arange(0.0, 1e300, 1.0, Dtype::F32).is_err());
        let line = Array::linspace(0.0, 1.0, 5, Dtype::F32).unwrap();
        assert_eq!(line.values::<f32>(), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(
            ints(&Array::linspace(0.0, 10.0, 5, Dtype::I32).unwrap()).1,
            [0, 2, 5, 7, 10]
        );
        assert_eq!(
            ints(&Array::linspace(3.0, 9.0, 1, Dtype::I32).unwrap()).1,
            [3]
        );
        assert_eq!(dims(Array::linspace(0.0, 1.0, 0, Dtype::F32)), [0]);
        let (v, w) = (array![1, 2, 3], array![4, 5]);
        let plane = Array::meshgrid(&[v.clone(), w.clone()], false, Indexing::Xy).unwrap();
        assert_eq!(ints(&plane[1]), (vec![2, 3], vec![4, 4, 4, 5, 5, 5]));
        let rows = Array::meshgrid(&[v.clone(), w.clone()], true, Indexing::Ij).unwrap();
        assert_eq!(
            (ints(&rows[0]).0, ints(&rows[1]).0),
            (vec![3, 1], vec![1, 2])
        );
        let ones = v
            .ones_like()
            .unwrap()
            .add(&w.narrow(0, 0, 1).unwrap().zeros_like().unwrap());
        assert_eq!(ints(&ones.unwrap()).1, [1, 1, 1]);
        assert_eq!(ints(&v.full_like(2.5).unwrap()).1, [2, 2, 2]);
    });
}

#[test]
fn windows_taper() {
    on_each(|_| {
        let of = |w: lazuli_core::Result<Array>| w.unwrap().values::<f32>();
        let near = |got: Vec<f32>, want: &[f32]| {
            assert_eq!(got.len(), want.len());
            let close = |(g, w): (&f32, &f32)| (g - w).abs() < 1e-6;
            assert!(got.iter().zip(want).all(close), "{got:?} {want:?}");
        };
        near(of(Array::hanning(5)), &[0.0, 0.5, 1.0, 0.5, 0.0]);
        near(of(Array::hamming(5)), &[0.08, 0.54, 1.0, 0.54, 0.08]);
        near(of(Array::blackman(5)), &[0.0, 0.34, 1.0, 0.34, 0.0]);
        near(of(Array::bartlett(6)), &[0.0, 0.4, 0.8, 0.8, 0.4, 0.0]);
        near(of(Array::hanning(1)), &[1.0]);
        near(of(Array::hamming(0)), &[]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_roll_and_a_flip_come_back(seed: u64) {
        let mut rng = Rng(seed);
        let (x, host) = viewed(&mut rng, Dtype::I16, 90.0);
        let rank = host.shape.len();
        let axes: Vec<isize> = (0..rank as isize).filter(|_| rng.below(2) == 0).collect();
        let shifts: Vec<isize> = axes.iter().map(|_| rng.below(40) as isize - 20).collect();
        let back: Vec<isize> = shifts.iter().map(|s| -s).collect();
        let named = Axes::from(&axes);
        on_each(|device| {
            let what = format!("{:?} {axes:?} {shifts:?} {device:?}", host.shape);
            let there = x.flip(named.clone()).unwrap();
            assert_near(&there.flip(named.clone()).unwrap(), &host, 0.0, &what);
            let want = host.gather(&host.shape, |i| {
                let mut from = i.to_vec();
                for (&a, &s) in axes.iter().zip(&shifts) {
                    let n = host.shape[a as usize] as isize;
                    from[a as usize] = (i[a as usize] as isize - s).rem_euclid(n) as usize;
                }
                from
            });
            if !axes.is_empty() {
                let there = x.roll(&shifts, named.clone()).unwrap();
                assert_near(&there, &want, 0.0, &what);
                assert_near(&there.roll(&back, named.clone()).unwrap(), &host, 0.0, &what);
            }
        });
    }
}
