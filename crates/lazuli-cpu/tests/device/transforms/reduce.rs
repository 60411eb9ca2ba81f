//! Reductions, scans, order and what is composed of them.

use lazuli_core::Array;
use lazuli_core::error::Result;

use super::{Case, of};

/// The operand with a zero in the first row and two in the second.
fn with_zeros(x: &Array) -> Result<Array> {
    let keep = Array::from_slice(
        &[
            1.0f64, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0,
        ],
        [3, 4],
    )?;
    x.multiply(&keep)
}

/// Each element by its place, so that a derivative that mixes places up is wrong.
fn weighted(x: &Array) -> Result<Array> {
    let weights: Vec<f64> = (0..x.elements()).map(|k| 1.0 + k as f64).collect();
    x.multiply(&Array::from_slice(&weights, x.shape())?)
}

pub(super) fn functions() -> Vec<Case> {
    let m = || vec![vec![3, 4]];
    let three = || vec![vec![2, 3, 4]];
    vec![
        ("sum of two axes", of(|x| x[0].sum([0, 2], false)), three()),
        ("mean of all", of(|x| x[0].mean(.., false)?.exp()), three()),
        ("max of two axes", of(|x| x[0].max([-1, 0], true)), three()),
        (
            "prod of two axes",
            of(|x| x[0].prod([0, 2], false)),
            three(),
        ),
        ("prod of middle", of(|x| x[0].prod(1, true)), three()),
        (
            "prod with zeros",
            of(|x| with_zeros(&x[0])?.prod(1, false)),
            m(),
        ),
        ("var", of(|x| x[0].var(1, false, 1)), m()),
        ("std", of(|x| x[0].std([0, 1], false, 0)), m()),
        ("logsumexp", of(|x| x[0].logsumexp(0, false)), m()),
        (
            "logsumexp of two",
            of(|x| x[0].logsumexp([0, 2], true)),
            three(),
        ),
        ("softmax of first", of(|x| x[0].softmax(0)), m()),
        ("softmax of two", of(|x| x[0].softmax([0, 2])), three()),
        ("trace", of(|x| x[0].trace(1, 2, 0, None)), three()),
        ("diff", of(|x| x[0].square()?.diff(2, 1)), m()),
        ("median", of(|x| x[0].median([0, 2], false)), three()),
        (
            "median of three",
            of(|x| x[0].square()?.median(0, true)),
            m(),
        ),
        ("sort", of(|x| weighted(&x[0].sort(0)?)), m()),
        ("sort of all", of(|x| weighted(&x[0].sort(..)?)), m()),
        (
            "partition",
            of(|x| weighted(&x[0].partition(1, 1)?)),
            three(),
        ),
        ("topk", of(|x| weighted(&x[0].topk(2, -1)?)), m()),
        ("cumsum", of(|x| x[0].cumsum(1, false, true)), m()),
        ("cumsum of all", of(|x| x[0].cumsum(.., true, false)), m()),
        ("cumprod", of(|x| x[0].cumprod(1, false, true)), m()),
        (
            "cumprod back",
            of(|x| x[0].cumprod(1, true, false)),
            three(),
        ),
        (
            "cumprod with zeros",
            of(|x| with_zeros(&x[0])?.cumprod(1, false, true)),
            m(),
        ),
        (
            "exclusive cumprod with zeros",
            of(|x| with_zeros(&x[0])?.cumprod(1, true, false)),
            m(),
        ),
        ("cummax", of(|x| x[0].cummax(0, false, true)), m()),
        ("cummin", of(|x| x[0].cummin(1, true, true)), m()),
        (
            "logcumsumexp",
            of(|x| x[0].logcumsumexp(1, false, true)),
            m(),
        ),
        (
            "logcumsumexp back",
            // The first is minus infinity.
            of(|x| x[0].logcumsumexp(1, true, false)?.exp()),
            three(),
        ),
    ]
}
