//! Axes that are not there, named to every function that takes one.

use lazuli_core::fft::{self, Norm};
use lazuli_core::ops::scatter::Mode;
use lazuli_core::{Array, Dtype, Error, linalg, random};

use super::common::*;

type Call = fn(&Array, isize) -> lazuli_core::Result<Array>;

/// Functions along one axis of a matrix.
const ALONG: &[(&str, Call)] = &[
    ("sum", |x, a| x.sum(a, false)),
    ("prod", |x, a| x.prod(a, true)),
    ("max", |x, a| x.max(a, false)),
    ("min", |x, a| x.min(a, false)),
    ("all", |x, a| x.all(a, false)),
    ("any", |x, a| x.any(a, false)),
    ("mean", |x, a| x.mean(a, false)),
    ("var", |x, a| x.var(a, false, 0)),
    ("std", |x, a| x.std(a, false, 0)),
    ("median", |x, a| x.median(a, false)),
    ("count_nonzero", |x, a| x.count_nonzero(a, false)),
    ("trace", |x, a| x.trace(0, a, 0, None)),
    ("diff", |x, a| x.diff(1, a)),
    ("softmax", |x, a| x.softmax(a)),
    ("logsumexp", |x, a| x.logsumexp(a, false)),
    ("argmax", |x, a| x.argmax(a, false)),
    ("argmin", |x, a| x.argmin(a, false)),
    ("cumsum", |x, a| x.cumsum(a, false, true)),
    ("cumprod", |x, a| x.cumprod(a, false, true)),
    ("cummax", |x, a| x.cummax(a, false, true)),
    ("cummin", |x, a| x.cummin(a, false, true)),
    ("logcumsumexp", |x, a| x.logcumsumexp(a, false, true)),
    ("sort", |x, a| x.sort(a)),
    ("argsort", |x, a| x.argsort(a)),
    ("partition", |x, a| x.partition(0, a)),
    ("argpartition", |x, a| x.argpartition(0, a)),
    ("topk", |x, a| x.topk(1, a)),
    ("take", |x, a| x.take(&Array::scalar(0i32), a)),
    ("take_along_axis", |x, a| {
        x.take_along_axis(&x.astype(Dtype::I32)?, a)
    }),
    ("put_along_axis", |x, a| {
        x.put_along_axis(&x.astype(Dtype::I32)?, x, a)
    }),
    ("scatter_along_axis", |x, a| {
        x.scatter_along_axis(&x.astype(Dtype::I32)?, x, a, Mode::Add)
    }),
    ("dynamic_slice", |x, a| {
        x.dynamic_slice(&Array::from([0i32]), &[a], [1, 1])
    }),
    ("vecdot", |x, a| x.vecdot(x, a)),
    ("narrow", |x, a| x.narrow(a, 0, 1)),
    ("moveaxis", |x, a| x.moveaxis(a, 0)),
    ("moveaxis to", |x, a| x.moveaxis(0, a)),
    ("swapaxes", |x, a| x.swapaxes(0, a)),
    ("transpose", |x, a| x.transpose([a, 0])),
    ("flatten", |x, a| x.flatten(0, a)),
    ("unflatten", |x, a| x.unflatten(a, &[1, -1])),
    ("squeeze", |x, a| x.squeeze(a)),
    ("flip", |x, a| x.flip(a)),
    ("roll", |x, a| x.roll(&[1], a)),
    ("repeat", |x, a| x.repeat(2, a)),
    ("split", |x, a| Ok(x.split(1, a)?.remove(0))),
    ("split_at", |x, a| Ok(x.split_at(&[1], a)?.remove(0))),
    ("unstack", |x, a| Ok(x.unstack(a)?.remove(0))),
    ("concatenate", |x, a| {
        Array::concatenate(&[x.clone(), x.clone()], a)
    }),
    ("diagonal", |x, a| x.diagonal(0, 0, a)),
    ("norm", |x, a| linalg::norm(x, None, Some(&[a]), false)),
    ("cross", |x, a| linalg::cross(x, x, a)),
    ("fft", |x, a| fft::fft(x, None, a, Norm::default())),
    ("fftn", |x, a| {
        fft::fftn(x, None, Some(&[a]), Norm::default())
    }),
    ("fftshift", |x, a| fft::fftshift(x, a)),
    ("categorical", |x, a| random::categorical(x, a, None, None)),
    ("permuted", |x, a| random::permuted(x, a, None)),
];

#[test]
fn an_axis_that_is_not_there_is_an_index_error_of_one_line() {
    cpus();
    let x = Array::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    for (name, call) in ALONG {
        for axis in [2, -3, isize::MAX, isize::MIN] {
            let error = call(&x, axis).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, Error::Index(_)), "{name} of {axis}: {text}");
            assert!(text.contains("out of range"), "{name} of {axis}: {text}");
            assert_eq!(text.lines().count(), 1, "{name} of {axis}: {text}");
        }
    }
    // New axes may stand one further.
    for axis in [3, -4, isize::MAX, isize::MIN] {
        for made in [
            x.expand_dims(axis),
            Array::stack(&[x.clone(), x.clone()], axis),
        ] {
            assert!(matches!(made, Err(Error::Index(_))), "{axis}: {made:?}");
        }
    }
    assert_eq!(x.expand_dims(2).unwrap().shape().to_vec(), [2, 3, 1]);
}

#[test]
fn an_axis_that_is_named_twice_is_a_shape_error() {
    cpus();
    let x = Array::from([[1.0f32, 2.0], [3.0, 4.0]]);
    for made in [
        x.sum([0, -2], false),
        x.softmax([1, 1]),
        x.median([0, 0], false),
        x.squeeze([0, 0]),
        x.flip([1, -1]),
        x.expand_dims([0, 0]),
        x.diagonal(0, 1, -1),
        x.trace(0, 0, 0, None),
        fft::fftn(&x, None, Some(&[0, 0]), Norm::default()),
        fft::fftshift(&x, [0, 0]),
    ] {
        assert!(matches!(made, Err(Error::Shape(_))), "{made:?}");
    }
}
