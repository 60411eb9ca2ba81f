//! Layer norm, attention over whole sequences and rotary embedding of batches.

use lazuli_core::ops::rope::Frequencies;
use lazuli_core::ops::scaled_dot_product::Mask;
use lazuli_core::{Array, Dtype, Error};

use super::common::*;

fn host(x: &Array) -> Host {
    let shape = x.shape().to_vec();
    let values = numbers_of(x);
    Host { shape, values }
}

#[test]
fn norms_with_and_without_weights_are_their_definitions() {
    on_each(|device| {
        let mut rng = Rng(21);
        // A bias cancels, so errors are to be seen beside the terms and not beside the sum.
        for (dtype, ulps) in [
            (Dtype::F32, 2000.0),
            (Dtype::BF16, 40.0),
            (Dtype::F16, 40.0),
        ] {
            for (t, d) in [(1, 64), (3, 100), (5, 1), (0, 8)] {
                let (x, _) = viewed_as(&mut rng, &[t, d], dtype, 3.0);
                let [w, b] = [2.0, 1.0].map(|scale| sample(&mut rng, &[d], dtype, scale).0);
                for (got, operands) in [
                    (x.layer_norm(&w, &b, 1e-5), vec![&x, &w, &b]),
                    (x.layer_norm(None, &b, 1e-5), vec![&x, &b]),
                    (x.layer_norm(&w, None, 1e-5), vec![&x, &w]),
                    (x.layer_norm(None, None, 1e-5), vec![&x]),
                    (x.rms_norm(None, 1e-5), vec![&x]),
                ] {
                    let (got, operands) = (
                        got.unwrap(),
                        operands.into_iter().cloned().collect::<Vec<_>>(),
                    );
                    let op = got.op().clone();
                    let want = op.family().unwrap().decompose(&operands).unwrap().unwrap();
                    assert_near(
                        &got,
                        &host(&want[0]),
                        ulps,
                        &format!("{op:?} {dtype} [{t}, {d}] {device:?}"),
                    );
                }
            }
        }
    });
}

/// What a mask adds to the score of a query and a key.
type Added<'a> = Box<dyn Fn(usize, usize) -> f64 + 'a>;

/// Attention of one query, written out in `f64`.
fn attend(
    q: &[f64],
    keys: &[&[f64]],
    values: &[&[f64]],
    scale: f64,
    added: &[f64],
    sink: Option<f64>,
) -> Vec<f64> {
    let scores = keys
        .iter()
        .zip(added)
        .map(|(k, a)| scale * q.iter().zip(*k).map(|(a, b)| a * b).sum::<f64>() + a);
    let weights: Vec<f64> = scores.map(f64::exp).collect();
    let sum = weights.iter().sum::<f64>() + sink.map_or(0.0, f64::exp);
    let of = |i: usize| {
        weights
            .iter()
            .zip(values)
            .map(|(w, v)| if *w == 0.0 { 0.0 } else { w * v[i] })
            .sum::<f64>()
    };
    (0..values[0].len())
        .map(|i| if sum == 0.0 { 0.0 } else { of(i) / sum })
        .collect()
}

