//! Row kernels against `f64`, on every path and element type, and rows alone against rows together.

use super::*;
use crate::kernels::test_random::{Random, paths};
use half::{bf16, f16};

fn pool() -> Pool {
    Pool::new(2)
}

fn near<T: Element>(got: T, want: f64, tolerance: f64, what: &str) {
    let got = f64::from(got.to_f32());
    assert!(
        (got - want).abs() <= tolerance * (1.0 + want.abs()),
        "{what}: {got}, not {want}"
    );
}

fn wide<T: Element>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| f64::from(x.to_f32())).collect()
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// Calls a generic check for each element type with its rounding.
macro_rules! for_all_types {
    ($check:ident) => {
        $check::<f32>(1e-5);
        $check::<bf16>(5e-3);
        $check::<f16>(1e-3);
    };
}

#[test]
fn norms_match_f64_and_rows_stand_alone() {
    fn check<T: Element>(tolerance: f64) {
        for width in [1, 15, 16, 100, 128, 1000] {
            let mut r = Random(width as u64);
            let (x, z): (Vec<T>, Vec<T>) = (r.floats(7 * (width + 3)), r.floats(7 * width));
            let (weight, bias): (Vec<f32>, Vec<f32>) = (r.floats(width), r.floats(width));
            let x = Strided {
                elements: &x,
                stride: width + 3,
            };
            let z = Strided::contiguous(&z, width);
            for isa in paths() {
                let rows = Rows::<T>::new(isa);
                let mut plain = vec![T::default(); 7 * width];
                let mut gated = plain.clone();
                let norm = Norm {
                    x,
                    gate: None,
                    centre: false,
                    weight: Some(&weight),
                    bias: None,
                    eps: 1e-6,
                    width,
                };
                let gate = Some(z);
                rows.norm(&pool(), norm, &mut plain);
                rows.norm(&pool(), Norm { gate, ..norm }, &mut gated);
                let mut centred = plain.clone();
                let whole = Norm {
                    centre: true,
                    bias: Some(&bias),
                    ..norm
                };
                rows.norm(&pool(), whole, &mut centred);
                for row in 0..7 {
                    let v = wide(x.row(row, width));
                    let mean = v.iter().map(|x| x * x).sum::<f64>() / width as f64;
                    let middle = v.iter().sum::<f64>() / width as f64;
                    let spread = v.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / width as f64;
                    for i in 0..width {
                        let off = (v[i] - middle) / (spread + 1e-6).sqrt();
                        let want = off * f64::from(weight[i]) + f64::from(bias[i]);
                        near(centred[row * width + i], want, tolerance, isa.name());
                        let want = v[i] / (mean + 1e-6).sqrt() * f64::from(weight[i]);
                        near(plain[row * width + i], want, tolerance, isa.name());
                        let gate = silu(f64::from(z.row(row, width)[i].to_f32()));
                        near(gated[row * width + i], want * gate, tolerance, isa.name());
                    }
                    let mut alone = vec![T::default(); width];
                    let one = Strided::contiguous(x.row(row, width), width);
                    rows.norm(&pool(), Norm { x: one, ..norm }, &mut alone);
                    assert!(
                        alone == plain[row * width..][..width],
                        "{isa} {width} {row}"
                    );
                }
            }
        }
    }
    for_all_types!(check);
}

#[test]
fn rope_turns_pairs_in_both_layouts() {
    fn check<T: Element>(tolerance: f64) {
        let (rows, heads) = (5, 3);
        for (dim, half) in [(64, 32), (80, 20), (128, 64), (10, 3)] {
            let mut r = Random(dim as u64);
            let x: Vec<T> = r.floats(rows * heads * dim);
            let angle: Vec<f32> = r.floats(rows * half);
            let cos: Vec<f32> = angle.iter().map(|a| a.cos()).collect();
            let sin: Vec<f32> = angle.iter().map(|a| a.sin()).collect();
            for layout in [Layout::Half, Layout::Interleaved] {
                let rope = Rope {
                    cos: &cos,
                    sin: &sin,
                    half,
                    heads,
                    dim,
                    layout,
                };
                for isa in paths() {
                    let mut out = vec![T::default(); x.len()];
                    let view = Strided::contiguous(&x, heads * dim);
                    Rows::<T>::new(isa).rope(&pool(), view, &rope, &mut out);
                    for head in 0..rows * heads {
                        let from = wide(&x[head * dim..][..dim]);
                        for i in 0..half {
                            let (a, b) = match layout {
                                Layout::Half => (i, i + half),
                                Layout::Interleaved => (2 * i, 2 * i + 1),
                            };
                            let t = f64::from(angle[head / heads * half + i]);
                            let want_a = from[a] * t.cos() - from[b] * t.sin();
                            let want_b = from[b] * t.cos() + from[a] * t.sin();
                            near(out[head * dim + a], want_a, tolerance, isa.name());
                            near(out[head * dim + b], want_b, tolerance, isa.name());
                        }
                        let rest = head * dim + 2 * half..(head + 1) * dim;
                        assert!(out[rest.clone()] == x[rest]);
                    }
                }
            }
        }
    }
    for_all_types!(check);
}

