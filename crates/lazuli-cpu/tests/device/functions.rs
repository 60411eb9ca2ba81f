//! Transforms over trees, functions with rules of their own, and what composes with what.

use std::collections::BTreeMap;

use lazuli_core::transforms::value_and_grad_wrt;
use lazuli_core::{
    Array, Dtype, Error, Result, checkpoint, custom_function, depends, grad, jvp, stop_gradient,
    value_and_grad, vjp, vmap, vmap_axes, with_device,
};

use super::common::*;

type Layer = BTreeMap<String, Array>;

fn vector(values: &[f32]) -> Array {
    Array::from_slice(values, [values.len()]).unwrap()
}

fn layers() -> Vec<Layer> {
    let layer = |k: f32| {
        let w = Array::from_slice(&[0.1 * k, 0.2, -0.3, 0.4 * k], [2, 2]).unwrap();
        Layer::from([("w".to_string(), w), ("b".to_string(), vector(&[0.5, k]))])
    };
    vec![layer(1.0), layer(2.0)]
}

fn forward(x: &Array, layers: &[Layer]) -> Result<Array> {
    let mut x = x.clone();
    for layer in layers {
        x = x.matmul(&layer["w"])?.add(&layer["b"])?.tanh()?;
    }
    Ok(x)
}

fn total(x: &Array) -> Result<Array> {
    x.reshape([x.elements()])?.sum([0], false)
}

#[test]
fn gradients_have_the_tree_of_the_parameters() {
    on_each(|_| {
        let x = Array::from_slice(&[1.0f32, 2.0, -1.0, 0.5], [2, 2]).unwrap();
        let loss = |p: &Vec<Layer>| total(&forward(&x, p)?.square()?);
        let (value, grads) = value_and_grad(loss)(&layers()).unwrap();
        assert_eq!(grads.len(), 2);
        let at = |delta: f32| {
            let mut p = layers();
            let step = Array::from_slice(&[0.0, delta, 0.0, 0.0], [2, 2]).unwrap();
            let w = p[1]["w"].add(&step).unwrap();
            p[1].insert("w".to_string(), w);
            loss(&p).unwrap().item::<f32>().unwrap()
        };
        let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
        let got = grads[1]["w"].values::<f32>()[1];
        assert!((slope - got).abs() < 1e-3, "{slope} {got}");
        assert_eq!(value.item::<f32>().unwrap(), at(0.0));
    });
}

#[test]
fn a_loss_may_bring_other_values() {
    let f = |(a, b): &(Array, Array)| {
        let y = a.multiply(b)?;
        Ok((total(&y)?, y))
    };
    let operands = (vector(&[1.0, 2.0]), vector(&[3.0, 4.0]));
    let ((loss, y), (da, _)) = value_and_grad(f)(&operands).unwrap();
    assert_eq!(loss.item::<f32>().unwrap(), 11.0);
    assert_eq!(y.values::<f32>(), [3.0, 8.0]);
    assert_eq!(da.values::<f32>(), [3.0, 4.0]);
    let not_scalar = grad(|a: &Array| a.square())(&operands.0).unwrap_err();
    assert!(matches!(not_scalar, Error::Shape(_)), "{not_scalar}");
    let integer = grad(|a: &Array| total(a))(&Array::from_slice(&[1i32], [1]).unwrap());
    assert!(matches!(integer.unwrap_err(), Error::Dtype(_)));
}

#[test]
fn gradients_of_chosen_operands_come_in_the_order_asked_for() {
    let x = [
        vector(&[1.0, 2.0]),
        vector(&[3.0, 4.0]),
        vector(&[5.0, 6.0]),
    ];
    let f = |x: &[Array]| total(&x[0].multiply(&x[1])?.multiply(&x[2])?);
    let (_, grads) = value_and_grad_wrt(f, &x, &[2, 0]).unwrap();
    assert_eq!(grads[0].values::<f32>(), [3.0, 8.0]);
    assert_eq!(grads[1].values::<f32>(), [15.0, 24.0]);
    let far = value_and_grad_wrt(f, &x, &[3]).unwrap_err();
    assert!(matches!(far, Error::Index(_)));
}

#[test]
fn vjp_and_jvp_take_trees() {
    let operands = (vector(&[1.0, 2.0]), vector(&[3.0, 4.0]));
    let f = |(a, b): &(Array, Array)| Ok((a.multiply(b)?, a.add(b)?));
    let ones = (vector(&[1.0, 1.0]), vector(&[10.0, 10.0]));
    let (_, (da, db)) = vjp(f, &operands, &ones).unwrap();
    assert_eq!(da.values::<f32>(), [13.0, 14.0]);
    assert_eq!(db.values::<f32>(), [11.0, 12.0]);
    let ((product, _), (dp, ds)) = jvp(f, &operands, &ones).unwrap();
    assert_eq!(product.values::<f32>(), [3.0, 8.0]);
    assert_eq!(dp.values::<f32>(), [13.0, 24.0]);
    assert_eq!(ds.values::<f32>(), [11.0, 11.0]);
}

