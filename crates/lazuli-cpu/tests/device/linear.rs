//! Products of matrices and what is made of them, against sums written out in `f64`.

use lazuli_core::{Array, Dtype};
use proptest::prelude::*;

use super::common::{Rng, *};

const FLOATS: [Dtype; 4] = [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F64];

/// `[.., m, k] x [.., k, n]` with equal leading axes, one sum at a time.
fn product(a: &Host, b: &Host) -> Host {
    let rank = a.shape.len();
    let k = a.shape[rank - 1];
    let mut shape = a.shape.clone();
    shape[rank - 1] = b.shape[rank - 1];
    let values = indices(&shape)
        .map(|i| {
            let term = |p: usize| {
                let (mut left, mut right) = (i.clone(), i.clone());
                left[rank - 1] = p;
                right[rank - 2] = p;
                a.at(&left) * b.at(&right)
            };
            (0..k).map(term).sum()
        })
        .collect();
    Host { shape, values }
}

/// Sums of `k` products of numbers below 2 are right to this many steps of the dtype.
fn ulps(dtype: Dtype, k: usize) -> f64 {
    match dtype {
        Dtype::F16 | Dtype::BF16 => 2.0 + 2000.0 * step(dtype),
        _ => 2000.0 + 8.0 * k as f64,
    }
}

#[test]
fn products_of_every_float_are_sums_of_products() {
    on_each(|device| {
        let mut rng = Rng(3);
        for dtype in FLOATS {
            for [m, k, n] in [
                [1, 1, 1],
                [4, 8, 8],
                [5, 17, 9],
                [33, 40, 70],
                [3, 0, 2],
                [0, 3, 2],
            ] {
                for lead in [vec![], vec![2, 3], vec![0]] {
                    let left = [&lead[..], &[m, k]].concat();
                    let right = [&lead[..], &[k, n]].concat();
                    let (a, a_host) = viewed_as(&mut rng, &left, dtype, 2.0);
                    let (b, b_host) = viewed_as(&mut rng, &right, dtype, 2.0);
                    let y = a.matmul(&b).unwrap();
                    let what = format!("{dtype} {left:?} x {right:?} {device:?}");
                    let want = product(&a_host, &b_host);
                    let wide: f64 = want.values.iter().fold(1e-3, |w, v| w.max(v.abs()));
                    let scaled = y.astype(Dtype::F64).unwrap() / wide;
                    let near = want.map(|v| v / wide);
                    let ulps = ulps(dtype, k) * step(dtype) / step(Dtype::F64) * 1e3;
                    assert_near(&scaled, &near, ulps, &what);
                }
            }
        }
    });
}

#[test]
fn a_matrix_that_a_batch_shares_gives_each_the_bits_of_its_own_product() {
    on_each(|device| {
        let mut rng = Rng(5);
        for dtype in FLOATS {
            for lead in [vec![3], vec![2, 3], vec![1, 1], vec![0], vec![2, 0]] {
                let (a, _) = viewed_as(&mut rng, &[&lead[..], &[5, 17]].concat(), dtype, 2.0);
                let (b, _) = viewed_as(&mut rng, &[17, 9], dtype, 2.0);
                let own = b.broadcast_to([&lead[..], &[17, 9]].concat()).unwrap();
                let own = own.copy().unwrap();
                let shared = a.matmul(&b).unwrap().bits();
                let apart = a.matmul(&own).unwrap().bits();
                assert_eq!(shared, apart, "{dtype} {lead:?} {device:?}");
            }
        }
    });
}

#[test]
fn complex_products_multiply_both_parts() {
    on_each(|_| {
        let mut rng = Rng(4);
        let [m, k, n] = [7, 13, 19];
        let mut numbers = |count: usize| -> Vec<[f32; 2]> {
            (0..count)
                .map(|_| [rng.unit() as f32, rng.unit() as f32])
                .collect()
        };
        let (a, b) = (numbers(m * k), numbers(k * n));
        let x = Array::from_slice(&a, [m, k]).unwrap();
        let y = Array::from_slice(&b, [k, n]).unwrap();
        let got = x.matmul(&y).unwrap().to_vec::<[f32; 2]>().unwrap();
        for (at, got) in got.into_iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for p in 0..k {
                let [ar, ai] = a[at / n * k + p].map(f64::from);
                let [br, bi] = b[p * n + at % n].map(f64::from);
                re += ar * br - ai * bi;
                im += ar * bi + ai * br;
            }
            assert!((f64::from(got[0]) - re).abs() < 1e-5, "{got:?} {re}");
            assert!((f64::from(got[1]) - im).abs() < 1e-5, "{got:?} {im}");
        }
    });
}

