//! Products are those of exact arithmetic, within the rounding that the arithmetic states.

use super::*;

/// Checks one product against f64.
///
/// Tolerance per element: the f32 sum (`k` roundings in at least 8 lanes, far below 2e-6 of the sum of
/// magnitudes), the rounding of weights to bf16 where the bf16 arithmetic applies (2^-9 of each
/// product, random: 2^-9 of the root of the sum of squares times 4) or that of activations to integers
/// (half of 2^-14, as none is above 1), and that of the output.
fn check(table: Path, pool: &Pool, kind: Kind, x_dtype: Dtype, shape: [usize; 3], out: Dtype) {
    let [m, n, k] = shape;
    let mut random = Random(0x9e37_79b9 + (m * 31 + n * 7 + k) as u64);
    let weights = Weights::random(&mut random, kind, n, k);
    let x = random.floats(m * k);
    let bytes = product(table, pool, &x, x_dtype, &weights, shape, out);
    let results = floats_of(out, &bytes);
    let exact = weights.exact(n, k);
    let x = floats_of(x_dtype, &bytes_of(x_dtype, &x));
    let rounded = table.arithmetic(x_dtype, &weights.weight()).element == Dtype::BF16
        && matches!(kind, Kind::Affine { .. });
    let out_step = match out {
        Dtype::F32 => 0.0,
        Dtype::F16 => 1.0 / 2048.0,
        _ => 1.0 / 256.0,
    };
    for row in 0..m {
        for column in 0..n {
            let terms = (0..k).map(|i| f64::from(x[row * k + i]) * exact[column * k + i]);
            let (mut sum, mut magnitude, mut squares) = (0.0, 0.0, 0.0);
            for term in terms {
                sum += term;
                magnitude += f64::abs(term);
                squares += term * term;
            }
            let operands = match table.role {
                _ if !rounded => 0.0,
                Role::Prompt => squares.sqrt() * 4.0 / 512.0,
                Role::Generated => {
                    let weights = exact[column * k..][..k].iter().map(|w| w.abs());
                    weights.sum::<f64>() / 32768.0
                }
            };
            let tolerance = magnitude * 2e-6 + operands + sum.abs() * out_step + 1e-7;
            let result = f64::from(results[row * n + column]);
            assert!(
                (result - sum).abs() <= tolerance,
                "{} {kind:?} x {x_dtype} {shape:?} [{row}, {column}]: {result} for {sum}",
                table.isa(),
            );
        }
    }
}

#[test]
fn every_kind_of_weight_gives_the_product() {
    let pool = Pool::new(2);
    for table in tables() {
        for kind in kinds() {
            for x_dtype in FLOATS {
                let k = if matches!(kind, Kind::Dense(_)) {
                    131
                } else {
                    384
                };
                for m in [1, 3] {
                    check(table, &pool, kind, x_dtype, [m, 13, k], x_dtype);
                    check(table, &pool, kind, x_dtype, [m, 13, k], Dtype::F32);
                }
            }
        }
    }
}

#[test]
fn odd_shapes_give_the_product() {
    let pool = Pool::new(2);
    for table in tables() {
        for x_dtype in FLOATS {
            for dtype in FLOATS {
                for k in [1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000] {
                    check(
                        table,
                        &pool,
                        Kind::Dense(dtype),
                        x_dtype,
                        [2, 5, k],
                        Dtype::F32,
                    );
                    check(
                        table,
                        &pool,
                        Kind::Dense(dtype),
                        x_dtype,
                        [1, 3, k],
                        Dtype::F32,
                    );
                }
            }
            for bits in crate::kernels::quant::BITS {
                for (group, k) in [
                    (32, 32),
                    (32, 96),
                    (32, 352),
                    (64, 64),
                    (64, 192),
                    (128, 640),
                ] {
                    let kind = Kind::Affine {
                        bits,
                        group,
                        scales: Dtype::BF16,
                    };
                    for m in [1, 8] {
                        check(table, &pool, kind, x_dtype, [m, 6, k], Dtype::F32);
                    }
                }
            }
        }
    }
}

#[test]
fn many_rows_and_wide_weights_give_the_product() {
    let pool = Pool::new(2);
    let four_bits = Kind::Affine {
        bits: 4,
        group: 64,
        scales: Dtype::BF16,
    };
    for table in tables() {
        for kind in [four_bits, Kind::Dense(Dtype::BF16), Kind::Dense(Dtype::F32)] {
            for shape in [[67, 130, 256], [7, 515, 128], [200, 1, 64]] {
                check(table, &pool, kind, Dtype::BF16, shape, Dtype::BF16);
                check(table, &pool, kind, Dtype::F32, shape, Dtype::F32);
            }
        }
    }
}

#[test]
fn empty_axes_are_empty_or_zero() {
    let pool = Pool::new(2);
    for table in tables() {
        for dtype in FLOATS {
            for [m, n] in [[0, 3], [3, 0], [2, 9], [1, 9]] {
                let mut random = Random(1);
                let weights = Weights::random(&mut random, Kind::Dense(dtype), n, 0);
                let out = product(
                    table,
                    &pool,
                    &[],
                    Dtype::BF16,
                    &weights,
                    [m, n, 0],
                    Dtype::F32,
                );
                assert_eq!(out, vec![0; m * n * 4]);
            }
        }
    }
}

#[test]
fn strided_rows_are_read_where_they_are() {
    let pool = Pool::new(2);
    for table in tables() {
        for kind in [
            Kind::Dense(Dtype::BF16),
            Kind::Affine {
                bits: 4,
                group: 32,
                scales: Dtype::F16,
            },
        ] {
            for x_dtype in FLOATS {
                let [m, n, k, stride] = [5, 9, 96, 101];
                let mut random = Random(5);
                let weights = Weights::random(&mut random, kind, n, k);
                let dense = random.floats(m * k);
                let mut spread = vec![f32::NAN; (m - 1) * stride + k];
                for (to, from) in spread.chunks_mut(stride).zip(dense.chunks(k)) {
                    to[..k].copy_from_slice(from);
                }
                let expected = product(
                    table,
                    &pool,
                    &dense,
                    x_dtype,
                    &weights,
                    [m, n, k],
                    Dtype::F32,
                );
                let mut out = vec![0; m * n * 4];
                let bytes = bytes_of(x_dtype, &spread);
                let x = Rows {
                    bytes: &bytes,
                    dtype: x_dtype,
                    stride,
                };
                let weight = weights.weight();
                let args = Linear {
                    x,
                    weight,
                    m,
                    n,
                    k,
                    out: &mut out,
                    out_dtype: Dtype::F32,
                    roles: Roles::All(table.role),
                };
                linear(table.table, &pool, args);
                assert_eq!(out, expected);
            }
        }
    }
}

#[test]
fn decoded_weights_are_the_same_on_every_path() {
    // A row of the identity picks one weight: f32 arithmetic must return it exactly.
    let pool = Pool::new(1);
    for kind in kinds() {
        let (n, k) = (3, 128);
        let weights = Weights::random(&mut Random(11), kind, n, k);
        let mut identity = vec![0.0; k * k];
        (0..k).for_each(|i| identity[i * k + i] = 1.0);
        let run = |table| {
            product(
                table,
                &pool,
                &identity,
                Dtype::F32,
                &weights,
                [k, n, k],
                Dtype::F32,
            )
        };
        let expected = run(Path::prompt(Isa::Portable));
        for table in tables() {
            assert_eq!(run(table), expected, "{} {kind:?}", table.isa());
        }
    }
}
