//! Compiled functions against what they are made of, by bits; their caches, captures and state.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lazuli_core::{
    Array, Dtype, Error, Result, async_eval, checkpoint, compile, compile_shapeless,
    compile_with_state, disable_compile, enable_compile, eval, grad, jvp, value_and_grad, vmap,
    with_device,
};

use super::common::*;

/// Held by tests that need compilation to stay on or to be off.
static SWITCH: Mutex<()> = Mutex::new(());

fn switch() -> std::sync::MutexGuard<'static, ()> {
    SWITCH.lock().unwrap_or_else(|e| e.into_inner())
}

fn vector(values: &[f32]) -> Array {
    Array::from_slice(values, [values.len()]).unwrap()
}

fn total(x: &Array) -> Result<Array> {
    x.reshape([x.elements()])?.sum([0], false)
}

fn bits(x: &Array) -> Vec<u8> {
    x.bits()
}

/// A random function of the arrays in `pool`, whose first two axes are `rows` and `columns` or 1.
fn random_graph(rng: &mut Rng, pool: &[Array], operations: usize) -> Result<Vec<Array>> {
    let mut known = pool.to_vec();
    for _ in 0..operations {
        let a = known[rng.below(known.len())].clone();
        let b = known[rng.below(known.len())].clone();
        let float = a.dtype().is_float();
        let made = match rng.below(16) {
            0 => a.add(&b)?,
            1 => a.multiply(&b)?,
            2 => a.subtract(&b)?,
            3 if float => a.exp()?,
            4 if float => a.tanh()?,
            5 if float => a.sigmoid()?,
            6 => a.negative()?,
            7 => a.square()?,
            8 => a.maximum(&b)?,
            9 => Array::select(&a.less(&b)?, &a, &b)?,
            10 => a.add(&Array::scalar_of(0.5, a.dtype()))?,
            11 => a.multiply(&Array::scalar_of(2.0, a.dtype()))?,
            12 => a.astype([Dtype::F32, Dtype::BF16, Dtype::F16][rng.below(3)])?,
            13 => a
                .sum([-1], true)?
                .multiply(&Array::scalar_of(0.01, a.dtype()))?,
            14 => a.max([-1], true)?,
            15 => a.matrix_transpose()?.copy()?.matrix_transpose()?,
            _ => a.abs()?,
        };
        known.push(made);
    }
    let count = 1 + rng.below(3);
    let outputs = (0..count).map(|_| known[known.len() - 1 - rng.below(operations.min(5))].clone());
    Ok(outputs.collect())
}

#[test]
fn random_functions_have_the_same_bits_compiled() {
    let _on = switch();
    on_each(|device| {
        let mut rng = Rng(77);
        for case in 0..40u64 {
            let (rows, columns) = match case % 8 {
                0 => (3, 5000),
                1 => (700, 33),
                2 => (1, 1),
                3 => (0, 4),
                4 if case < 16 => (300, 1000),
                _ => (1 + rng.below(7), 1 + rng.below(90)),
            };
            let shapes = [[rows, columns], [rows, columns], [rows, 1], [1, columns]];
            let dtypes = [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F32];
            let pool: Vec<Array> = (shapes.iter())
                .map(|s| {
                    let dtype = dtypes[rng.below(4)];
                    let (x, _) = sample(&mut rng, s, dtype, 2.0);
                    if rng.below(4) == 0 && s[0] == s[1] {
                        x.matrix_transpose().unwrap()
                    } else {
                        x
                    }
                })
                .collect();
            let seed = rng.next();
            let operations = 2 + rng.below(24);
            let f = |x: &Vec<Array>| random_graph(&mut Rng(seed), x, operations);
            let want = f(&pool);
            let got = compile(f)(&pool);
            let (want, got) = match (want, got) {
                (Ok(want), Ok(got)) => (want, got),
                (want, got) => {
                    assert_eq!(want.is_err(), got.is_err(), "case {case}: {want:?} {got:?}");
                    continue;
                }
            };
            for (k, (w, g)) in want.iter().zip(&got).enumerate() {
                assert_eq!((w.shape(), w.dtype()), (g.shape(), g.dtype()));
                assert!(bits(w) == bits(g), "case {case}, output {k}: {device:?}");
            }
        }
    });
}

