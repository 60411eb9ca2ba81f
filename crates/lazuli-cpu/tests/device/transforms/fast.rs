//! Norms, attention and rotary embedding.

use lazuli_core::Array;
use lazuli_core::ops::rope::Frequencies;
use lazuli_core::ops::scaled_dot_product::Mask;

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let m = || vec![3, 4];
    vec![
        (
            "rms_norm",
            of(|x| x[0].rms_norm(&x[1], 1e-5)),
            vec![m(), vec![4]],
        ),
        (
            "layer_norm",
            of(|x| x[0].layer_norm(&x[1], &x[2], 1e-5)),
            vec![m(), vec![4], vec![4]],
        ),
        (
            "layer_norm alone",
            of(|x| x[0].layer_norm(None, None, 1e-2)),
            vec![m()],
        ),
    ]
}

/// Cases with products or angles, which are computed in `f32`.
pub(super) fn single_precision_functions() -> Vec<Case> {
    let of_mask = |causal: bool| {
        of(move |x: &[Array]| {
            let mask = if causal { Mask::Causal } else { Mask::None };
            x[0].scaled_dot_product_attention(&x[1], &x[2], 0.7, mask, Some(&x[3]))
        })
    };
    let operands = || {
        vec![
            vec![1, 2, 2, 3],
            vec![1, 1, 3, 3],
            vec![1, 1, 3, 3],
            vec![2],
        ]
    };
    vec![
        ("attention", of_mask(false), operands()),
        ("causal attention", of_mask(true), operands()),
        (
            "rotary",
            of(|x| x[0].rotary(4, false, Frequencies::Base(10.0), 1.0, &Array::scalar(2i32))),
            vec![vec![1, 2, 6]],
        ),
        (
            "cross_entropy",
            of(|x| x[0].cross_entropy(&Array::from_slice(&[3i32, 0, 1], [3])?)),
            vec![vec![3, 4]],
        ),
        (
            "gated_delta_update",
            of(|x| {
                let (y, state) =
                    x[0].gated_delta_update(&x[1], &x[2], &x[3], &x[4], Some(&x[5]), None)?;
                y.sum(.., false)?.add(&state)
            }),
            vec![
                vec![1, 3, 1, 2],
                vec![1, 3, 1, 2],
                vec![1, 3, 2, 2],
                vec![1, 3, 2],
                vec![1, 3, 2],
                vec![1, 2, 2, 2],
            ],
        ),
    ]
}
