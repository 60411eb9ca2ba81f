//! Linear algebra by what defines it: products of factors give back the matrix, bases are orthonormal,
//! solutions solve.

use lazuli_core::linalg::{self, Ord::*, *};
use lazuli_core::transforms::vmap;
use lazuli_core::{Array, Dtype, Result, Shape};

use super::common::*;

mod known;

/// A matrix of complex numbers, to multiply in `f64`.
#[derive(Clone, Debug)]
struct Matrix {
    m: usize,
    n: usize,
    elements: Vec<[f64; 2]>,
}

impl Matrix {
    fn new(m: usize, n: usize, at: impl Fn(usize, usize) -> [f64; 2]) -> Matrix {
        let elements = (0..m * n).map(|k| at(k / n, k % n)).collect();
        Matrix { m, n, elements }
    }

    fn eye(n: usize) -> Matrix {
        Matrix::new(n, n, |i, j| [(i == j) as u8 as f64, 0.0])
    }

    fn at(&self, i: usize, j: usize) -> [f64; 2] {
        self.elements[i * self.n + j]
    }

    fn adjoint(&self) -> Matrix {
        Matrix::new(self.n, self.m, |i, j| {
            let [re, im] = self.at(j, i);
            [re, -im]
        })
    }

    fn times(&self, b: &Matrix) -> Matrix {
        assert_eq!(self.n, b.m);
        Matrix::new(self.m, b.n, |i, j| {
            (0..self.n).fold([0.0, 0.0], |sum, k| {
                let (x, y) = (self.at(i, k), b.at(k, j));
                [
                    sum[0] + x[0] * y[0] - x[1] * y[1],
                    sum[1] + x[0] * y[1] + x[1] * y[0],
                ]
            })
        })
    }

    fn columns(&self, range: std::ops::Range<usize>) -> Matrix {
        Matrix::new(self.m, range.len(), |i, j| self.at(i, range.start + j))
    }

    fn near(&self, want: &Matrix, tolerance: f64, what: &str) {
        assert_eq!((self.m, self.n), (want.m, want.n), "{what}");
        for (k, (g, w)) in self.elements.iter().zip(&want.elements).enumerate() {
            let off = (g[0] - w[0]).hypot(g[1] - w[1]);
            assert!(off <= tolerance, "{what}: element {k} is {g:?}, not {w:?}");
        }
    }
}

fn pairs(x: &Array) -> Vec<[f64; 2]> {
    match x.dtype() {
        Dtype::C64 => {
            let pairs = x.to_vec::<[f32; 2]>().unwrap();
            pairs.iter().map(|x| [x[0].into(), x[1].into()]).collect()
        }
        _ => numbers_of(x).into_iter().map(|x| [x, 0.0]).collect(),
    }
}

/// The matrices of a batch.
fn matrices(x: &Array) -> Vec<Matrix> {
    let (lead, own) = x.shape().split_at(x.rank() - 2);
    let (m, n) = (own[0], own[1]);
    let all = pairs(x);
    (0..lead.iter().product())
        .map(|k| Matrix {
            m,
            n,
            elements: all[k * m * n..][..m * n].to_vec(),
        })
        .collect()
}

/// The vectors of a batch, as diagonal matrices.
fn diagonals(x: &Array) -> Vec<Matrix> {
    let n = x.dim(x.rank() - 1);
    let all = pairs(x);
    (0..x.shape()[..x.rank() - 1].iter().product())
        .map(|k| Matrix::new(n, n, |i, j| if i == j { all[k * n + i] } else { [0.0; 2] }))
        .collect()
}

fn random(rng: &mut Rng, shape: &[usize], dtype: Dtype) -> Array {
    if dtype != Dtype::C64 {
        return viewed_as(rng, shape, dtype, 1.0).0;
    }
    let (re, _) = sample(rng, shape, Dtype::F32, 1.0);
    let (im, _) = sample(rng, shape, Dtype::F32, 1.0);
    let i = Array::scalar([0.0f32, 1.0]);
    let im = im.astype(dtype).unwrap().multiply(&i).unwrap();
    re.astype(dtype).unwrap().add(&im).unwrap()
}