#[test]
fn a_row_of_a_wide_product_does_not_know_the_others() {
    on_each(|_| {
        let mut rng = Rng(9);
        let (a, _) = sample(&mut rng, &[37, 150], Dtype::F64, 1.0);
        let (b, _) = sample(&mut rng, &[150, 61], Dtype::F64, 1.0);
        let all = a.matmul(&b).unwrap();
        for row in [0, 3, 4, 36] {
            let one = a.narrow(0, row, row + 1).unwrap().matmul(&b).unwrap();
            let same = all.narrow(0, row, row + 1).unwrap();
            assert_eq!(one.bits(), same.bits());
        }
    });
}

#[test]
fn vectors_are_rows_and_columns_and_integers_are_refused() {
    let of = |shape: &[usize], dtype| {
        let numbers: Vec<f64> = (0..shape.iter().product())
            .map(|x: usize| x as f64)
            .collect();
        of_numbers(&numbers, shape, dtype)
    };
    let (v, m) = (of(&[3], Dtype::F32), of(&[2, 3, 4], Dtype::F32));
    assert_eq!(numbers_of(&v.matmul(&v).unwrap()), [5.0]);
    let y = v.matmul(&m).unwrap();
    assert_eq!(
        numbers_of(&y),
        [20.0, 23.0, 26.0, 29.0, 56.0, 59.0, 62.0, 65.0]
    );
    let whole = of(&[2, 2], Dtype::I32);
    let error = whole.matmul(&whole).unwrap_err().to_string();
    assert!(error.starts_with("matmul: does not take int32"), "{error}");
    assert_eq!(
        whole.matmul(&of(&[2, 2], Dtype::F16)).unwrap().dtype(),
        Dtype::F16
    );
    assert!(v.matmul(&Array::scalar(1f32)).is_err());
    assert!(v.matmul(&of(&[4], Dtype::F32)).is_err());
}

/// The sum over every label that the result lacks, by running through all labels.
fn einsum(inputs: &[&str], output: &str, operands: &[Host]) -> Host {
    let mut labels: Vec<char> = output.chars().collect();
    let outer = labels.len();
    for c in inputs.iter().flat_map(|t| t.chars()) {
        if !labels.contains(&c) {
            labels.push(c);
        }
    }
    let mut sizes = vec![1; labels.len()];
    let place = |c: char| labels.iter().position(|&l| l == c).unwrap();
    for (term, x) in inputs.iter().zip(operands) {
        for (c, &d) in term.chars().zip(&x.shape) {
            if d != 1 {
                sizes[place(c)] = d;
            }
        }
    }
    let shape = sizes[..outer].to_vec();
    let values = indices(&shape)
        .map(|fixed| {
            indices(&sizes[outer..])
                .map(|rest| {
                    let all = [&fixed[..], &rest].concat();
                    let factor = |(term, x): (&&str, &Host)| {
                        let at: Vec<usize> = term
                            .chars()
                            .zip(&x.shape)
                            .map(|(c, &d)| if d == 1 { 0 } else { all[place(c)] })
                            .collect();
                        x.at(&at)
                    };
                    inputs.iter().zip(operands).map(factor).product::<f64>()
                })
                .sum()
        })
        .collect();
    Host { shape, values }
}