#[test]
fn attention_is_the_formula_for_every_mask() {
    on_each(|device| {
        let mut rng = Rng(22);
        for (b, heads, kv_heads, t, s, d, dv) in [
            (1, 4, 2, 5, 5, 32, 32),
            (2, 3, 3, 1, 7, 16, 16),
            (2, 4, 1, 40, 70, 8, 8),
            (1, 2, 1, 3, 600, 16, 16),
            (1, 2, 2, 4, 6, 8, 12),
        ] {
            for (dtype, ulps) in [(Dtype::F32, 4000.0), (Dtype::BF16, 400.0)] {
                let (q, hq) = viewed_as(&mut rng, &[b, heads, t, d], dtype, 1.0);
                let (k, hk) = viewed_as(&mut rng, &[b, kv_heads, s, d], dtype, 1.0);
                let (v, hv) = viewed_as(&mut rng, &[b, kv_heads, s, dv], dtype, 1.0);
                let (sinks, hs) = sample(&mut rng, &[heads], Dtype::F32, 1.0);
                let (floats, hf) = sample(&mut rng, &[t, s], dtype, 1.0);
                let seen = floats.greater(&Array::scalar_of(-0.3, dtype)).unwrap();
                let causal = |t_: usize, s_: usize| {
                    if s_ as isize <= t_ as isize + s as isize - t as isize {
                        0.0
                    } else {
                        f64::NEG_INFINITY
                    }
                };
                let masks: [(Mask<'_>, Added<'_>); 4] = [
                    (Mask::None, Box::new(|_, _| 0.0)),
                    (Mask::Causal, Box::new(causal)),
                    (Mask::Array(&floats), Box::new(|t, s| hf.at(&[t, s]))),
                    (
                        Mask::Array(&seen),
                        Box::new(|t, s| {
                            if hf.at(&[t, s]) > numbers_of(&Array::scalar_of(-0.3, dtype))[0] {
                                0.0
                            } else {
                                f64::NEG_INFINITY
                            }
                        }),
                    ),
                ];
                for (mask, added) in &masks {
                    for sinks in [None, Some(&sinks)] {
                        let got = q
                            .scaled_dot_product_attention(&k, &v, 0.3, *mask, sinks)
                            .unwrap();
                        let mut values = Vec::new();
                        for i in indices(&[b, heads, t]) {
                            let kv = i[1] / (heads / kv_heads);
                            let row = |x: &Host, head: usize, at: usize, n: usize| {
                                (0..n)
                                    .map(|e| x.at(&[i[0], head, at, e]))
                                    .collect::<Vec<f64>>()
                            };
                            let (keys, vals): (Vec<_>, Vec<_>) = (0..s)
                                .map(|j| (row(&hk, kv, j, d), row(&hv, kv, j, dv)))
                                .unzip();
                            let keys: Vec<&[f64]> = keys.iter().map(Vec::as_slice).collect();
                            let vals: Vec<&[f64]> = vals.iter().map(Vec::as_slice).collect();
                            let added: Vec<f64> = (0..s).map(|j| added(i[2], j)).collect();
                            let sink = sinks.map(|_| hs.at(&[i[1]]));
                            values.extend(attend(
                                &row(&hq, i[1], i[2], d),
                                &keys,
                                &vals,
                                0.3,
                                &added,
                                sink,
                            ));
                        }
                        let want = Host {
                            shape: vec![b, heads, t, dv],
                            values,
                        };
                        // Relative to the size of values: sums cancel.
                        let scaled = (&got + 2.0).astype(dtype).unwrap();
                        let want = want.map(|x| x + 2.0);
                        assert_near(
                            &scaled,
                            &want,
                            ulps / 100.0,
                            &format!(
                                "{mask:?} {dtype} [{b}, {heads}/{kv_heads}, {t}, {s}, {d}] {device:?}"
                            ),
                        );
                    }
                }
            }
        }
    });
}

#[test]
fn more_queries_than_keys_see_all_of_them() {
    on_each(|device| {
        let mut rng = Rng(27);
        for (t, s) in [(5, 3), (70, 33), (2, 1)] {
            let [(q, _), (k, _), (v, _)] =
                [t, s, s].map(|n| sample(&mut rng, &[2, 2, n, 16], Dtype::F32, 1.0));
            let got = q
                .scaled_dot_product_attention(&k, &v, 0.3, Mask::None, None)
                .unwrap();
            let scores = &q.matmul(&k.matrix_transpose().unwrap()).unwrap() * 0.3;
            let want = scores.softmax(-1).unwrap().matmul(&v).unwrap();
            let off = (&got - &want).abs().unwrap().max(.., false).unwrap();
            assert!(
                off.item::<f32>().unwrap() < 1e-5,
                "{t} over {s} on {device:?}"
            );
        }
    });
}