/// Matrices of every kind: none, empty, of one element, high, wide, square, in batches.
fn each_shape(square: bool, f: impl Fn(&mut Rng, &[usize])) {
    let mut rng = Rng(9);
    let leads: [&[usize]; 4] = [&[], &[3], &[2, 2], &[0]];
    let sizes = [
        [0, 0],
        [1, 1],
        [2, 2],
        [5, 5],
        [17, 17],
        [5, 3],
        [3, 5],
        [0, 3],
        [4, 0],
    ];
    for lead in leads {
        for size in sizes {
            if !square || size[0] == size[1] {
                f(&mut rng, &[lead, &size].concat());
            }
        }
    }
}

/// What an element of a result may be off, of matrices of `n` elements of about one.
fn slack(dtype: Dtype, n: usize) -> f64 {
    16.0 * step(dtype) * (1 + n) as f64
}

const REAL: [Dtype; 2] = [Dtype::F32, Dtype::F64];
const ANY: [Dtype; 3] = [Dtype::F32, Dtype::F64, Dtype::C64];

#[test]
fn qr_is_an_orthonormal_basis_and_a_triangle() {
    on_each(|_| {
        for dtype in REAL {
            each_shape(false, |rng, shape| {
                let a = random(rng, shape, dtype);
                let (q, r) = qr(&a).unwrap();
                for ((a, q), r) in matrices(&a).iter().zip(matrices(&q)).zip(matrices(&r)) {
                    let what = format!("qr {shape:?} {dtype}");
                    let slack = slack(dtype, a.m.max(a.n));
                    q.times(&r).near(a, slack, &what);
                    q.adjoint().times(&q).near(&Matrix::eye(q.n), slack, &what);
                    let upper =
                        Matrix::new(r.m, r.n, |i, j| if j < i { [0.0; 2] } else { r.at(i, j) });
                    r.near(&upper, 0.0, &what);
                }
            });
        }
    });
}

#[test]
fn svd_is_two_bases_and_descending_values() {
    on_each(|_| {
        for dtype in ANY {
            each_shape(false, |rng, shape| {
                let a = random(rng, shape, dtype);
                let (u, s, v) = svd(&a).unwrap();
                let values = numbers_of(&svdvals(&a).unwrap());
                let what = format!("svd {shape:?} {dtype}");
                for (x, y) in numbers_of(&s).iter().zip(values) {
                    assert!((x - y).abs() <= slack(dtype, 17), "{what}: {x} {y}");
                }
                let all = matrices(&u)
                    .into_iter()
                    .zip(diagonals(&s))
                    .zip(matrices(&v));
                for (a, ((u, s), v)) in matrices(&a).iter().zip(all) {
                    let (k, slack) = (s.n, slack(dtype, a.m.max(a.n)));
                    let v = v.adjoint();
                    assert_eq!((u.n, v.n), (a.m, a.n), "{what}");
                    let (thin, right) = (u.columns(0..k), v.columns(0..k).adjoint());
                    thin.times(&s).times(&right).near(a, slack, &what);
                    u.adjoint().times(&u).near(&Matrix::eye(a.m), slack, &what);
                    v.adjoint().times(&v).near(&Matrix::eye(a.n), slack, &what);
                    let s: Vec<f64> = (0..k).map(|i| s.at(i, i)[0]).collect();
                    assert!(s.is_sorted_by(|a, b| a >= b && *b >= 0.0), "{what}: {s:?}");
                }
            });
        }
    });
}

/// A positive definite matrix, but for the triangle that must not be read.
fn definite(rng: &mut Rng, shape: &[usize], dtype: Dtype, upper: bool) -> (Array, Vec<Matrix>) {
    let a = random(rng, shape, dtype);
    let whole: Vec<Matrix> = (matrices(&a).iter())
        .map(|a| {
            let square = a.times(&a.adjoint());
            Matrix::new(a.m, a.n, |i, j| {
                let [re, im] = square.at(i, j);
                [re + (i == j) as u8 as f64, im]
            })
        })
        .collect();
    let elements = whole.iter().flat_map(|a| {
        let unread = move |k: usize| match upper {
            true => k % a.n < k / a.n,
            false => k % a.n > k / a.n,
        };
        let kept = a.elements.iter().enumerate();
        kept.map(move |(k, &x)| if unread(k) { [f64::NAN; 2] } else { x })
    });
    let elements: Vec<[f64; 2]> = elements.collect();
    let array = match dtype {
        Dtype::C64 => {
            let pairs: Vec<[f32; 2]> = elements.iter().map(|x| x.map(|x| x as f32)).collect();
            Array::from_slice(&pairs, shape).unwrap()
        }
        _ => of_numbers(
            &elements.iter().map(|x| x[0]).collect::<Vec<_>>(),
            shape,
            dtype,
        ),
    };
    (array, whole)
}