#[test]
fn einstein_sums_are_sums_over_all_labels() {
    let cases: [(&str, &[&[usize]]); 17] = [
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("ij,jk,kl->il", &[&[2, 3], &[3, 4], &[4, 5]]),
        (
            "ij,jk,kl,lm,mi->",
            &[&[2, 3], &[3, 4], &[4, 2], &[2, 3], &[3, 2]],
        ),
        (
            "ab,bc,cd,de,ef,fg->ag",
            &[&[2, 3], &[3, 2], &[2, 2], &[2, 3], &[3, 2], &[2, 2]],
        ),
        ("bij,bjk->bik", &[&[2, 3, 4], &[2, 4, 5]]),
        ("ii->i", &[&[3, 3]]),
        ("iij->j", &[&[3, 3, 2]]),
        ("ii->", &[&[4, 4]]),
        ("iji,i->ij", &[&[3, 2, 3], &[3]]),
        ("ij->ji", &[&[2, 3]]),
        ("ij,ij->ij", &[&[2, 3], &[1, 3]]),
        ("ij,jk->ik", &[&[2, 1], &[3, 4]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("i,i,i->i", &[&[4], &[4], &[4]]),
        ("ij,kl->", &[&[2, 3], &[4, 2]]),
        ("ij,jk->ik", &[&[2, 0], &[0, 4]]),
        ("iI,Ij->ji", &[&[2, 3], &[3, 4]]),
    ];
    on_each(|_| {
        let mut rng = Rng(6);
        for (text, shapes) in &cases {
            let parts: Vec<(Array, Host)> = shapes
                .iter()
                .map(|s| viewed_as(&mut rng, s, Dtype::F64, 1.0))
                .collect();
            let (arrays, hosts): (Vec<Array>, Vec<Host>) = parts.into_iter().unzip();
            let (left, right) = text.split_once("->").unwrap();
            let terms: Vec<&str> = left.split(',').collect();
            let want = einsum(&terms, right, &hosts);
            let got = Array::einsum(text, &arrays).unwrap();
            assert_near(&got, &want, 1e4, text);
        }
    });
}

#[test]
fn dots_stand_for_the_axes_without_a_letter() {
    let mut rng = Rng(7);
    let mut of = |shape: &[usize]| sample(&mut rng, shape, Dtype::F64, 1.0);
    let ((a, a_host), (b, b_host)) = (of(&[5, 1, 2, 3]), of(&[4, 3, 2]));
    let want = einsum(&["abij", "bjk"], "abik", &[a_host, b_host]);
    let both = [a, b];
    for text in [
        "...ij,...jk->...ik",
        "...ij , ...jk -> ...ik",
        "...ij,...jk",
    ] {
        assert_near(&Array::einsum(text, &both).unwrap(), &want, 1e4, text);
    }
    // A result that does not name them sums over them.
    let sum = Array::einsum("...i->i", &[of(&[2, 3]).0]).unwrap();
    assert_eq!(**sum.shape(), [3]);
}

#[test]
fn integers_are_summed_and_multiplied_but_not_both() {
    let x = Array::from_slice(&[1i32, 2, 3], [3]).unwrap();
    let both = [x.clone(), x.clone()];
    let outer = Array::einsum("i,j->ij", &both).unwrap();
    assert_eq!(outer.values::<i32>(), [1, 2, 3, 2, 4, 6, 3, 6, 9]);
    assert_eq!(
        Array::einsum("i->", &[x]).unwrap().item::<i32>().unwrap(),
        6
    );
    assert!(Array::einsum("i,i->", &both).is_err());
}

#[test]
fn subscripts_that_cannot_be_meant_are_refused() {
    let m = Array::zeros([2, 3], Dtype::F32).unwrap();
    let refused = |text: &str, operands: &[Array]| {
        let error = Array::einsum(text, operands).unwrap_err().to_string();
        assert!(error.starts_with("einsum: "), "{text}: {error}");
        error
    };
    let one = std::slice::from_ref(&m);
    refused("ij->ij", &[]);
    refused("ij,jk->ik", one);
    refused("ij->ii", one);
    refused("ij->k", one);
    refused("ijk->i", one);
    refused("i1->i", one);
    refused("i->i", one);
    refused("ij->i->j", one);
    refused("..ij->i", one);
    refused("...i...->i", one);
    refused("ii->i", one);
    let error = refused(
        "ij,ij->i",
        &[m.clone(), Array::zeros([2, 4], Dtype::F32).unwrap()],
    );
    assert_eq!(
        error,
        "einsum: axis 1 of Array([2, 4], float32) does not broadcast to 3 of another operand"
    );
}

#[test]
fn the_cheapest_order_is_found() {
    let of = |shape: [usize; 2]| Array::zeros(shape, Dtype::F32).unwrap();
    let chain = [of([2, 30]), of([30, 4]), of([4, 500])];
    let (path, table) = Array::einsum_path("ij,jk,kl->il", &chain).unwrap();
    assert_eq!(path, [[0, 1], [0, 1]]);
    // 2*30*4 and 2*4*500 products, twice for the sums; all four indices at once, thrice.
    assert!(table.contains("Naive FLOP count:  360000\n"), "{table}");
    assert!(table.contains("Optimized FLOP count:  8480\n"), "{table}");
    let chain = [of([500, 4]), of([4, 30]), of([30, 2])];
    assert_eq!(
        Array::einsum_path("ij,jk,kl->il", &chain).unwrap().0,
        [[1, 2], [0, 1]]
    );
    let one = Array::einsum_path("ij->i", &[of([20, 3])]).unwrap();
    assert_eq!(one.0, [[0]]);
    assert!(one.1.contains("Optimized FLOP count:  120\n"), "{}", one.1);
    // Long chains go greedily, to an order that is no worse than from left to right.
    let long: Vec<Array> = [9, 2, 8, 2, 7, 2, 6, 3]
        .windows(2)
        .map(|w| of([w[0], w[1]]))
        .collect();
    let (path, table) = Array::einsum_path("ab,bc,cd,de,ef,fg,gh->ah", &long).unwrap();
    assert_eq!(path.len(), 6);
    assert!(table.contains("Optimized scaling:  3\n"), "{table}");
}

#[test]
fn named_products_are_the_sums_they_stand_for() {
    on_each(|_| {
        let mut rng = Rng(8);
        let mut of = |shape: &[usize]| viewed_as(&mut rng, shape, Dtype::F64, 1.0);
        let ((a, ah), (b, bh)) = (of(&[2, 3, 4]), of(&[4, 3, 5]));
        let near = |got: lazuli_core::Result<Array>, want: Host, what: &str| {
            assert_near(&got.unwrap(), &want, 1e4, what);
        };
        let want = einsum(&["ijk", "kjl"], "il", &[ah.clone(), bh.clone()]);
        near(a.tensordot_axes(&b, &[1, -1], &[1, 0]), want, "tensordot");
        let want = einsum(&["ijk", "klm"], "ijlm", &[ah.clone(), bh.clone()]);
        near(a.tensordot(&b, 1), want, "tensordot 1");
        let ((v, vh), (w, wh)) = (of(&[3]), of(&[5]));
        let want = einsum(&["i", "j"], "ij", &[vh.clone(), wh.clone()]);
        near(v.tensordot(&w, 0), want.clone(), "tensordot 0");
        near(v.outer(&w), want, "outer");
        let ((c, ch), (d, dh)) = (of(&[2, 3]), of(&[4, 3]));
        let want = einsum(&["ik", "jk"], "ij", &[ch.clone(), dh.clone()]);
        near(c.inner(&d), want, "inner");
        let want = einsum(&["ik", "k"], "i", &[ch.clone(), vh.clone()]);
        near(c.vecdot(&v, -1), want, "vecdot");
        let ((e, eh), (f, fh)) = (of(&[2, 3]), of(&[3, 4]));
        let all = einsum(&["ij", "kl"], "ikjl", &[eh.clone(), fh.clone()]);
        let kron = Host {
            shape: vec![6, 12],
            values: all.values,
        };
        near(e.kron(&f), kron, "kron");
        let (g, gh) = of(&[4]);
        let product = product(&eh, &fh);
        let want = product.gather(&[2, 4], |i| i.to_vec());
        let values = indices(&[2, 4])
            .map(|i| 2.0 * want.at(&i) - 0.5 * gh.at(&i[1..]))
            .collect();
        let want = Host {
            shape: vec![2, 4],
            values,
        };
        near(g.addmm(&e, &f, 2.0, -0.5), want, "addmm");
    });
    // (1 - 2i)(3 + i) + (-i)(2i), the first operand conjugated.
    let z = Array::from_slice(&[[1f32, 2.0], [0.0, 1.0]], [2]).unwrap();
    let w = Array::from_slice(&[[3f32, 1.0], [0.0, 2.0]], [2]).unwrap();
    let dot = z.vecdot(&w, -1).unwrap();
    assert_eq!(dot.item::<[f32; 2]>().unwrap(), [7.0, -5.0]);
    let m = Array::zeros([2, 3], Dtype::F32).unwrap();
    assert!(m.tensordot(&m, 1).is_err());
    assert!(m.tensordot(&m, 3).is_err());
    assert!(m.tensordot_axes(&m, &[0, 0], &[0, 1]).is_err());
    assert!(m.tensordot_axes(&m, &[0, 1], &[0]).is_err());
    assert!(m.inner(&Array::zeros([2], Dtype::F32).unwrap()).is_err());
    assert!(m.addmm(&m, &m, 1.0, 1.0).is_err());
}

#[test]
fn kronecker_products_keep_integers_and_ranks() {
    let a = Array::from_slice(&[0i32, 1, 2, 3], [2, 2]).unwrap();
    let b = Array::from_slice(&[0i32, 1], [2]).unwrap();
    let y = a.kron(&b).unwrap();
    assert_eq!(**y.shape(), [2, 4]);
    assert_eq!(y.values::<i32>(), [0, 0, 0, 1, 0, 2, 0, 3]);
}

#[test]
fn hadamard_transforms_are_orthogonal_and_those_of_the_reference() {
    // Row sums of `hadamard_transform(eye(n), scale=1)` weighted by 1, 2, 3.. modulo 97, from mlx 0.32.
    let known = include_str!("../fixtures/hadamard.txt");
    on_each(|_| {
        for line in known.lines() {
            let mut words = line.split_whitespace();
            let n: usize = words.next().unwrap().parse().unwrap();
            let want: Vec<i64> = words.map(|w| w.parse().unwrap()).collect();
            let mut eye = vec![0f32; n * n];
            (0..n).for_each(|i| eye[i * n + i] = 1.0);
            let eye = Array::from_slice(&eye, [n, n]).unwrap();
            let h = eye.hadamard_transform(Some(1.0)).unwrap();
            let rows = h.values::<f32>();
            for (row, want) in rows.chunks(n).zip(want) {
                let sum: i64 = (row.iter().zip(1..))
                    .map(|(&v, w): (_, i64)| v as i64 * w)
                    .sum();
                assert_eq!(sum.rem_euclid(97), want, "{n}");
            }
        }
        let mut rng = Rng(11);
        for n in [1, 2, 12, 24, 40, 56, 96, 512, 2048] {
            let (x, host) = viewed_as(&mut rng, &[3, n], Dtype::F32, 1.0);
            let once = x.hadamard_transform(None).unwrap();
            // Orthonormal: lengths stay.
            let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
            let (a, b) = (numbers_of(&once), &host.values);
            for (a, b) in a.chunks(n).zip(b.chunks(n)) {
                assert!((length(a) - length(b)).abs() < 1e-4 * length(b), "{n}");
            }
        }
    });
    let of = |n: usize| {
        Array::zeros([2, n], Dtype::F32)
            .unwrap()
            .hadamard_transform(None)
    };
    for n in [0, 3, 6, 7, 14, 36] {
        assert!(of(n).is_err(), "{n}");
    }
    let whole = Array::from_slice(&[1i32, 2], [2]).unwrap();
    assert_eq!(
        whole.hadamard_transform(Some(1.0)).unwrap().values::<f32>(),
        [3.0, -1.0]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn gathered_products_are_products_of_what_was_gathered(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = FLOATS[rng.below(4)];
        let [m, k, n, left, right] = [3, 9, 5, 4, 6].map(|most| 1 + rng.below(most));
        let (a, _) = viewed_as(&mut rng, &[left, m, k], dtype, 1.0);
        let (b, _) = viewed_as(&mut rng, &[right, k, n], dtype, 1.0);
        let pick = |rng: &mut Rng, shape: &[usize], below: usize| {
            let ids: Vec<u32> = (0..shape.iter().product()).map(|_| rng.below(below) as u32).collect();
            Array::from_slice(&ids, shape).unwrap()
        };
        let lhs = pick(&mut rng, &[3, 1], left);
        let rhs = pick(&mut rng, &[4], right);
        on_each(|device| {
            let got = a.gather_mm(&b, Some(&lhs), Some(&rhs)).unwrap();
            let every = |x: &Array| x.broadcast_to([3, 4]).unwrap();
            let parts = (a.take(&every(&lhs), 0).unwrap(), b.take(&every(&rhs), 0).unwrap());
            let want = parts.0.matmul(&parts.1).unwrap();
            assert_eq!(got.shape(), want.shape());
            let want = Host { shape: want.shape().to_vec(), values: numbers_of(&want) };
            assert_near(&got, &want, 2000.0, &format!("{dtype} {device:?}"));
        });
    }

    #[test]
    fn segments_are_products_of_parts(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = FLOATS[rng.below(4)];
        let [m, k, n] = [4, 20, 5].map(|most| 1 + rng.below(most));
        let (a, _) = viewed_as(&mut rng, &[m, k], dtype, 1.0);
        let (b, _) = viewed_as(&mut rng, &[k, n], dtype, 1.0);
        let pairs: Vec<i32> = (0..5)
            .flat_map(|_| {
                let start = rng.below(k + 1);
                [start as i32, (start + rng.below(k + 1 - start)) as i32]
            })
            .collect();
        let segments = Array::from_slice(&pairs, [5, 1, 2]).unwrap();
        on_each(|device| {
            let got = a.segmented_mm(&b, &segments).unwrap();
            assert_eq!(&got.shape()[..], &[5, 1, m, n]);
            for (i, pair) in pairs.chunks(2).enumerate() {
                let [start, end] = [pair[0] as usize, pair[1] as usize];
                let part = a.narrow(1, start, end).unwrap();
                let want = part.matmul(&b.narrow(0, start, end).unwrap()).unwrap();
                let one = got.narrow(0, i, i + 1).unwrap().reshape([m, n]).unwrap();
                let want = Host { shape: vec![m, n], values: numbers_of(&want) };
                assert_near(&one, &want, 2000.0, &format!("{dtype} {device:?}"));
            }
        });
    }
}

#[test]
fn gathered_products_refuse_what_they_cannot_take() {
    let x = Array::zeros([2, 3, 4], Dtype::F32).unwrap();
    let w = Array::zeros([5, 4, 6], Dtype::F32).unwrap();
    let ids = Array::from_slice(&[0u32, 7], [2]).unwrap();
    let late = x.gather_mm(&w, None, Some(&ids)).unwrap();
    assert!(late.eval().is_err(), "an id beyond the matrices");
    assert!(x.gather_mm(&w, None, Some(&Array::scalar(1f32))).is_err());
    assert!(x.gather_mm(&x, None, Some(&ids)).is_err());
    let whole = x.astype(Dtype::I32).unwrap();
    assert!(
        whole
            .gather_mm(&w.astype(Dtype::I32).unwrap(), None, Some(&ids))
            .is_err()
    );
}

#[test]
fn masked_blocks_count_as_zero() {
    on_each(|_| {
        let mut rng = Rng(12);
        let (m, k, n) = (40, 70, 33);
        let (a, ah) = viewed_as(&mut rng, &[m, k], Dtype::F32, 1.0);
        let (b, bh) = viewed_as(&mut rng, &[k, n], Dtype::F32, 1.0);
        let bits = [true, false, true, false, true, true];
        let lhs: Vec<f64> = bits.iter().map(|&b| f64::from(b)).collect();
        let lhs_mask = of_numbers(&lhs, &[2, 3], Dtype::Bool);
        let rhs = [0.5, 1.0, 0.0, 2.0, -1.0, 1.0];
        let rhs_mask = of_numbers(&rhs, &[3, 2], Dtype::F32);
        let out_mask = of_numbers(&[1.0, 0.0, 1.0, 1.0], &[2, 2], Dtype::Bool);
        let got = a
            .block_masked_mm(&b, 32, Some(&out_mask), Some(&lhs_mask), Some(&rhs_mask))
            .unwrap();
        let left = ah.gather(&[m, k], |i| i.to_vec());
        let values = indices(&[m, k]).map(|i| left.at(&i) * lhs[i[0] / 32 * 3 + i[1] / 32]);
        let left = Host {
            shape: vec![m, k],
            values: values.collect(),
        };
        let values = indices(&[k, n]).map(|i| bh.at(&i) * rhs[i[0] / 32 * 2 + i[1] / 32]);
        let right = Host {
            shape: vec![k, n],
            values: values.collect(),
        };
        let mut want = product(&left, &right);
        for (i, value) in indices(&[m, n]).zip(&mut want.values) {
            if i[0] < 32 && i[1] >= 32 {
                *value = 0.0;
            }
        }
        assert_near(&got, &want, 2e4, "block_masked_mm");
        assert!(
            a.block_masked_mm(&b, 16, Some(&out_mask), None, None)
                .is_err()
        );
        assert!(
            a.block_masked_mm(&b, 64, Some(&lhs_mask), None, None)
                .is_err()
        );
    });
}