#[test]
fn vmap_takes_axes_of_the_operands_structure() {
    on_each(|_| {
        let xs = Array::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]).unwrap();
        let w = vector(&[10.0, 100.0]);
        // Columns of `xs` are examples; the weights are shared.
        let f = |(x, w): &(Array, Array)| Ok(vec![x.multiply(w)?, w.clone()]);
        let outs = vmap_axes(f, (1, None::<isize>), vec![1isize, 0])(&(xs.clone(), w.clone()));
        let outs = outs.unwrap();
        assert_eq!(**outs[0].shape(), [2, 3]);
        let want = [10.0, 20.0, 30.0, 400.0, 500.0, 600.0];
        assert_eq!(outs[0].values::<f32>(), want);
        assert_eq!(**outs[1].shape(), [3, 2]);
        let shared = vmap_axes(f, (1, None::<isize>), vec![Some(-1), None])(&(xs.clone(), w));
        assert_eq!(**shared.unwrap()[1].shape(), [2]);
        let negative = vmap_axes(|x: &Array| x.square(), -1, -1)(&xs).unwrap();
        assert_eq!(**negative.shape(), [2, 3]);
        assert!(vmap_axes(|x: &Array| x.square(), 2, 0)(&xs).is_err());
    });
}

#[test]
fn evaluation_inside_grad_is_allowed_and_inside_vmap_an_error_of_one_line() {
    on_each(|_| {
        let f = |x: &Array| {
            let y = x.square()?;
            // Control flow that depends on a value.
            let large = y.to_vec::<f32>()?[0] > 3.0;
            total(&if large { y.multiply(&y)? } else { y })
        };
        let x = vector(&[2.0, 1.0]);
        let g = grad(f)(&x).unwrap();
        assert_eq!(g.values::<f32>(), [32.0, 4.0]);
        let again = grad(|x: &Array| total(&grad(checkpoint(f))(x)?))(&x).unwrap();
        assert_eq!(again.values::<f32>(), [48.0, 12.0]);
        let batch = Array::from_slice(&[2.0f32, 1.0], [1, 2]).unwrap();
        let error = vmap(f)(&batch).unwrap_err().to_string();
        assert!(error.contains("vmap") && !error.contains('\n'), "{error}");
    });
}

#[test]
fn a_captured_array_is_safe_in_every_transform() {
    on_each(|_| {
        let w = vector(&[2.0, 3.0]);
        let x = Array::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [2, 2]).unwrap();
        let f = |x: &Array| total(&x.multiply(&w)?.square()?);
        let per_example = vmap(grad(f))(&x).unwrap();
        let want = [8.0, 36.0, 24.0, 72.0];
        assert_eq!(per_example.values::<f32>(), want);
        let whole = grad(|x: &Array| total(&vmap(f)(x)?))(&x).unwrap();
        assert_eq!(whole.values::<f32>(), want);
        // A capture that an outer transform follows has its gradient, through a checkpoint too.
        let outer = |w: &Array| {
            let inner = checkpoint(|x: &Array| total(&x.multiply(w)?.square()?));
            inner(&x)?.add(&total(w)?)
        };
        let dw = grad(outer)(&w).unwrap();
        assert_eq!(dw.values::<f32>(), [41.0, 121.0]);
        let batched = Array::from_slice(&[2.0f32, 3.0, 2.0, 3.0], [2, 2]).unwrap();
        let dw = vmap(grad(outer))(&batched).unwrap();
        assert_eq!(dw.values::<f32>(), [41.0, 121.0, 41.0, 121.0]);
        assert_eq!(w.values::<f32>(), [2.0, 3.0]);
    });
}

#[test]
fn checkpoints_compose_and_keep_the_bits() {
    on_each(|_| {
        let mut rng = Rng(9);
        let (x, _) = sample(&mut rng, &[5, 7], Dtype::F32, 1.0);
        let block = |x: &Array| {
            let a = x.tanh()?;
            a.multiply(&x.exp()?)?.add(&a.square()?)
        };
        let plain = |x: &Array| {
            let y = block(&x.add(&block(x)?)?)?;
            total(&y.multiply(x)?)
        };
        let saved = |x: &Array| {
            let y = checkpoint(block)(&x.add(&checkpoint(block)(x)?)?)?;
            total(&y.multiply(x)?)
        };
        let bits = |a: Array| a.bits();
        let want = bits(grad(plain)(&x).unwrap());
        assert_eq!(bits(grad(saved)(&x).unwrap()), want);
        assert_eq!(bits(grad(checkpoint(saved))(&x).unwrap()), want);
        // Second derivatives, forward over reverse, and a batch.
        let second = |f: &dyn Fn(&Array) -> Result<Array>| {
            let g = |x: &Array| total(&grad(f)(x)?);
            numbers_of(&grad(g)(&x).unwrap())
        };
        for (a, b) in second(&plain).iter().zip(second(&saved)) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} {b}");
        }
        let along =
            |f: &dyn Fn(&Array) -> Result<Array>| numbers_of(&jvp(grad(f), &x, &x).unwrap().1);
        for (a, b) in along(&plain).iter().zip(along(&saved)) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} {b}");
        }
        let rows = |f: &dyn Fn(&Array) -> Result<Array>| bits(vmap(grad(f))(&x).unwrap());
        assert_eq!(rows(&plain), rows(&saved));
    });
}

