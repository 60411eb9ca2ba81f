//! Elementwise functions. Operands lie in 0.3..1.7: each is moved to where its function is smooth.

use lazuli_core::Array;

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let m = || vec![3, 4];
    let one = |name, f: fn(&Array) -> lazuli_core::Result<Array>| -> Case {
        (name, of(move |x| f(&x[0])), vec![m()])
    };
    let two = |name, f: fn(&Array, &Array) -> lazuli_core::Result<Array>| -> Case {
        (name, of(move |x| f(&x[0], &x[1])), vec![m(), vec![4]])
    };
    vec![
        one("sign", |x| x.sign()?.multiply(x)),
        one("expm1", |x| x.expm1()),
        one("log2", |x| x.log2()),
        one("log10", |x| x.log10()),
        one("tan", |x| (x * 0.8).tan()),
        one("arcsin", |x| (x * 0.5).arcsin()),
        one("arccos", |x| (x * 0.5).arccos()),
        one("arctan", |x| x.arctan()),
        one("sinh", |x| x.sinh()),
        one("cosh", |x| x.cosh()),
        one("arcsinh", |x| x.arcsinh()),
        one("arccosh", |x| (x + 1.0).arccosh()),
        one("arctanh", |x| (x * 0.5).arctanh()),
        one("erf", |x| x.erf()),
        one("erfinv", |x| (x * 0.5).erfinv()),
        one("floor", |x| (x * 0.1).floor()?.add(&x.square()?)),
        one("ceil", |x| (x * 0.1).ceil()?.multiply(x)),
        one("reciprocal", |x| x.reciprocal()),
        one("degrees", |x| x.degrees()?.sin()),
        one("radians", |x| x.radians()),
        one("trunc", |x| (x * 0.1).trunc()?.add(&x.exp()?)),
        one("real", |x| x.real()?.multiply(&x.conjugate()?)),
        one("nan_to_num", |x| x.nan_to_num(0.0, None, None)?.exp()),
        one("clip", |x| {
            let (low, high) = (Array::scalar(0.1f64), Array::scalar(2.0f64));
            x.clip(Some(&low), Some(&high))?.exp()
        }),
        one("scaled by numbers", |x| (2 * x - 1 / (x + 0.5)).square()),
        two("remainder", |a, b| (a + 3.0).remainder(&(b * 0.01 + 1.0))),
        two("floor_divide", |a, b| {
            (a * 0.01 + 2.5)
                .floor_divide(&(b * 0.01 + 1.0))?
                .multiply(a)
        }),
        two("logaddexp", |a, b| a.logaddexp(b)),
        two("arctan2", |a, b| a.arctan2(b)),
        two("divmod", |a, b| {
            let (q, r) = (a * 0.01 + 2.5).divmod(&(b * 0.01 + 1.0))?;
            q.multiply(b)?.add(&r)
        }),
    ]
}