#[test]
fn a_function_is_traced_once_for_each_signature() {
    // One of them is the default.
    cpus();
    let _on = switch();
    let traces = AtomicUsize::new(0);
    let f = |(x, power): &(Array, usize)| {
        traces.fetch_add(1, Ordering::SeqCst);
        let mut y = x.clone();
        for _ in 1..*power {
            y = y.multiply(x)?;
        }
        Ok(y)
    };
    let compiled = compile(f);
    for (values, power, count) in [
        (vec![2.0f32, 3.0], 2, 1),
        (vec![4.0, 5.0], 2, 1),
        (vec![4.0, 5.0], 3, 2),
        (vec![4.0, 5.0, 6.0], 3, 3),
        (vec![7.0, 5.0], 3, 3),
    ] {
        let y = compiled(&(vector(&values), power)).unwrap();
        let want: Vec<f32> = values.iter().map(|v| v.powi(power as i32)).collect();
        assert_eq!(y.values::<f32>(), want);
        assert_eq!(traces.load(Ordering::SeqCst), count);
    }
    let whole = Array::from_slice(&[2i32, 3], [2]).unwrap();
    assert_eq!(compiled(&(whole, 2)).unwrap().values::<i32>(), [4, 9]);
    assert_eq!(traces.load(Ordering::SeqCst), 4);
}

#[test]
fn shapeless_functions_take_any_shape() {
    let f = compile_shapeless(|x: &Array| x.multiply(&Array::scalar(2.0f32))?.sum([-1], false));
    for n in [1usize, 5, 3, 5] {
        let x = Array::full([2, n], 1.0, Dtype::F32).unwrap();
        assert_eq!(f(&x).unwrap().values::<f32>(), [2.0 * n as f32; 2]);
    }
}

#[test]
fn equal_operations_are_merged_and_unused_ones_dropped() {
    let _on = switch();
    with_device(cpus()[0], || {
        let f = compile(|x: &Array| {
            let _unused = x.cos()?;
            let a = x.exp()?.multiply(&Array::scalar(2.0f32))?;
            let b = x.exp()?.multiply(&Array::scalar(2.0f32))?;
            let c = x.permute(&[1, 0])?.permute(&[1, 0])?.exp()?;
            a.add(&b)?.add(&c)
        });
        let y = f(&Array::from_slice(&[1.0f32, 2.0], [2, 1]).unwrap()).unwrap();
        let ops = format!("{:?}", y.op());
        let count = |name: &str| ops.matches(name).count();
        assert_eq!(
            (count("exp"), count("multiply"), count("cos")),
            (1, 1, 0),
            "{ops}"
        );
        assert_eq!(count("transpose"), 0, "{ops}");
    });
}