#[test]
fn a_custom_rule_is_used_in_every_composition() {
    on_each(|_| {
        // Rounds, with the gradient of the identity times two.
        let f = || {
            custom_function(|x: &Array| x.round())
                .with_vjp(|_, g: &Array, _| g.multiply(&Array::scalar(2.0f32)))
                .with_jvp(|_, t: &Array| t.multiply(&Array::scalar(2.0f32)))
        };
        let x = Array::from_slice(&[0.4f32, 1.6, 2.4, 3.6], [2, 2]).unwrap();
        assert_eq!(f().call(&x).unwrap().values::<f32>(), [0.0, 2.0, 2.0, 4.0]);
        let loss = |x: &Array| total(&f().call(x)?.multiply(x)?);
        let want = [0.8f32, 5.2, 6.8, 11.2];
        let near = |a: Array| {
            let a = a.values::<f32>();
            assert!(
                a.iter().zip(want).all(|(a, w)| (a - w).abs() < 1e-5),
                "{a:?}"
            );
        };
        near(grad(loss)(&x).unwrap());
        near(vmap(grad(loss))(&x).unwrap());
        near(grad(|x: &Array| total(&vmap(loss)(x)?))(&x).unwrap());
        near(grad(checkpoint(loss))(&x).unwrap());
        let ones = Array::full([2, 2], 1.0, Dtype::F32).unwrap();
        let pushed = jvp(|x: &Array| f().call(x), &x, &ones).unwrap().1;
        assert_eq!(pushed.values::<f32>(), [2.0; 4]);
        let pushed = jvp(vmap(|x: &Array| f().call(x)), &x, &ones).unwrap().1;
        assert_eq!(pushed.values::<f32>(), [2.0; 4]);
        // Without rules it is the function.
        let plain = custom_function(|x: &Array| x.square());
        let g = grad(|x: &Array| total(&plain.call(x)?))(&x).unwrap();
        assert_eq!(g.values::<f32>(), [0.8, 3.2, 4.8, 7.2]);
        // A batching rule.
        let sums = custom_function(|x: &Array| total(x)).with_vmap(|x: &Array, axes| {
            assert_eq!(axes, [Some(0)]);
            let ones = Array::full([2], 1.0, Dtype::F32)?;
            Ok((x.sum([1], false)?.multiply(&ones)?, 0.into()))
        });
        let mapped = vmap(|x: &Array| sums.call(x))(&x).unwrap();
        assert_eq!(mapped.values::<f32>(), [2.0, 6.0]);
        let wrong =
            custom_function(|x: &Array| x.square()).with_vjp(|_, _, _| Ok(Array::scalar(1.0f32)));
        assert!(grad(|x: &Array| total(&wrong.call(x)?))(&x).is_err());
    });
}

#[test]
fn a_shared_operand_of_a_mapped_custom_function_has_the_sum_of_gradients() {
    let f = custom_function(|(x, w): &(Array, Array)| x.multiply(w))
        .with_vjp(|(x, w), g: &Array, _| Ok((g.multiply(w)?, g.multiply(x)?)));
    let x = Array::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [2, 2]).unwrap();
    let loss = |w: &Array| {
        let mapped = vmap_axes(|p: &(Array, Array)| f.call(p), (0, None::<isize>), 0);
        total(&mapped(&(x.clone(), w.clone()))?)
    };
    let dw = grad(loss)(&vector(&[1.0, 1.0])).unwrap();
    assert_eq!(dw.values::<f32>(), [4.0, 6.0]);
}

#[test]
fn no_gradient_passes_a_stop_and_dependencies_change_no_value() {
    on_each(|_| {
        let x = vector(&[2.0, 3.0]);
        let f = |x: &Array| total(&x.multiply(&stop_gradient(x)?)?);
        assert_eq!(grad(f)(&x).unwrap().values::<f32>(), [2.0, 3.0]);
        assert_eq!(
            vmap(grad(f))(&x.reshape([2, 1]).unwrap())
                .unwrap()
                .values::<f32>(),
            [2.0, 3.0]
        );
        let g = |x: &Array| {
            let (a, _) = depends(&(x.square()?, x.exp()?), &vec![x.log()?])?;
            total(&a)
        };
        assert_eq!(grad(g)(&x).unwrap().values::<f32>(), [4.0, 6.0]);
    });
    with_device(cpus()[0], || {
        let x = vector(&[2.0, 3.0]);
        let bad = x.take(&Array::scalar(9i32), 0).unwrap();
        assert!(depends(&x, &bad).unwrap().eval().is_err());
    });
}