#[test]
fn attention_refuses_what_does_not_fit() {
    let of = |shape: [usize; 4]| Array::full(shape, 1.0, Dtype::F32).unwrap();
    let (q, k, wrong) = (of([1, 4, 5, 8]), of([1, 2, 6, 8]), of([1, 1, 2, 6]));
    let attention =
        |k: &Array, v: &Array, mask| q.scaled_dot_product_attention(k, v, 1.0, mask, None);
    for (k, v, mask) in [
        (of([1, 3, 6, 8]), of([1, 3, 6, 8]), Mask::None),
        (k.clone(), of([1, 2, 7, 8]), Mask::None),
        (of([2, 2, 6, 8]), of([2, 2, 6, 8]), Mask::None),
        (of([1, 2, 3, 8]), of([1, 2, 3, 8]), Mask::Causal),
        (k.clone(), k.clone(), Mask::Array(&wrong)),
    ] {
        assert!(matches!(attention(&k, &v, mask), Err(Error::Shape(_))));
    }
    let numbers = Array::from_slice(&[1i32], [1]).unwrap();
    assert!(matches!(
        attention(&k, &k, Mask::Array(&numbers)),
        Err(Error::Dtype(_))
    ));
}

#[test]
fn rotary_embedding_turns_pairs_by_their_positions() {
    on_each(|device| {
        let mut rng = Rng(23);
        let (b, heads, t, d, dims) = (2, 3, 5, 12, 8);
        let (x, hx) = viewed_as(&mut rng, &[b, heads, t, d], Dtype::F32, 1.0);
        let lengths: Vec<f32> = (1..=4).map(|i| i as f32 * 1.5).collect();
        let lengths = Array::from_slice(&lengths, [4]).unwrap();
        let starts = Array::from_slice(&[3i32, 10], [2]).unwrap();
        for interleaved in [false, true] {
            for base in [Some(100.0f32), None] {
                let frequencies =
                    base.map_or(Frequencies::Wavelengths(&lengths), Frequencies::Base);
                let got = x
                    .rotary(dims, interleaved, frequencies, 0.5, &starts)
                    .unwrap();
                let want = hx.gather(&[b, heads, t, d], <[usize]>::to_vec);
                let values = indices(&want.shape).map(|i| {
                    let e = i[3];
                    if e >= dims {
                        return hx.at(&i);
                    }
                    let (pair, second) = if interleaved {
                        (e / 2, e % 2 == 1)
                    } else {
                        (e % 4, e >= 4)
                    };
                    let other = if interleaved { e ^ 1 } else { (e + 4) % 8 };
                    let turn = base.map_or(1.0 / ((pair + 1) as f64 * 1.5), |base| {
                        f64::from(base).powf(-(pair as f64) / 4.0)
                    });
                    let angle = ([3, 10][i[0]] + i[2]) as f64 * 0.5 * turn;
                    let partner = hx.at(&[i[0], i[1], i[2], other]);
                    hx.at(&i) * angle.cos() + if second { partner } else { -partner } * angle.sin()
                });
                let want = Host {
                    shape: want.shape.clone(),
                    values: values.collect(),
                };
                assert_near(
                    &got,
                    &want,
                    40000.0,
                    &format!("{interleaved} {base:?} {device:?}"),
                );
            }
        }
    });
}