#[test]
fn captured_arrays_are_operands_that_nobody_overwrites() {
    let _on = switch();
    on_each(|_| {
        let w = &vector(&[1.0, 2.0, 3.0]) * 1.0;
        let lazy = &w * 2.0;
        let f = compile(|x: &Array| x.add(&w)?.multiply(&lazy)?.add(&w));
        for _ in 0..3 {
            let x = vector(&[1.0, 1.0, 1.0]);
            let y = f(&x).unwrap();
            assert_eq!(y.values::<f32>(), [5.0, 14.0, 27.0]);
            assert_eq!(x.values::<f32>(), [1.0; 3]);
        }
        assert_eq!(w.values::<f32>(), [1.0, 2.0, 3.0]);
        assert_eq!(lazy.values::<f32>(), [2.0, 4.0, 6.0]);
        // Outputs that are operands, captures, or one another.
        let same = compile(|x: &Array| Ok((x.clone(), w.clone(), x.exp()?, x.exp()?)));
        let (a, b, c, d) = same(&lazy).unwrap();
        assert_eq!(bits(&a), bits(&lazy));
        assert_eq!(bits(&b), bits(&w));
        assert_eq!(bits(&c), bits(&d));
        let view = compile(|x: &Array| x.reshape([3, 1])?.broadcast_to([3, 2]));
        assert_eq!(
            view(&w).unwrap().values::<f32>(),
            [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
        );
    });
}

#[test]
fn a_state_is_read_and_written() {
    let _on = switch();
    on_each(|_| {
        let traces = AtomicUsize::new(0);
        let target = vector(&[1.0, -1.0]);
        let step = compile_with_state(|rate: &Array, (w, m): &mut (Array, Array)| {
            traces.fetch_add(1, Ordering::SeqCst);
            let loss = |w: &Array| total(&w.subtract(&target)?.square()?);
            let (value, g) = value_and_grad(loss)(w)?;
            *m = m.multiply(&Array::scalar(0.5f32))?.add(&g)?;
            *w = w.subtract(&m.multiply(rate)?)?;
            Ok(value)
        });
        let mut state = (vector(&[0.0, 0.0]), vector(&[0.0, 0.0]));
        let (mut w, mut m) = ([0.0f32; 2], [0.0f32; 2]);
        for _ in 0..10 {
            let loss = step(&Array::scalar(0.1f32), &mut state).unwrap();
            let want: f32 = [w[0] - 1.0, w[1] + 1.0].iter().map(|d| d * d).sum();
            assert!((loss.item::<f32>().unwrap() - want).abs() < 1e-5);
            for (k, goal) in [1.0f32, -1.0].iter().enumerate() {
                m[k] = m[k] * 0.5 + 2.0 * (w[k] - goal);
                w[k] -= m[k] * 0.1;
            }
        }
        assert_eq!(traces.load(Ordering::SeqCst), 1);
        let got = state.0.values::<f32>();
        assert!(
            got.iter().zip(w).all(|(a, b)| (a - b).abs() < 1e-5),
            "{got:?} {w:?}"
        );
    });
}

#[test]
fn an_evaluation_inside_is_an_error_of_one_line_and_nothing_is_kept() {
    let _on = switch();
    let f = compile(|x: &Array| {
        if x.to_vec::<f32>()?[0] > 0.0 {
            x.exp()
        } else {
            x.negative()
        }
    });
    for _ in 0..2 {
        let error = f(&vector(&[1.0])).unwrap_err().to_string();
        assert!(
            error.contains("compile") && !error.contains('\n'),
            "{error}"
        );
    }
    let wrong = compile(|x: &Array| x.add(&vector(&[1.0, 2.0, 3.0])));
    assert!(matches!(
        wrong(&vector(&[1.0, 2.0])).unwrap_err(),
        Error::Shape(_)
    ));
    let poison = &vector(&[1.0, 2.0]) + &vector(&[1.0, 2.0, 3.0]);
    assert!(compile(|x: &Array| x.exp())(&poison).is_err());
}

#[test]
fn compilation_can_be_switched_off() {
    let _switch = switch();
    let f = compile(|x: &Array| {
        if x.to_vec::<f32>()?[0] > 0.0 {
            x.exp()
        } else {
            x.negative()
        }
    });
    disable_compile();
    let y = f(&vector(&[-1.0]));
    enable_compile();
    assert_eq!(y.unwrap().values::<f32>(), [1.0]);
    assert!(f(&vector(&[-1.0])).is_err());
}

#[test]
fn transforms_compose_with_compile_in_any_order() {
    let _on = switch();
    on_each(|_| {
        let mut rng = Rng(31);
        let (x, _) = sample(&mut rng, &[4, 6], Dtype::F32, 1.0);
        let (w, _) = sample(&mut rng, &[6, 6], Dtype::F32, 1.0);
        let f = |x: &Array| {
            let h = x.matmul(&w)?.tanh()?;
            total(&h.multiply(&h.sigmoid()?)?)
        };
        let want = bits(&grad(f)(&x).unwrap());
        assert_eq!(bits(&compile(grad(f))(&x).unwrap()), want);
        assert_eq!(bits(&grad(compile(f))(&x).unwrap()), want);
        assert_eq!(bits(&compile(grad(compile(f)))(&x).unwrap()), want);
        assert_eq!(bits(&compile(grad(checkpoint(f)))(&x).unwrap()), want);
        assert_eq!(bits(&grad(checkpoint(compile(f)))(&x).unwrap()), want);

        let row = |x: &Array| {
            let h = x.multiply(&x.exp()?)?;
            total(&h.multiply(&h)?)
        };
        let want = bits(&vmap(grad(row))(&x).unwrap());
        assert_eq!(bits(&compile(vmap(grad(row)))(&x).unwrap()), want);
        assert_eq!(bits(&vmap(compile(grad(row)))(&x).unwrap()), want);
        assert_eq!(bits(&vmap(grad(compile(row)))(&x).unwrap()), want);
        let second = |x: &Array| total(&grad(row)(x)?);
        let want = bits(&grad(second)(&x).unwrap());
        assert_eq!(bits(&compile(grad(compile(second)))(&x).unwrap()), want);
        let along = |x: &Array| Ok(jvp(row, x, x)?.1);
        assert_eq!(
            bits(&compile(along)(&x).unwrap()),
            bits(&along(&x).unwrap())
        );

        // A compiled function that captures what an outer transform follows.
        let outer = |w: &Array| compile(|x: &Array| total(&x.matmul(w)?.tanh()?))(&x);
        let plain = |w: &Array| total(&x.matmul(w)?.tanh()?);
        assert_eq!(
            bits(&grad(outer)(&w).unwrap()),
            bits(&grad(plain)(&w).unwrap())
        );
    });
}

#[test]
fn threads_share_one_compiled_function() {
    let _on = switch();
    with_device(cpus()[0], || {
        let f = compile(|x: &Array| x.exp()?.add(x)?.sum([0], false));
        std::thread::scope(|scope| {
            for thread in 0..8usize {
                let f = &f;
                scope.spawn(move || {
                    for round in 0..20 {
                        let n = 1 + (thread + round) % 5;
                        let x = Array::full([n], 0.0, Dtype::F32).unwrap();
                        assert_eq!(f(&x).unwrap().item::<f32>().unwrap(), n as f32);
                    }
                });
            }
        });
    });
}

#[test]
fn a_compiled_function_is_one_piece_of_work_and_can_be_captured() {
    let _on = switch();
    let fake = new_fake();
    with_device(fake.device(), || {
        let backend = fake.device().backend().unwrap();
        let f = compile(|x: &Array| x.exp()?.multiply(x)?.add(&Array::scalar(1.0f32))?.tanh());
        let x = &vector(&[0.5, 0.25]) * 1.0;
        // Traced, lowered, and its constants moved to the device.
        let want = bits(&f(&x).unwrap());
        let (y, capture) = fake
            .capture(|| {
                let y = f(&x).unwrap();
                async_eval(&[&y]);
                y
            })
            .unwrap();
        assert_eq!(capture.len(), 1);
        capture.replay();
        backend.synchronize().unwrap();
        eval(&[&y]).unwrap();
        assert_eq!(bits(&y), want);
    });
}

#[test]
fn plans_are_dropped_with_their_function() {
    let _on = switch();
    with_device(cpus()[0], || {
        let w = Arc::new(vec![3u8; 64]);
        let array = Array::from_foreign(w.clone(), Dtype::U8, [64]).unwrap();
        let f = compile(move |x: &Array| x.add(&array));
        let y = f(&Array::full([64], 1.0, Dtype::U8).unwrap()).unwrap();
        assert_eq!(y.values::<u8>(), [4; 64]);
        assert!(Arc::strong_count(&w) > 1);
        drop((f, y));
        assert_eq!(Arc::strong_count(&w), 1);
    });
}
