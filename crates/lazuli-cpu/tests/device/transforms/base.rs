//! The operations that the others are made of.

use lazuli_core::{Array, Dtype};

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let m = || vec![3, 4];
    vec![
        ("negative", of(|x| x[0].negative()), vec![m()]),
        ("abs", of(|x| (&x[0] - 1.05).abs()), vec![m()]),
        ("square", of(|x| x[0].square()), vec![m()]),
        ("sqrt", of(|x| x[0].sqrt()), vec![m()]),
        ("rsqrt", of(|x| x[0].rsqrt()), vec![m()]),
        ("exp", of(|x| x[0].exp()), vec![m()]),
        ("log", of(|x| x[0].log()), vec![m()]),
        ("log1p", of(|x| x[0].log1p()), vec![m()]),
        ("sin", of(|x| x[0].sin()), vec![m()]),
        ("cos", of(|x| x[0].cos()), vec![m()]),
        ("tanh", of(|x| x[0].tanh()), vec![m()]),
        ("sigmoid", of(|x| x[0].sigmoid()), vec![m()]),
        ("add", of(|x| x[0].add(&x[1])), vec![m(), vec![4]]),
        (
            "subtract",
            of(|x| x[0].subtract(&x[1])),
            vec![m(), vec![3, 1]],
        ),
        ("multiply", of(|x| x[0].multiply(&x[1])), vec![m(), vec![]]),
        ("divide", of(|x| x[0].divide(&x[1])), vec![m(), vec![1, 4]]),
        ("maximum", of(|x| x[0].maximum(&x[1])), vec![m(), m()]),
        ("minimum", of(|x| x[0].minimum(&x[1])), vec![m(), vec![4]]),
        ("power", of(|x| x[0].power(&x[1])), vec![m(), m()]),
        (
            "where",
            of(|x| Array::select(&x[0].less(&Array::scalar(1.0f64))?, &x[0], &x[1].square()?)),
            vec![m(), m()],
        ),
        ("sum", of(|x| x[0].sum(0, false)), vec![m()]),
        ("mean", of(|x| x[0].mean(1, true)), vec![m()]),
        ("prod", of(|x| x[0].prod(1, false)), vec![m()]),
        ("max", of(|x| x[0].max(0, false)), vec![m()]),
        ("min", of(|x| x[0].min([0, 1], false)), vec![m()]),
        ("softmax", of(|x| x[0].softmax(-1)), vec![m()]),
        ("reshape", of(|x| x[0].reshape([2, 6])), vec![m()]),
        (
            "transpose",
            of(|x| x[0].matrix_transpose()?.square()),
            vec![m()],
        ),
        (
            "broadcast",
            of(|x| x[0].broadcast_to([2, 3, 4])),
            vec![vec![3, 1]],
        ),
        ("copy", of(|x| x[0].matrix_transpose()?.copy()), vec![m()]),
        (
            "concatenate",
            of(|x| Array::concatenate(&[x[0].clone(), x[1].square()?], 0)),
            vec![m(), vec![2, 4]],
        ),
        (
            "slice",
            of(|x| x[0].slice(&[2, 0], &[-2, 3], [2, 2])?.square()),
            vec![m()],
        ),
        ("narrow", of(|x| x[0].narrow(1, 1, 3)?.exp()), vec![m()]),
        ("astype", of(|x| x[0].astype(Dtype::F64)?.exp()), vec![m()]),
    ]
}

/// Those with kernels in `f32` only.
pub(super) fn single_precision_functions() -> Vec<Case> {
    vec![
        (
            "matmul",
            of(|x| x[0].matmul(&x[1])?.tanh()),
            vec![vec![3, 4], vec![4, 2]],
        ),
        (
            "rms_norm",
            of(|x| x[0].rms_norm(&x[1], 1e-5)),
            vec![vec![3, 4], vec![4]],
        ),
        (
            "swiglu",
            of(|x| x[0].swiglu(&x[1])),
            vec![vec![3, 4], vec![3, 4]],
        ),
    ]
}
