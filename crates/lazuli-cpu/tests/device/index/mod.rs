//! Reads and writes by index, case by case.

mod random;

use lazuli_core::index::{Ellipsis, Index, NewAxis, slice, step};
use lazuli_core::transforms::grad;
use lazuli_core::{Array, Dtype, Error, array};

use super::common::*;

#[test]
fn an_index_is_written_as_it_is_said() {
    on_each(|_| {
        let x = Array::arange(0.0, 24.0, 1.0, Dtype::I32)
            .unwrap()
            .reshape([2, 3, 4])
            .unwrap();
        let shown = |a: Array| (a.shape().to_vec(), a.values::<i32>());
        assert_eq!(shown(x.get((1, 2, 3)).unwrap()), (vec![], vec![23]));
        assert_eq!(
            shown(x.get((-1, 0, 1..3)).unwrap()),
            (vec![2], vec![13, 14])
        );
        assert_eq!(x.get((.., NewAxis, 1)).unwrap().shape()[..], [2, 1, 4]);
        assert_eq!(shown(x.get((0, 0, step(.., -1))).unwrap()).1, [3, 2, 1, 0]);
        assert_eq!(shown(x.get((0, 0, slice(3, None, -2))).unwrap()).1, [3, 1]);
        assert_eq!(shown(x.get((Ellipsis, ..=1)).unwrap()).0, [2, 3, 2]);
        assert_eq!(shown(x.get((0, [2, 0], 3)).unwrap()).1, [11, 3]);
        assert_eq!(x.get((0, .., &array![0, 1])).unwrap().shape()[..], [2, 3]);
        assert_eq!(
            shown(x.get((1, 1, [true, false, false, true])).unwrap()).1,
            [16, 19]
        );
        assert_eq!(x.get(()).unwrap().shape()[..], [2, 3, 4]);
        let y = x
            .set((0, .., 1..), 0)
            .unwrap()
            .set(1, array![[-1, -2, -3, -4]])
            .unwrap();
        assert_eq!(
            y.values::<i32>()[..14],
            [0, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, -1, -2]
        );
        let y = array![1.5, 2.0].at([0, 0]).divide(2.0).unwrap();
        assert_eq!(y.values::<f32>(), [0.375, 2.0]);
        let y = array![7, 16_777_217].at(0).divide(2).unwrap();
        assert_eq!(y.values::<i32>(), [3, 16_777_217]);
        let y = array![5, 6, 7].at([1, 1, -1]).subtract(2).unwrap();
        assert_eq!(y.values::<i32>(), [5, 2, 5]);
        let y = x.at(x.greater(&array![20]).unwrap()).add(100).unwrap();
        assert_eq!(y.values::<i32>()[20..], [20, 121, 122, 123]);
    });
}

#[test]
fn axes_of_index_arrays_stand_where_numpy_puts_them() {
    let x = Array::zeros([2, 3, 4], Dtype::U8).unwrap();
    let y = Array::zeros([3, 3], Dtype::U8).unwrap();
    let m = array![true, false];
    let shapes: [(&Array, Index, &[usize]); 15] = [
        (&y, (NewAxis, [0, 1], Ellipsis, [0, 1]).into(), &[2, 1]),
        (&y, (NewAxis, [0, 1], [0, 1]).into(), &[1, 2]),
        (&x, (0, Ellipsis, [0, 1]).into(), &[2, 3]),
        (&x, ([0, 1], Ellipsis, 0, [1, 2]).into(), &[2]),
        (&x, (Ellipsis, [0, 1], NewAxis, 0).into(), &[2, 2, 1]),
        (&x, (0, NewAxis, [1, 2]).into(), &[2, 1, 4]),
        (&x, (&m, .., 0).into(), &[1, 3]),
        (&x, (&m, .., [0]).into(), &[1, 3]),
        (&x, (&m, 0).into(), &[1, 4]),
        (&x, (NewAxis, &m).into(), &[1, 1, 3, 4]),
        (&x, (0, .., [true, false, true, true]).into(), &[3, 3]),
        (&x, true.into(), &[1, 2, 3, 4]),
        (&x, (false, 0).into(), &[0, 3, 4]),
        (&x, (.., &array![[0], [1]], [0, 1, 2]).into(), &[2, 2, 3]),
        (&x, (&Array::from(1), NewAxis, [0, 1, 1]).into(), &[3, 1, 4]),
    ];
    on_each(|device| {
        for (of, index, want) in &shapes {
            let got = of.get(index.clone()).unwrap();
            assert_eq!(got.shape()[..], **want, "{index:?} {device:?}");
            // A write takes a value of that shape and shows it to a read.
            let value = Array::full(*want, 5.0, Dtype::U8).unwrap();
            let written = of.set(index.clone(), &value).unwrap();
            let seen = written.get(index.clone()).unwrap();
            assert_eq!(seen.values::<u8>(), value.values::<u8>());
            let fives = written.values::<u8>();
            let fives = fives.iter().filter(|&&v| v == 5).count();
            assert!(fives <= value.elements(), "{index:?} {device:?}");
        }
    });
}

