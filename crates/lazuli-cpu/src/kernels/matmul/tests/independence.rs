//! A row's bits depend on that row alone.

use super::*;

/// One kind of weight for each set of kernels, with shapes that have tails in every direction.
fn cases() -> Vec<(Kind, [usize; 2])> {
    let affine = |bits, group| Kind::Affine {
        bits,
        group,
        scales: Dtype::BF16,
    };
    vec![
        (Kind::Dense(Dtype::BF16), [37, 203]),
        (Kind::Dense(Dtype::BF16), [37, 256]),
        // Few elements: blocks that are turned, and blocks that are not, from a few rows on.
        (Kind::Dense(Dtype::BF16), [83, 64]),
        (Kind::Dense(Dtype::BF16), [70, 75]),
        (Kind::Dense(Dtype::F32), [21, 77]),
        (Kind::Dense(Dtype::F32), [21, 96]),
        (Kind::Dense(Dtype::F16), [18, 130]),
        (affine(2, 64), [19, 320]),
        (affine(3, 32), [19, 352]),
        (affine(4, 32), [70, 224]),
        (affine(4, 64), [70, 576]),
        (affine(4, 128), [30, 384]),
        (affine(4, 64), [277, 128]),
        (affine(5, 64), [19, 192]),
        (affine(6, 64), [19, 192]),
        (affine(8, 64), [19, 448]),
        (BLOCKS[0], [19, 416]),
        (BLOCKS[1], [19, 352]),
        (BLOCKS[2], [19, 208]),
    ]
}

#[test]
fn a_row_has_the_same_bits_in_any_number_of_rows() {
    // Threads are the next test's claim; one is faster where there are thousands of products.
    let pool = Pool::new(1);
    for table in tables() {
        for (kind, [n, k]) in cases() {
            for dtype in FLOATS {
                let mut random = Random(3);
                let weights = Weights::random(&mut random, kind, n, k);
                let x = random.floats(70 * k);
                let run = |rows: &[f32]| {
                    let shape = [rows.len() / k, n, k];
                    product(table, &pool, rows, dtype, &weights, shape, Dtype::F32)
                };
                let alone: Vec<_> = x.chunks(k).map(run).collect();
                for m in 1..70 {
                    let together = run(&x[..m * k]);
                    assert!(
                        together == alone[..m].concat(),
                        "{} {kind:?} x {dtype}: {m} rows",
                        table.isa()
                    );
                }
            }
        }
    }
}

#[test]
fn threads_do_not_change_bits() {
    let (one, two, five) = (Pool::new(1), Pool::new(2), Pool::new(5));
    for table in tables() {
        for (kind, [n, k]) in cases() {
            for m in [1, 2, 40] {
                let mut random = Random(4);
                let weights = Weights::random(&mut random, kind, 8 * n, k);
                let x = random.floats(m * k);
                for dtype in FLOATS {
                    let run =
                        |pool| product(table, pool, &x, dtype, &weights, [m, 8 * n, k], dtype);
                    assert!(
                        run(&one) == run(&two) && run(&one) == run(&five),
                        "{kind:?} {m}"
                    );
                }
            }
        }
    }
}

#[test]
fn nan_and_infinity_stay_in_their_row() {
    let pool = Pool::new(2);
    for table in tables() {
        for (kind, [n, k]) in cases() {
            for dtype in FLOATS {
                let m = 17;
                let mut random = Random(6);
                let weights = Weights::random(&mut random, kind, n, k);
                let mut x = random.floats(m * k);
                let run =
                    |x: &[f32]| product(table, &pool, x, dtype, &weights, [m, n, k], Dtype::F32);
                let clean = run(&x);
                for row in (0..m).filter(|row| row % 3 == 1) {
                    x[row * k + row] = [f32::NAN, f32::INFINITY][row % 2];
                    x[row * k..(row + 1) * k][k - 1] = f32::NAN;
                }
                let dirty = run(&x);
                for (row, (clean, dirty)) in
                    clean.chunks(n * 4).zip(dirty.chunks(n * 4)).enumerate()
                {
                    if row % 3 == 1 {
                        assert!(floats_of(Dtype::F32, dirty).iter().all(|v| v.is_nan()));
                    } else {
                        assert!(clean == dirty, "{} {kind:?} row {row}", table.isa());
                    }
                }
            }
        }
    }
}