#[test]
fn swiglu_and_softmax_match_f64() {
    fn check<T: Element>(tolerance: f64) {
        for (rows, width) in [(3, 5), (2, 64), (1, 9001), (9, 1000)] {
            let mut r = Random(width as u64);
            // Gate and up side by side, as one projection leaves them.
            let x: Vec<T> = (0..rows * 2 * width)
                .map(|_| T::from_f32(6.0 * r.float()))
                .collect();
            let gate = Strided {
                elements: &x,
                stride: 2 * width,
            };
            let up = Strided {
                elements: &x[width..],
                stride: 2 * width,
            };
            for isa in paths() {
                let kernels = Rows::<T>::new(isa);
                let mut out = vec![T::default(); rows * width];
                kernels.swiglu(&pool(), gate, up, width, &mut out);
                let mut p = out.clone();
                kernels.softmax(&pool(), gate, width, &mut p);
                for row in 0..rows {
                    let (g, u) = (wide(gate.row(row, width)), wide(up.row(row, width)));
                    let sum: f64 = g.iter().map(|x| x.exp()).sum();
                    for i in 0..width {
                        near(
                            out[row * width + i],
                            silu(g[i]) * u[i],
                            tolerance,
                            isa.name(),
                        );
                        near(p[row * width + i], g[i].exp() / sum, tolerance, isa.name());
                    }
                }
            }
        }
    }
    for_all_types!(check);
}

#[test]
fn top_k_takes_the_highest_and_of_equals_the_first() {
    fn check<T: Element>(tolerance: f64) {
        let (rows, experts, k) = (40, 67, 6);
        let mut r = Random(3);
        // Few different values, so that there are ties.
        let x: Vec<T> = (0..rows * experts)
            .map(|_| T::from_f32(r.below(9) as f32 / 2.0))
            .collect();
        let view = Strided::contiguous(&x, experts);
        for isa in paths() {
            for renormalise in [false, true] {
                let (mut ids, mut weights) = (vec![0; rows * k], vec![0.0; rows * k]);
                let kernels = Rows::<T>::new(isa);
                kernels.top_k(
                    &pool(),
                    view,
                    experts,
                    k,
                    renormalise,
                    &mut ids,
                    &mut weights,
                );
                for row in 0..rows {
                    let logits = wide(view.row(row, experts));
                    let mut order: Vec<usize> = (0..experts).collect();
                    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a])); // stable
                    let e = |i: usize| logits[i].exp();
                    let sum: f64 = if renormalise {
                        order[..k].iter().map(|&i| e(i)).sum()
                    } else {
                        (0..experts).map(e).sum()
                    };
                    for i in 0..k {
                        assert_eq!(ids[row * k + i] as usize, order[i], "{isa} {row}");
                        near(
                            weights[row * k + i],
                            e(order[i]) / sum,
                            tolerance,
                            isa.name(),
                        );
                    }
                }
            }
        }
    }
    for_all_types!(check);
}

#[test]
fn top_k_of_nan_still_names_different_experts() {
    for isa in paths() {
        let (mut ids, mut weights) = (vec![0; 3], vec![0.0; 3]);
        let x = [f32::NAN; 5];
        let view = Strided::contiguous(&x, 5);
        Rows::new(isa).top_k(&pool(), view, 5, 3, true, &mut ids, &mut weights);
        assert_eq!(ids, [0, 1, 2], "{isa}");
        assert!(weights.iter().all(|w| w.is_nan()));
    }
}

#[test]
fn combine_sums_in_order_of_expert() {
    fn check<T: Element>(tolerance: f64) {
        let (rows, k, width) = (6, 4, 37);
        let mut r = Random(4);
        let y: Vec<T> = r.floats(rows * k * width);
        let weights: Vec<f32> = r.floats(rows * k);
        let ids: Vec<u32> = (0..rows as u32)
            .flat_map(|i| [9 - i, 20, 30 + i, 11])
            .collect();
        for isa in paths() {
            let kernels = Rows::<T>::new(isa);
            let mut out = vec![T::default(); rows * width];
            kernels.combine(&pool(), &y, &weights, &ids, k, width, &mut out);
            for row in 0..rows {
                for c in 0..width {
                    let term = |i: usize| {
                        f64::from(y[(row * k + i) * width + c].to_f32())
                            * f64::from(weights[row * k + i])
                    };
                    near(
                        out[row * width + c],
                        (0..k).map(term).sum(),
                        tolerance,
                        isa.name(),
                    );
                }
            }
            // The same experts listed in another order give the same bits.
            let swap = |row: usize| [2, 0, 3, 1].map(|i| row * k + i);
            let order: Vec<usize> = (0..rows).flat_map(swap).collect();
            let y: Vec<T> = order
                .iter()
                .flat_map(|&i| y[i * width..][..width].to_vec())
                .collect();
            let weights: Vec<f32> = order.iter().map(|&i| weights[i]).collect();
            let ids: Vec<u32> = order.iter().map(|&i| ids[i]).collect();
            let mut other = vec![T::default(); rows * width];
            kernels.combine(&pool(), &y, &weights, &ids, k, width, &mut other);
            assert!(out == other, "{isa}");
        }
    }
    for_all_types!(check);
}