#[test]
fn axes_longer_than_31_bits_are_indexed() {
    on_each(|_| {
        let long = 5_usize << 30;
        let x = Array::full([long], 3.0, Dtype::U8).unwrap();
        let tail = x.get(long - 2..).unwrap();
        assert_eq!(tail.values::<u8>(), [3, 3]);
        let at = Array::from([long as i64 - 1, -(long as i64)]);
        assert_eq!(x.take(&at, 0).unwrap().values::<u8>(), [3, 3]);
        assert!(x.get(long).is_err());
        let at = Array::from(vec![long as i64]);
        let error = x.take(&at, 0).unwrap().eval().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("take: index {long} is outside axis 0, which has {long} elements")
        );
    });
}

#[test]
fn what_lies_outside_is_an_error_that_names_it() {
    on_each(|device| {
        let x = Array::zeros([2, 3], Dtype::F32).unwrap();
        let at_once = |e: Error| e.to_string();
        assert_eq!(
            at_once(x.get((0, 3)).unwrap_err()),
            "index: index 3 is outside axis 1, which has 3 elements"
        );
        assert_eq!(
            at_once(x.get((0, 0, 0)).unwrap_err()),
            "index: 3 axes are indexed, the shape is [2, 3]"
        );
        assert_eq!(
            at_once(x.get((Ellipsis, Ellipsis)).unwrap_err()),
            "index: there is more than one ellipsis"
        );
        assert_eq!(
            at_once(x.get(step(.., 0)).unwrap_err()),
            "index: the step of a range is zero"
        );
        assert_eq!(
            at_once(x.get(array![true, true, true]).unwrap_err()),
            "index: the mask has shape [3], the axes from 0 on [2]"
        );
        assert_eq!(
            at_once(x.get(array![0.5]).unwrap_err()),
            "index: float32 arrays are no indices; use integers or truth values"
        );
        assert_eq!(
            at_once(x.set(0, array![1.0, 2.0]).unwrap_err()),
            "set: a value of shape [2] does not broadcast to [3]"
        );
        let later = [
            x.get(([0, 2], [0, 0])),
            x.set(([0, 2], [0, 0]), 1.0),
            x.take_along_axis(&array![[0], [-3]], 0),
        ];
        let late = [
            "gather: index 2",
            "scatter: index 2",
            "take_along_axis: index -3",
        ];
        for (got, want) in later.into_iter().zip(late) {
            let error = got.unwrap().eval().unwrap_err();
            assert!(matches!(error, Error::Index(_)), "{device:?}");
            assert_eq!(
                error.to_string(),
                format!("{want} is outside axis 0, which has 2 elements")
            );
        }
        let few = x.set(
            array![[true, true, true], [false, false, false]],
            array![1.0, 2.0],
        );
        assert_eq!(
            few.unwrap().eval().unwrap_err().to_string(),
            "masked_scatter: the mask is true 3 times, 2 values were given"
        );
        let window = x.dynamic_slice(&array![2], &[1], [2, 2]).unwrap();
        assert_eq!(
            window.eval().unwrap_err().to_string(),
            "gather: 2 elements from index 2 on leave axis 1, which has 3"
        );
    });
}

#[test]
fn repeated_sums_of_half_types_are_rounded_once() {
    on_each(|_| {
        let x = Array::zeros([1], Dtype::BF16).unwrap();
        let at = Array::full([1000], 0.0, Dtype::I32).unwrap();
        let y = x.at(&at).add(1.0).unwrap().astype(Dtype::F32).unwrap();
        // Added one by one in bfloat16 the sum would stay at 256.
        assert_eq!(y.item::<f32>().unwrap(), 1000.0);
    });
}