#[test]
fn cross_entropy_is_the_formula_and_accumulates_in_single_precision() {
    on_each(|_| {
        let mut rng = Rng(5);
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64] {
            let (x, logits) = viewed_as(&mut rng, &[6, 11], dtype, 4.0);
            let targets: Vec<i32> = (0..6).map(|_| rng.below(11) as i32).collect();
            let want = (0..6).map(|row| {
                let at = |class: usize| logits.at(&[row, class]);
                let sum: f64 = (0..11).map(|class| at(class).exp()).sum();
                sum.ln() - at(targets[row] as usize)
            });
            let want = Host {
                shape: vec![6],
                values: want.collect(),
            };
            let targets = Array::from_slice(&targets, [6]).unwrap();
            let loss = x.cross_entropy(&targets).unwrap();
            assert_eq!(loss.dtype(), Dtype::F32);
            assert_near(&loss, &want, 40.0, &format!("{dtype}"));
        }
    });
    let x = Array::zeros([2usize, 3], Dtype::F32).unwrap();
    let says = |targets: &Array| x.cross_entropy(targets).unwrap_err().to_string();
    let long = Array::zeros([3usize], Dtype::I32).unwrap();
    assert!(says(&long).starts_with("cross_entropy: targets"));
    let floats = Array::zeros([2usize], Dtype::F32).unwrap();
    assert!(says(&floats).starts_with("cross_entropy: takes float logits and integer targets"));
}

#[test]
fn the_delta_rule_of_whole_sequences_is_its_recurrence() {
    let (b, t, hk, hv, dk, dv) = (2, 5, 2, 4, 3, 2);
    on_each(|_| {
        let mut rng = Rng(17);
        let mut of = |shape: &[usize]| viewed_as(&mut rng, shape, Dtype::F32, 1.0);
        let ((q, hq), (k, hkeys)) = (of(&[b, t, hk, dk]), of(&[b, t, hk, dk]));
        let ((v, hvalues), (state, start)) = (of(&[b, t, hv, dv]), of(&[b, hv, dv, dk]));
        let ((gamma, decay), (beta, rate)) = (of(&[b, t, hv]), of(&[b, t, hv]));
        let seen = [
            true, false, true, true, false, true, true, true, false, true,
        ];
        let mask = Array::from_slice(&seen.map(u8::from), [b, t])
            .and_then(|m| m.astype(Dtype::Bool))
            .unwrap();
        let mut s = start.values.clone();
        let mut want = vec![0.0; b * t * hv * dv];
        for at in (0..b * t * hv * dv).filter(|at| seen[at / (hv * dv)]) {
            let (i, o) = (at / dv, at % dv);
            let (batch, step, head) = (i / (t * hv), i / hv % t, i % hv);
            let shared = head / (hv / hk);
            let row = &mut s[((batch * hv + head) * dv + o) * dk..][..dk];
            let (g, r) = (
                decay.at(&[batch, step, head]),
                rate.at(&[batch, step, head]),
            );
            let key = |d: usize| hkeys.at(&[batch, step, shared, d]);
            row.iter_mut().for_each(|x| *x *= g);
            let read: f64 = (0..dk).map(|d| row[d] * key(d)).sum();
            let change = (hvalues.at(&[batch, step, head, o]) - read) * r;
            (0..dk).for_each(|d| row[d] += change * key(d));
            want[at] = (0..dk)
                .map(|d| row[d] * hq.at(&[batch, step, shared, d]))
                .sum();
        }
        let run = |state| q.gated_delta_update(&k, &v, &gamma, &beta, state, Some(&mask));
        let (y, last) = run(Some(&state)).unwrap();
        let host = |shape: &[usize], values| Host {
            shape: shape.to_vec(),
            values,
        };
        assert_near(&y, &host(&[b, t, hv, dv], want), 1000.0, "y");
        assert_near(&last, &host(&[b, hv, dv, dk], s), 1000.0, "state");
        let zeros = Array::zeros([b, hv, dv, dk], Dtype::F32).unwrap();
        let (fresh, same) = (run(None).unwrap().0, run(Some(&zeros)).unwrap().0);
        assert_eq!(numbers_of(&fresh), numbers_of(&same));
        let wrong = q.gated_delta_update(&v, &v, &gamma, &beta, None, None);
        let said = wrong.unwrap_err().to_string();
        assert!(said.starts_with("gated_delta_update: operands do not fit"));
    });
}
