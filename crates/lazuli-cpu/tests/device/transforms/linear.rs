//! Products of matrices and what is made of them.

use lazuli_core::Array;

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let m = || vec![3, 4];
    let ids = |values: &[u32], shape: &[usize]| Array::from_slice(values, shape);
    vec![
        (
            "take",
            of(|x| x[0].take(&Array::from_slice(&[2i32, 0, -1, 2], [4])?, 0)),
            vec![m()],
        ),
        (
            "matmul",
            of(|x| x[0].matmul(&x[1])?.tanh()),
            vec![m(), vec![4, 2]],
        ),
        (
            "matmul of batches",
            of(|x| x[0].matmul(&x[1])?.tanh()),
            vec![vec![2, 1, 3, 4], vec![5, 4, 2]],
        ),
        (
            "matmul of vectors",
            of(|x| x[0].matmul(&x[1])),
            vec![vec![4], vec![4]],
        ),
        (
            "addmm",
            of(|x| x[0].addmm(&x[1], &x[2], 0.5, 2.0)),
            vec![vec![2], m(), vec![4, 2]],
        ),
        ("inner", of(|x| x[0].inner(&x[1])), vec![m(), vec![2, 4]]),
        ("outer", of(|x| x[0].outer(&x[1])), vec![vec![3], vec![2]]),
        ("vecdot", of(|x| x[0].vecdot(&x[1], -1)), vec![m(), m()]),
        ("kron", of(|x| x[0].kron(&x[1])), vec![vec![2, 2], vec![3]]),
        (
            "tensordot",
            of(|x| x[0].tensordot(&x[1], 2)),
            vec![vec![2, 3, 2], vec![3, 2, 2]],
        ),
        (
            "einsum",
            of(|x| Array::einsum("ij,jk,kl->li", x)),
            vec![vec![2, 3], vec![3, 2], vec![2, 4]],
        ),
        (
            "einsum of diagonals",
            of(|x| Array::einsum("iij,j->i", x)),
            vec![vec![2, 2, 3], vec![3]],
        ),
        (
            "hadamard_transform",
            of(|x| x[0].hadamard_transform(None)?.square()),
            vec![vec![2, 12]],
        ),
        (
            "gather_mm",
            of(move |x| {
                let (lhs, rhs) = (ids(&[1, 0, 1], &[3])?, ids(&[2, 2, 0], &[3])?);
                x[0].gather_mm(&x[1], Some(&lhs), Some(&rhs))?.square()
            }),
            vec![vec![2, 2, 3], vec![3, 3, 2]],
        ),
        (
            "gather_matmul with a row for all slots",
            of(move |x| {
                x[0].gather_matmul(&ids(&[1, 0, 2, 1], &[2, 2])?, &x[1])?
                    .square()
            }),
            vec![vec![2, 3], vec![3, 2, 3]],
        ),
        (
            "segmented_mm",
            of(move |x| x[0].segmented_mm(&x[1], &ids(&[0, 2, 1, 4], &[2, 2])?)),
            vec![m(), vec![4, 2]],
        ),
        (
            "block_masked_mm",
            of(|x| {
                let mask = Array::from_slice(&[0.5f64, 2.0], [1, 2])?;
                x[0].block_masked_mm(&x[1], 32, None, Some(&mask), None)
            }),
            vec![vec![2, 33], vec![33, 2]],
        ),
        (
            "rms_norm",
            of(|x| x[0].rms_norm(&x[1], 1e-5)),
            vec![m(), vec![4]],
        ),
        ("swiglu", of(|x| x[0].swiglu(&x[1])), vec![m(), m()]),
    ]
}