#[test]
fn the_place_of_a_row_does_not_change_its_bits() {
    let pool = Pool::new(2);
    for table in tables() {
        for (kind, [n, k]) in cases() {
            let m = 41;
            let mut random = Random(8);
            let weights = Weights::random(&mut random, kind, n, k);
            let x = random.floats(m * k);
            let mut places: Vec<usize> = (0..m).collect();
            (1..m).for_each(|i| places.swap(i, random.below(i + 1)));
            let shuffled: Vec<f32> = places
                .iter()
                .flat_map(|&row| x[row * k..(row + 1) * k].to_vec())
                .collect();
            for dtype in FLOATS {
                let run = |x: &[f32]| product(table, &pool, x, dtype, &weights, [m, n, k], dtype);
                let (plain, shuffled) = (run(&x), run(&shuffled));
                let bytes = n * dtype.size();
                for (row, &place) in places.iter().enumerate() {
                    assert!(
                        shuffled[row * bytes..][..bytes] == plain[place * bytes..][..bytes],
                        "{} {kind:?} row {row}",
                        table.isa()
                    );
                }
            }
        }
    }
}

#[test]
fn a_weight_row_gives_the_same_bits_in_any_place() {
    let pool = Pool::new(2);
    for table in tables() {
        for (kind, [_, k]) in cases() {
            let n = 11;
            let mut random = Random(9);
            let mut weights = Weights::random(&mut random, kind, 1, k);
            for bytes in [&mut weights.codes, &mut weights.scales, &mut weights.biases] {
                let row = bytes.to_vec();
                bytes.0.extend((1..n).flat_map(|_| row.clone()));
            }
            for m in [1, 5] {
                let x = random.floats(m * k);
                let out = product(
                    table,
                    &pool,
                    &x,
                    Dtype::BF16,
                    &weights,
                    [m, n, k],
                    Dtype::F32,
                );
                for row in floats_of(Dtype::F32, &out).chunks(n) {
                    assert!(
                        row.iter().all(|v| v.to_bits() == row[0].to_bits()),
                        "{kind:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn many_rows_have_the_bits_that_they_have_alone() {
    // As many that threads have rows of their own instead of weights.
    let (m, pool, one) = (421, Pool::new(3), Pool::new(1));
    for table in tables() {
        for (kind, [n, k]) in [
            (Kind::Dense(Dtype::BF16), [83, 64]),
            (Kind::Dense(Dtype::BF16), [45, 97]),
            (Kind::Dense(Dtype::F32), [45, 97]),
            (
                Kind::Affine {
                    bits: 4,
                    group: 64,
                    scales: Dtype::BF16,
                },
                [70, 192],
            ),
        ] {
            let mut random = Random(11);
            let weights = Weights::random(&mut random, kind, n, k);
            let x = random.floats(m * k);
            for out in FLOATS {
                let run = |pool: &Pool, x: &[f32]| {
                    let shape = [x.len() / k, n, k];
                    product(table, pool, x, Dtype::BF16, &weights, shape, out)
                };
                let together = run(&pool, &x);
                let alone: Vec<_> = x.chunks(k).map(|row| run(&one, row)).collect();
                assert!(together == alone.concat(), "{} {kind:?} {out}", table.isa());
            }
        }
    }
}

#[test]
fn nan_times_nan_has_the_same_bits_in_any_number_of_rows() {
    let pool = Pool::new(1);
    let ([n, k], kind) = ([40, 32], Kind::Dense(Dtype::BF16));
    // On other paths no kernel exchanges the operands.
    for table in tables().filter(|table| table.isa() == Isa::Amx) {
        let mut random = Random(12);
        let mut weights = Weights::random(&mut random, kind, n, k);
        // Two kinds of NaN, of which a product keeps one.
        weights.codes.0[1 + 2 * 5..][..2].copy_from_slice(&0x7fc5_u16.to_le_bytes());
        let mut x = random.floats(70 * k);
        x.chunks_mut(k)
            .for_each(|row| row[5] = f32::from_bits(0xffc3_0000));
        let run = |rows: &[f32]| {
            let shape = [rows.len() / k, n, k];
            product(table, &pool, rows, Dtype::BF16, &weights, shape, Dtype::F32)
        };
        let alone: Vec<_> = x.chunks(k).map(run).collect();
        assert!(run(&x) == alone.concat(), "{}", table.isa());
    }
}
