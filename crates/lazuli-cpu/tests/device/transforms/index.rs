//! Reads and writes by index.

use lazuli_core::Array;
use lazuli_core::index::step;
use lazuli_core::ops::scatter::Mode;

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let m = || vec![3, 4];
    let along = || Array::from([[0i32, 2, 1, 2], [2, 2, -1, 0]]);
    let mask = || {
        let m = vec![
            true, false, true, true, false, false, true, false, true, false, true, true,
        ];
        let bytes: Vec<u8> = m.into_iter().map(u8::from).collect();
        Array::from_bytes(&bytes, lazuli_core::Dtype::Bool, [3, 4]).unwrap()
    };
    vec![
        (
            "take",
            of(|x| x[0].take(&Array::from([2i32, 0, -1, 2]), 0)?.square()),
            vec![m()],
        ),
        (
            "take of an inner axis",
            of(|x| x[0].take(&Array::from([[3i32, 0], [1, 3]]), 1)?.square()),
            vec![vec![2, 4, 2]],
        ),
        (
            "gather",
            of(|x| x[0].get(([0, 2, 2], .., [1, 1, -1]))?.square()),
            vec![vec![3, 2, 4]],
        ),
        (
            "windows",
            of(|x| {
                let at = [Array::from([0i32, 1, 1])];
                x[0].gather(&at, &[1], [3, 2])?.square()
            }),
            vec![m()],
        ),
        (
            "dynamic_slice",
            of(|x| {
                x[0].dynamic_slice(&Array::from([1i32, 2]), &[0, 1], [2, 2])?
                    .square()
            }),
            vec![m()],
        ),
        (
            "dynamic_slice_update",
            of(|x| {
                x[0].dynamic_slice_update(&x[1], &Array::from([1i32]), &[1])?
                    .square()
            }),
            vec![m(), vec![3, 2]],
        ),
        (
            "take_along_axis",
            of(move |x| x[0].take_along_axis(&along(), 0)?.square()),
            vec![m()],
        ),
        (
            "put_along_axis",
            of(move |x| x[0].put_along_axis(&along(), &x[1], 0)?.square()),
            vec![m(), vec![2, 4]],
        ),
        (
            "add along an axis",
            of(move |x| {
                x[0].scatter_along_axis(&along(), &x[1], 0, Mode::Add)?
                    .square()
            }),
            vec![m(), vec![2, 4]],
        ),
        (
            "slice set",
            of(|x| x[0].set((1.., step(.., -2)), &x[1])?.square()),
            vec![m(), vec![2, 2]],
        ),
        (
            "slice add",
            of(|x| x[0].at((.., 1)).add(&x[1])?.square()),
            vec![m(), vec![3]],
        ),
        (
            "slice multiply",
            of(|x| x[0].at((.., 1..3)).multiply(&x[1])?.square()),
            vec![m(), vec![3, 2]],
        ),
        (
            "slice maximum",
            of(|x| x[0].at(1).maximum(&x[1])?.square()),
            vec![m(), vec![4]],
        ),
        (
            "set with repeats",
            of(|x| x[0].set([2, 0, 2], &x[1])?.square()),
            vec![m(), vec![3, 4]],
        ),
        (
            "add with repeats",
            of(|x| x[0].at((.., [1, 1, 3])).add(&x[1])?.square()),
            vec![m(), vec![3, 3]],
        ),
        (
            "multiply with repeats",
            of(|x| x[0].at(([0, 2, 2], [1, 3, 3])).multiply(&x[1])?.square()),
            vec![m(), vec![3]],
        ),
        (
            "minimum with repeats",
            of(|x| x[0].at(([0, 2, 2], [1, 3, 3])).minimum(&x[1])?.square()),
            vec![m(), vec![3]],
        ),
        (
            "divide with repeats",
            of(|x| x[0].at([1, 1]).divide(&x[1])),
            vec![m(), vec![2, 4]],
        ),
        (
            "mask read",
            of(move |x| x[0].get(mask())?.square()),
            vec![m()],
        ),
        (
            "mask set",
            of(move |x| x[0].set(mask(), &x[1])?.square()),
            vec![m(), vec![8]],
        ),
        (
            "mask of columns",
            of(|x| x[0].set((.., [true, false, false, true]), &x[1])?.square()),
            vec![m(), vec![3, 2]],
        ),
        (
            "as_strided",
            of(|x| x[0].as_strided([4, 3], &[2, 1], 1)?.square()),
            vec![m()],
        ),
    ]
}