#[test]
fn factors_and_spectra_of_one_triangle() {
    on_each(|_| {
        for dtype in ANY {
            for upper in [false, true] {
                each_shape(true, |rng, shape| {
                    let (a, whole) = definite(rng, shape, dtype, upper);
                    let what = format!("{shape:?} {dtype} upper: {upper}");
                    let slack = 40.0 * slack(dtype, shape[shape.len() - 1]);
                    let side = if upper { Side::Upper } else { Side::Lower };
                    let (w, v) = eigh(&a, side).unwrap();
                    let values = numbers_of(&eigvalsh(&a, side).unwrap());
                    for (x, y) in numbers_of(&w).iter().zip(values) {
                        assert!((x - y).abs() <= slack, "{what}: {x} {y}");
                    }
                    for (a, (w, v)) in whole.iter().zip(diagonals(&w).iter().zip(matrices(&v))) {
                        v.times(w).times(&v.adjoint()).near(a, slack, &what);
                        v.adjoint().times(&v).near(&Matrix::eye(a.n), slack, &what);
                        let w: Vec<f64> = (0..a.n).map(|i| w.at(i, i)[0]).collect();
                        assert!(w.is_sorted(), "{what}: {w:?}");
                    }
                    if dtype == Dtype::C64 {
                        return;
                    }
                    let factor = cholesky(&a, upper).unwrap();
                    let inverse = cholesky_inv(&factor, upper);
                    for (a, c) in whole.iter().zip(matrices(&factor)) {
                        let l = if upper { c.adjoint() } else { c };
                        let lower =
                            Matrix::new(l.m, l.n, |i, j| if j > i { [0.0; 2] } else { l.at(i, j) });
                        l.near(&lower, 0.0, &what);
                        l.times(&l.adjoint()).near(a, slack, &what);
                    }
                    if dtype == Dtype::F32 {
                        for (a, inverse) in whole.iter().zip(matrices(&inverse.unwrap())) {
                            a.times(&inverse)
                                .near(&Matrix::eye(a.n), 10.0 * slack, &what);
                        }
                    }
                });
            }
        }
    });
}

#[test]
fn eigenvectors_are_stretched_by_their_values() {
    on_each(|_| {
        for dtype in ANY {
            each_shape(true, |rng, shape| {
                let a = random(rng, shape, dtype);
                let (w, v) = eig(&a).unwrap();
                assert_eq!(w.dtype(), Dtype::C64);
                let values = eigvals(&a).unwrap();
                let all = diagonals(&w)
                    .into_iter()
                    .zip(matrices(&v))
                    .zip(diagonals(&values));
                for (a, ((w, v), values)) in matrices(&a).iter().zip(all) {
                    let slack = 10.0 * slack(Dtype::C64, a.n);
                    let what = format!("eig {shape:?} {dtype}");
                    a.times(&v).near(&v.times(&w), slack, &what);
                    let lengths = v.adjoint().times(&v);
                    for i in 0..a.n {
                        assert!((lengths.at(i, i)[0] - 1.0).abs() < slack, "{what}");
                        // In whatever order.
                        let [re, im] = w.at(i, i);
                        let near = |j: usize| {
                            let [x, y] = values.at(j, j);
                            (x - re).hypot(y - im) < slack
                        };
                        assert!((0..a.n).any(near), "{what}");
                    }
                }
            });
        }
    });
}

