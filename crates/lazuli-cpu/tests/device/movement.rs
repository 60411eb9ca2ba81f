//! Copies, joins, picks and views against the oracle's index arithmetic.

use lazuli_core::dtype::ALL;
use lazuli_core::{Array, Dtype};
use proptest::prelude::*;

use super::common::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn views_of_views_show_the_right_elements(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = ALL[rng.below(14)];
        let (x, host) = viewed(&mut rng, dtype, 90.0);
        on_each(|device| {
            assert_near(&x.copy().unwrap(), &host, 0.0, &format!("{dtype} {device:?}"));
            // Through a computation, which sees the strides.
            let y = Array::select(&Array::scalar_of(1.0, Dtype::Bool), &x, &x).unwrap();
            assert_near(&y, &host, 0.0, &format!("{dtype} {device:?}"));
        });
    }

    #[test]
    fn a_join_is_its_parts_side_by_side(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = ALL[rng.below(14)];
        let mut shape = rng.shape(3, 6);
        shape.push(1 + rng.below(5));
        let axis = rng.below(shape.len());
        let parts: Vec<(Array, Host)> = (0..1 + rng.below(3))
            .map(|_| {
                shape[axis] = rng.below(5);
                viewed_as(&mut rng, &shape, dtype, 50.0)
            })
            .collect();
        shape[axis] = parts.iter().map(|p| p.1.shape[axis]).sum();
        let mut owner = Vec::new();
        for (p, part) in parts.iter().enumerate() {
            owner.extend((0..part.1.shape[axis]).map(|k| (p, k)));
        }
        let values = indices(&shape)
            .map(|mut i| {
                let (p, k) = owner[i[axis]];
                i[axis] = k;
                parts[p].1.at(&i)
            })
            .collect();
        let want = Host { shape, values };
        let arrays: Vec<Array> = parts.iter().map(|p| p.0.clone()).collect();
        on_each(|device| {
            let y = Array::concatenate(&arrays, axis as isize).unwrap();
            assert_near(&y, &want, 0.0, &format!("{dtype} {device:?}"));
        });
    }

    #[test]
    fn picks_count_from_either_end(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = ALL[rng.below(14)];
        let mut shape = rng.shape(3, 5);
        let axis = rng.below(shape.len() + 1);
        shape.insert(axis, 1 + rng.below(7));
        let len = shape[axis];
        let (x, host) = viewed_as(&mut rng, &shape, dtype, 50.0);
        let at = rng.shape(2, 5);
        let count: usize = at.iter().product();
        let signed = rng.below(2) == 0;
        let picks: Vec<i64> = (0..count)
            .map(|_| rng.below(2 * len) as i64 - len as i64)
            .map(|i| if signed || i >= 0 { i } else { i + len as i64 })
            .collect();
        let kinds: &[Dtype] = if signed {
            &[Dtype::I8, Dtype::I32, Dtype::I64]
        } else {
            &[Dtype::U8, Dtype::U16, Dtype::U32, Dtype::U64]
        };
        let numbers: Vec<f64> = picks.iter().map(|&i| i as f64).collect();
        let indices_array = of_numbers(&numbers, &at, kinds[rng.below(kinds.len())]);
        let mut to = shape[..axis].to_vec();
        to.extend(&at);
        to.extend(&shape[axis + 1..]);
        let want = host.gather(&to, |i| {
            let flat = i[axis..axis + at.len()].iter().zip(&at).fold(0, |f, (i, d)| f * d + i);
            let pick = picks[flat].rem_euclid(len as i64) as usize;
            [&i[..axis], &[pick], &i[axis + at.len()..]].concat()
        });
        on_each(|device| {
            let y = x.take(&indices_array, axis as isize).unwrap();
            assert_near(&y, &want, 0.0, &format!("{dtype} {device:?}"));
        });
    }
}

#[test]
fn a_pick_outside_is_an_error_that_names_it() {
    on_each(|device| {
        let x = Array::from_slice(&[1.0f32; 6], [2, 3]).unwrap();
        for (index, axis) in [(3i32, 1isize), (-4, 1), (2, 0)] {
            let i = Array::from_slice(&[0, index], [2]).unwrap();
            let error = x.take(&i, axis).unwrap().eval().unwrap_err();
            let len = x.dim(axis as usize);
            assert_eq!(
                error.to_string(),
                format!("take: index {index} is outside axis {axis}, which has {len} elements"),
                "{device:?}"
            );
        }
    });
}

#[test]
fn large_transposes_and_picks_move_every_element() {
    let (rows, columns) = (523, 1031);
    let values: Vec<u32> = (0..rows * columns).map(|i| i as u32).collect();
    on_each(|device| {
        let x = Array::from_slice(&values, [rows, columns]).unwrap();
        for dtype in [Dtype::U8, Dtype::U16, Dtype::U32, Dtype::U64] {
            let t = x.astype(dtype).unwrap().matrix_transpose().unwrap();
            let t = t.copy().unwrap().astype(Dtype::U32).unwrap();
            let t = t.values::<u32>();
            let mask = (1u64 << (8 * dtype.size()).min(32)) - 1;
            for c in 0..columns {
                for r in 0..rows {
                    let want = values[r * columns + c] as u64 & mask;
                    assert_eq!(t[c * rows + r] as u64, want, "{dtype} {device:?}");
                }
            }
        }
        let order: Vec<i32> = (0..rows as i32).rev().collect();
        let i = Array::from_slice(&order, [rows]).unwrap();
        let y = x.take(&i, 0).unwrap().values::<u32>();
        assert_eq!(y[..columns], values[(rows - 1) * columns..], "{device:?}");
    });
}
