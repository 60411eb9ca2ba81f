//! Derivatives against central differences in `f64`, transforms against one another.

use lazuli_core::error::Result;
use lazuli_core::transforms::{grad, jvp, vjp, vmap};
use lazuli_core::{Array, Dtype};

use super::common::*;

mod base;
mod conv;
mod elementwise;
mod fast;
mod fft;
mod index;
mod linalg;
mod linear;
mod reduce;
mod shape;

type Function = Box<dyn Fn(&[Array]) -> Result<Array>>;

/// A differentiable function and the shapes of its operands; all operands lie in 0.3..1.7.
type Case = (&'static str, Function, Vec<Vec<usize>>);

fn of(f: impl Fn(&[Array]) -> Result<Array> + 'static) -> Function {
    Box::new(f)
}

/// The cases of every part, one file each.
fn functions() -> Vec<Case> {
    let parts = [
        base::functions(),
        fast::functions(),
        reduce::functions(),
        elementwise::functions(),
        index::functions(),
        shape::functions(),
        conv::functions(),
        linear::functions(),
        linalg::functions(),
    ];
    parts.into_iter().flatten().collect()
}

/// Those of operations whose kernels in `f32` are others than in `f64`.
fn single_precision_functions() -> Vec<Case> {
    let parts = [
        base::single_precision_functions(),
        fast::single_precision_functions(),
        conv::functions(),
        linear::functions(),
        fft::functions(),
        linalg::single_precision_functions(),
    ];
    parts.into_iter().flatten().collect()
}

fn operands(rng: &mut Rng, shapes: &[Vec<usize>], dtype: Dtype) -> Vec<Array> {
    shapes
        .iter()
        .map(|s| {
            let numbers: Vec<f64> = (0..s.iter().product())
                .map(|_| 1.0 + 0.7 * rng.unit())
                .collect();
            of_numbers(&numbers, s, dtype)
        })
        .collect()
}

fn dot(a: &Array, b: &Array) -> f64 {
    numbers_of(a)
        .iter()
        .zip(numbers_of(b))
        .map(|(a, b)| a * b)
        .sum()
}

fn check(rng: &mut Rng, (name, f, shapes): &Case, dtype: Dtype, h: f64, tolerance: f64) {
    let x = operands(rng, shapes, dtype);
    let direction: Vec<Array> = shapes
        .iter()
        .map(|s| sample(rng, s, dtype, 1.0).0)
        .collect();
    let f1 = |x: &[Array]| f(x).map(|y| vec![y]);
    let shape = f(&x).unwrap().shape().to_vec();
    let (cotangent, _) = sample(rng, &shape, dtype, 1.0);

    let moved = |t: f64| {
        let x: Vec<Array> = (x.iter().zip(&direction))
            .map(|(x, d)| x + &(d * t))
            .collect();
        dot(&f(&x).unwrap(), &cotangent)
    };
    let slope = (moved(h) - moved(-h)) / (2.0 * h);
    let (_, back) = vjp(f1, &x, std::slice::from_ref(&cotangent)).unwrap();
    let by_vjp: f64 = back.iter().zip(&direction).map(|(g, d)| dot(g, d)).sum();
    let close = |a: f64, b: f64| (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()));
    assert!(
        close(slope, by_vjp),
        "{name}: vjp {by_vjp}, difference {slope}"
    );

    let (_, forward) = jvp(f1, &x, &direction).unwrap();
    let by_jvp = dot(&forward[0], &cotangent);
    assert!(close(by_jvp, by_vjp), "{name}: vjp {by_vjp}, jvp {by_jvp}");

    // A batch of three against a loop.
    let batch: Vec<Vec<Array>> = (0..3).map(|_| operands(rng, shapes, dtype)).collect();
    let stacked: Vec<Array> = (0..shapes.len())
        .map(|i| {
            let column: Vec<Array> = batch.iter().map(|x| x[i].clone()).collect();
            Array::stack(&column, 0).unwrap()
        })
        .collect();
    let axes = vec![Some(0); shapes.len()];
    let loss = |x: &[Array]| {
        let y = f(x)?;
        y.square()?.sum(.., false)
    };
    let together = vmap(|x| f(x).map(|y| vec![y]), &stacked, &axes).unwrap();
    let gradients = vmap(|x| grad(loss, x), &stacked, &axes).unwrap();
    for (k, one) in batch.iter().enumerate() {
        let nth = |all: &Array, like: &Array| {
            let one = all.narrow(0, k, k + 1).unwrap();
            numbers_of(&one.reshape(like.shape()).unwrap())
        };
        let near = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(&b).all(|(&a, &b)| close(a, b));
        let alone = f(one).unwrap();
        assert!(
            near(nth(&together[0], &alone), numbers_of(&alone)),
            "{name}: vmap"
        );
        for (all, alone) in gradients.iter().zip(grad(loss, one).unwrap()) {
            assert!(
                near(nth(all, &alone), numbers_of(&alone)),
                "{name}: vmap of grad"
            );
        }
    }

    // Second derivatives: the gradient of a gradient along the direction against its difference.
    let slope_along = |x: &[Array]| -> Result<Array> {
        let gradients = grad(loss, x)?;
        let mut sum = Array::scalar_of(0.0, dtype);
        for (g, d) in gradients.iter().zip(&direction) {
            sum = sum.add(&g.multiply(d)?.sum(.., false)?)?;
        }
        Ok(sum)
    };
    let second = grad(slope_along, &x).unwrap();
    let curvature: f64 = second.iter().zip(&direction).map(|(g, d)| dot(g, d)).sum();
    let slope_at = |t: f64| {
        let x: Vec<Array> = (x.iter().zip(&direction))
            .map(|(x, d)| x + &(d * t))
            .collect();
        numbers_of(&slope_along(&x).unwrap())[0]
    };
    let want = (slope_at(h) - slope_at(-h)) / (2.0 * h);
    let close = |a: f64, b: f64| (a - b).abs() <= 10.0 * tolerance * (1.0 + a.abs().max(b.abs()));
    assert!(
        close(curvature, want),
        "{name}: second {curvature}, difference {want}"
    );
}

#[test]
fn derivatives_match_differences_in_f64() {
    on_each(|_| {
        let mut rng = Rng(1);
        for function in functions() {
            check(&mut rng, &function, Dtype::F64, 1e-5, 1e-6);
        }
    });
}

#[test]
fn derivatives_match_differences_in_f32() {
    on_each(|_| {
        let mut rng = Rng(2);
        for function in single_precision_functions() {
            check(&mut rng, &function, Dtype::F32, 1e-2, 1e-2);
        }
    });
}