#[test]
fn elimination_gives_factors_solutions_and_determinants() {
    on_each(|_| {
        for dtype in REAL {
            each_shape(false, |rng, shape| {
                let a = random(rng, shape, dtype);
                let (p, l, u) = lu(&a).unwrap();
                let (both, pivots) = lu_factor(&a).unwrap();
                let (p, pivots) = (p.values::<u32>(), pivots.values::<u32>());
                let all = matrices(&l)
                    .into_iter()
                    .zip(matrices(&u))
                    .zip(matrices(&both));
                for (b, (a, ((l, u), both))) in matrices(&a).iter().zip(all).enumerate() {
                    let (k, slack) = (a.m.min(a.n), slack(dtype, a.m.max(a.n)));
                    let what = format!("lu {shape:?} {dtype}");
                    let product = l.times(&u);
                    let p = &p[b * a.m..][..a.m];
                    let back = Matrix::new(a.m, a.n, |i, j| product.at(p[i] as usize, j));
                    back.near(a, slack, &what);
                    // Exchanging rows in order gives the same places.
                    let mut rows: Vec<usize> = (0..a.m).collect();
                    for (i, &pivot) in pivots[b * k..][..k].iter().enumerate() {
                        rows.swap(i, pivot as usize);
                    }
                    assert!((0..a.m).all(|i| p[rows[i]] as usize == i), "{what}");
                    let packed =
                        Matrix::new(a.m, a.n, |i, j| if j < i { l.at(i, j) } else { u.at(i, j) });
                    both.near(&packed, 0.0, &what);
                    assert!(l.elements.iter().all(|x| x[0].abs() <= 1.0), "{what}");
                }
            });
            each_shape(true, |rng, shape| {
                let n = shape[shape.len() - 1];
                let what = format!("{shape:?} {dtype}");
                // Well away from singular.
                let eye = Array::from_slice(&(0..n as i32).collect::<Vec<_>>(), [n]).unwrap();
                let eye = eye
                    .expand_dims(1)
                    .unwrap()
                    .equal(&eye)
                    .unwrap()
                    .astype(dtype)
                    .unwrap();
                let shift = Array::scalar_of(n as f64, dtype);
                let a = random(rng, shape, dtype);
                let a = a.add(&eye.multiply(&shift).unwrap()).unwrap();
                let slack = 10.0 * slack(dtype, n);
                let inverse = inv(&a).unwrap();
                for (a, inverse) in matrices(&a).iter().zip(matrices(&inverse)) {
                    a.times(&inverse).near(&Matrix::eye(n), slack, &what);
                }
                let b = random(rng, &[&shape[..shape.len() - 1], &[2]].concat(), dtype);
                let x = solve(&a, &b).unwrap();
                for (a, (x, b)) in matrices(&a)
                    .iter()
                    .zip(matrices(&x).iter().zip(matrices(&b)))
                {
                    a.times(x).near(&b, slack, &what);
                }
                for upper in [false, true] {
                    let kept = |i: usize, j: usize| if upper { j >= i } else { j <= i };
                    let x = solve_triangular(&a, &b, upper).unwrap();
                    let inverse = tri_inv(&a, upper).unwrap();
                    let all = matrices(&x)
                        .into_iter()
                        .zip(matrices(&b))
                        .zip(matrices(&inverse));
                    for (a, ((x, b), inverse)) in matrices(&a).iter().zip(all) {
                        let half =
                            Matrix::new(
                                n,
                                n,
                                |i, j| if kept(i, j) { a.at(i, j) } else { [0.0; 2] },
                            );
                        half.times(&x).near(&b, slack, &what);
                        half.times(&inverse).near(&Matrix::eye(n), slack, &what);
                    }
                }
                let (sign, log) = slogdet(&a).unwrap();
                let whole = numbers_of(&det(&a).unwrap());
                let logs = numbers_of(&sign).into_iter().zip(numbers_of(&log));
                for (d, (sign, log)) in whole.iter().zip(logs) {
                    let by_log = sign * log.exp();
                    // The logarithm of a large number has few places left.
                    assert!(
                        (d - by_log).abs() <= 1e-4 * d.abs() || d.is_infinite(),
                        "{what}: {d} {by_log}"
                    );
                }
            });
        }
    });
}

fn of(values: &[f64], shape: &[usize]) -> Array {
    of_numbers(values, shape, Dtype::F32)
}

fn reads(x: Result<Array>, want: &[f64]) {
    let x = x.unwrap();
    let got = numbers_of(&x);
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 1e-5 * w.abs().max(1.0), "{got:?} {want:?}");
    }
}