#[test]
fn large_scatters_do_not_depend_on_threads() {
    let rows = 3000;
    let mut rng = Rng(5);
    let at: Vec<i32> = (0..rows).map(|_| rng.below(100) as i32).collect();
    let (updates, host) = sample(&mut rng, &[rows, 200], Dtype::F32, 1.0);
    let mut want = vec![0f32; 100 * 200];
    for (row, &to) in at.iter().enumerate() {
        for k in 0..200 {
            want[to as usize * 200 + k] += host.at(&[row, k]) as f32;
        }
    }
    let at = Array::from(at);
    on_each(|device| {
        let x = Array::zeros([100, 200], Dtype::F32).unwrap();
        let got = x.at(&at).add(&updates).unwrap().values::<f32>();
        assert_eq!(got, want, "{device:?}");
        // And the many indices of an element each.
        let long = Array::arange(0.0, 200_000.0, 1.0, Dtype::I64).unwrap();
        let back = long.get(step(.., -1)).unwrap();
        let got = long.take(&back, 0).unwrap().values::<i64>();
        assert!(got.iter().rev().copied().eq(0..200_000), "{device:?}");
    });
}

#[test]
fn strides_and_bits_show_the_same_bytes() {
    on_each(|_| {
        let x = Array::arange(0.0, 12.0, 1.0, Dtype::I32)
            .unwrap()
            .reshape([3, 4])
            .unwrap();
        let windows = x.as_strided([4, 3], &[2, 1], 1).unwrap();
        assert_eq!(
            windows.values::<i32>(),
            [1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9]
        );
        // Of a view, its elements in order.
        let turned = x
            .matrix_transpose()
            .unwrap()
            .as_strided([3], &[-1], 2)
            .unwrap();
        assert_eq!(turned.values::<i32>(), [8, 4, 0]);
        let error = x.as_strided([4, 3], &[3, 1], 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "as_strided: shape [4, 3], strides [3, 1], offset 1 leave the 12 elements of [3, 4]"
        );
        let ones = array![1.0, -2.0];
        assert_eq!(
            ones.view_as(Dtype::U32).unwrap().values::<u32>(),
            [0x3f80_0000, 0xc000_0000]
        );
        let halves = ones.view_as(Dtype::U16).unwrap();
        assert_eq!(halves.values::<u16>(), [0, 0x3f80, 0, 0xc000]);
        assert_eq!(
            halves.view_as(Dtype::F32).unwrap().values::<f32>(),
            [1.0, -2.0]
        );
        // From an offset that the wider elements do not divide, and through a computation.
        let odd = halves.narrow(0, 1, 3).unwrap().view_as(Dtype::U32).unwrap();
        assert_eq!(odd.add(&array![1u32]).unwrap().values::<u32>(), [0x3f81]);
        let last = ones.narrow(0, 1, 2).unwrap().view_as(Dtype::U16).unwrap();
        assert_eq!(
            last.add(&array![0u16]).unwrap().values::<u16>(),
            [0, 0xc000]
        );
        assert!(halves.narrow(0, 0, 3).unwrap().view_as(Dtype::F32).is_err());
    });
}

#[test]
fn gradients_of_writes_hold_at_zeros_ties_and_repeats() {
    let slopes = |f: fn(&Array, &Array) -> lazuli_core::Result<Array>, x: Array, v: Array| {
        let both = grad(|a| f(&a[0], &a[1])?.sum(.., false), &[x, v]).unwrap();
        both.iter().map(|g| g.values::<f32>()).collect::<Vec<_>>()
    };
    on_each(|_| {
        // 2 · 0 · 5: only the zero's own slope is not zero.
        let g = slopes(
            |x, v| x.at([0, 0]).multiply(v),
            array![2.0, 3.0],
            array![0.0, 5.0],
        );
        assert_eq!(g, [vec![0.0, 1.0], vec![10.0, 0.0]]);
        let g = slopes(
            |x, v| x.at([0, 0]).multiply(v),
            array![0.0, 3.0],
            array![4.0, 5.0],
        );
        assert_eq!(g, [vec![20.0, 1.0], vec![0.0, 0.0]]);
        // Three that reach the maximum share.
        let g = slopes(
            |x, v| x.at([1, 1, 1]).maximum(v),
            array![9.0, 2.0],
            array![2.0, 1.0, 2.0],
        );
        let third = 1.0 / 3.0;
        assert_eq!(g, [vec![1.0, third], vec![third, 0.0, third]]);
        // The last writer alone; what it leaves of the array. A NaN does not spread.
        let g = slopes(
            |x, v| x.set([1, 0, 1], v),
            array![f32::NAN, 2.0, 3.0],
            array![4.0, 5.0, 6.0],
        );
        assert_eq!(g, [vec![0.0, 0.0, 1.0], vec![0.0, 1.0, 1.0]]);
        // Values beyond those that a mask needs have none.
        let g = slopes(
            |x, v| x.set([true, false, true], v),
            array![1.0, 2.0, 3.0],
            array![4.0, 5.0, 6.0],
        );
        assert_eq!(g, [vec![0.0, 1.0, 0.0], vec![1.0, 1.0, 0.0]]);
    });
}
