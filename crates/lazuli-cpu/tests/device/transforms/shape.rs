//! Functions of shape.

use lazuli_core::Array;
use lazuli_core::shaping::Pad;

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let m = || vec![3, 4];
    vec![
        ("flatten", of(|x| x[0].flatten(0, 1)?.square()), vec![m()]),
        (
            "squeeze",
            of(|x| x[0].squeeze(1)?.expand_dims([0, -1])?.square()),
            vec![vec![3, 1, 2]],
        ),
        (
            "transpose all",
            of(|x| x[0].transpose(..)?.square()),
            vec![vec![2, 3, 2]],
        ),
        (
            "swapaxes",
            of(|x| x[0].swapaxes(0, 2)?.square()),
            vec![vec![2, 3, 2]],
        ),
        ("flip", of(|x| x[0].flip(1)?.square()), vec![m()]),
        (
            "roll",
            of(|x| x[0].roll(&[1, -1], [0, 1])?.square()),
            vec![m()],
        ),
        ("repeat", of(|x| x[0].repeat(2, 1)?.square()), vec![m()]),
        ("tile", of(|x| x[0].tile(&[2, 1])?.square()), vec![m()]),
        (
            "stack",
            of(|x| Array::stack(&[x[0].clone(), x[1].square()?], -1)),
            vec![m(), m()],
        ),
        (
            "split",
            of(|x| {
                let parts = x[0].split(2, 1)?;
                parts[0].multiply(&parts[1])
            }),
            vec![m()],
        ),
        (
            "pad with a constant",
            of(|x| {
                x[0].pad(&[(1, 0), (0, 2)], &Pad::Constant(Array::from(2.0)))?
                    .square()
            }),
            vec![m()],
        ),
        (
            "pad by reflection",
            of(|x| x[0].pad(&[(1, 2)], &Pad::Reflect)?.square()),
            vec![m()],
        ),
        (
            "diagonal",
            of(|x| x[0].diagonal(1, 0, 1)?.square()),
            vec![m()],
        ),
        ("diag", of(|x| x[0].diag(-1)?.square()), vec![vec![3]]),
        ("tril", of(|x| x[0].tril(0)?.square()), vec![m()]),
        (
            "meshgrid",
            of(|x| {
                let grid = Array::meshgrid(x, false, lazuli_core::creation::Indexing::Xy)?;
                grid[0].multiply(&grid[1])
            }),
            vec![vec![3], vec![2]],
        ),
    ]
}