#[test]
fn leading_axes_broadcast_and_vectors_are_columns() {
    on_each(|_| {
        let mut rng = Rng(6);
        let shift = |a: Array| a.add(&Array::scalar_of(3.0, a.dtype())).unwrap();
        let a = shift(random(&mut rng, &[2, 1, 2, 2], Dtype::F32));
        for b in [&[2][..], &[2, 3], &[5, 2, 3]] {
            let b = random(&mut rng, b, Dtype::F32);
            let column = if b.rank() == 1 {
                b.expand_dims(1).unwrap()
            } else {
                b.clone()
            };
            let x = solve(&a, &b).unwrap();
            let x = if b.rank() == 1 {
                x.expand_dims(x.rank()).unwrap()
            } else {
                x
            };
            let back = a.matmul(&x).unwrap();
            let want = column.broadcast_to(back.shape()).unwrap();
            for (g, w) in numbers_of(&back).iter().zip(numbers_of(&want)) {
                assert!((g - w).abs() < 1e-3, "{g} {w}");
            }
        }
        // A batch by vmap is the batch.
        let a = random(&mut rng, &[3, 4, 4], Dtype::F32);
        let map = |x: &[Array]| qr(&x[0]).map(|(q, r)| vec![q, r]);
        let mapped = vmap(map, std::slice::from_ref(&a), &[Some(0)]).unwrap();
        let (q, r) = qr(&a).unwrap();
        assert_eq!(numbers_of(&mapped[0]), numbers_of(&q));
        assert_eq!(numbers_of(&mapped[1]), numbers_of(&r));
    });
}

#[test]
fn misuse_is_an_error_that_says_why() {
    fn says<T>(x: Result<T>, what: &str) {
        match x {
            Err(error) => assert_eq!(error.to_string(), what),
            Ok(_) => panic!("no error: {what}"),
        }
    }
    fn fails(x: Result<Array>, what: &str) {
        says(x.and_then(|x| x.eval()), what);
    }
    on_each(|_| {
        let vector = of(&[1.0, 2.0], &[2]);
        let wide = of(&[1.0; 6], &[2, 3]);
        let integers = Array::from_slice(&[1i32, 2, 3, 4], [2, 2]).unwrap();
        says(qr(&vector), "qr: needs matrices, the shape is [2]");
        says(qr(&integers), "qr: takes float32 or float64, not int32");
        says(
            eigh(&wide, Side::Lower),
            "eigh: needs square matrices, the shape is [2, 3]",
        );
        says(
            inv(&wide),
            "inv: needs square matrices, the shape is [2, 3]",
        );
        let complex = wide.astype(Dtype::C64).unwrap();
        says(qr(&complex), "qr: takes float32 or float64, not complex64");
        says(
            svd(&integers),
            "svd: takes float32, float64 or complex64, not int32",
        );
        says(
            solve(&of(&[1.0; 4], &[2, 2]), &of(&[1.0; 3], &[3])),
            "solve: [2, 2] and [3] are not [.., n, n] and [n] or [.., n, k]",
        );
        says(
            solve(&integers, &Array::from_slice(&[1i32, 2], [2]).unwrap()),
            "solve: takes what promotes to float32 or float64, not int32 and int32",
        );
        says(
            cross(&of(&[1.0; 4], &[4]), &of(&[1.0; 4], &[4]), -1),
            "cross: axis -1 of [4] has 4 elements, not 2 or 3",
        );
        says(
            norm(&vector, Some(Nuclear), None, false),
            "norm: Nuclear is no norm over 1 axes",
        );
        let singular = of(&[1.0, 2.0, 2.0, 4.0], &[2, 2]);
        fails(inv(&singular), "solve: the matrix is singular");
        let batch = of(&[1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 4.0], &[2, 2, 2]);
        fails(inv(&batch), "solve: matrix 1 of the batch is singular");
        fails(
            cholesky(&of(&[-1.0, 0.0, 0.0, 1.0], &[2, 2]), false),
            "cholesky: the matrix is not positive definite",
        );
        let broken = of(&[f64::NAN; 4], &[2, 2]);
        fails(svdvals(&broken), "svd: the matrix holds NaN or infinity");
        fails(
            eigvals(&broken),
            "eigvals: the matrix holds NaN or infinity",
        );
        let (w, v) = eigh(&broken, Side::Lower).unwrap();
        assert!(
            numbers_of(&w)
                .iter()
                .chain(&numbers_of(&v))
                .all(|x| x.is_nan())
        );
        let none: Shape = [2, 0, 3].into();
        assert!(linalg::qr(&Array::full(none, 0.0, Dtype::F32).unwrap()).is_ok());
    });
}
