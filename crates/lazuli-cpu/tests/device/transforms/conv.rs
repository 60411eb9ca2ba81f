//! Convolutions over spatial axes.

use lazuli_core::ops::conv::{Overlap, Slide};

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let uneven = Slide {
        stride: 2,
        low: 2,
        high: -1,
        kernel_dilation: 2,
        input_dilation: 3,
    };
    vec![
        (
            "conv1d",
            of(|x| x[0].conv1d(&x[1], [2], [1], [1], 1)?.square()),
            vec![vec![2, 6, 2], vec![3, 2, 2]],
        ),
        (
            "conv1d in groups",
            of(|x| x[0].conv1d(&x[1], [1], [1], [2], 2)),
            vec![vec![2, 5, 4], vec![6, 2, 2]],
        ),
        (
            "conv1d by channels",
            of(|x| x[0].conv1d(&x[1], [1], [2], [1], 3)),
            vec![vec![1, 4, 3], vec![3, 3, 1]],
        ),
        (
            "conv2d",
            of(|x| x[0].conv2d(&x[1], [2, 1], [0, 1], [1, 1], 1)),
            vec![vec![1, 4, 3, 2], vec![2, 2, 3, 2]],
        ),
        (
            "conv3d",
            of(|x| x[0].conv3d(&x[1], [1, 1, 1], [0, 1, 0], [1, 1, 1], 1)),
            vec![vec![1, 2, 2, 3, 1], vec![2, 2, 1, 2, 1]],
        ),
        (
            "conv_transpose1d",
            of(|x| x[0].conv_transpose1d(&x[1], [2], [1], [1], [1], 1)),
            vec![vec![1, 3, 2], vec![3, 3, 2]],
        ),
        (
            "conv_general",
            of(move |x| x[0].conv_general(&x[1], &[uneven], 2, true)),
            vec![vec![1, 4, 2], vec![4, 3, 1]],
        ),
        (
            "convolve",
            of(|x| x[0].convolve(&x[1], Overlap::Same)),
            vec![vec![5], vec![3]],
        ),
    ]
}
