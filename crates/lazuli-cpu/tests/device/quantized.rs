//! Quantized numbers: formats against mlx's bytes, products against those of the expanded matrices.

use lazuli_core::ops::quantized::{Affine, Mode, Quantization, QuantizedArray};
use lazuli_core::transforms::{grad, jvp, vjp, vmap};
use lazuli_core::{Array, Dtype, Result};

use super::common::*;

const FLOATS: [Dtype; 3] = [Dtype::F32, Dtype::BF16, Dtype::F16];

fn formats() -> Vec<Quantization> {
    let mut all: Vec<Quantization> = [Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4]
        .map(|mode| Quantization::new(mode, None, None).unwrap())
        .to_vec();
    for (bits, group) in [
        (1, 32),
        (2, 64),
        (3, 32),
        (4, 64),
        (5, 128),
        (6, 32),
        (8, 64),
    ] {
        all.push(Affine::new(bits, group).unwrap().into());
    }
    all
}

/// The numbers of `fixtures/linear.py`.
fn spread(count: usize) -> Vec<f32> {
    (0..count as i64)
        .map(|i| {
            let base = ((7919 * i) % 1009 - 504) as f64 / 97.0;
            (base * 2f64.powi((i / 16 % 7 - 3) as i32)) as f32
        })
        .collect()
}

/// A line of the fixture: what mlx gave for a mode.
fn known(mode: &str, what: &str) -> Vec<&'static str> {
    let lines = include_str!("../fixtures/blocks.txt").lines();
    let mut found = lines.map(|line| line.split_whitespace());
    let start = [mode, what];
    found
        .find(|words| words.clone().take(2).eq(start))
        .unwrap()
        .skip(2)
        .collect()
}

fn numbers(words: &[&str]) -> Vec<f64> {
    words.iter().map(|w| w.parse().unwrap()).collect()
}

fn bytes(words: &[&str]) -> Vec<u8> {
    let hex = words[0];
    let byte = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn blocks_of_floats_have_the_bytes_of_the_reference() {
    on_each(|device| {
        let w = Array::from_slice(&spread(256), [4, 64]).unwrap();
        for mode in [Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4] {
            let name = mode.name();
            let q = w
                .quantize(Quantization::new(mode, None, None).unwrap())
                .unwrap();
            assert_eq!(
                q.scales.bits(),
                bytes(&known(name, "scales")),
                "{name} {device:?}"
            );
            // mlx's CPU writes what rounds to a negative zero as zero.
            let unsigned = |b: u8| {
                let plain = |nibble: u8| if nibble == 8 { 0 } else { nibble };
                plain(b & 15) | plain(b >> 4) << 4
            };
            let (ours, theirs) = (q.packed.bits(), bytes(&known(name, "packed")));
            let same = ours.iter().zip(&theirs).all(|(&a, &b)| match mode {
                Mode::Mxfp8 => a == b,
                _ => unsigned(a) == unsigned(b),
            });
            assert!(same, "{name}: {ours:02x?} {theirs:02x?}");
            let decoded = q.dequantize(Dtype::F32).unwrap();
            assert_eq!(
                numbers_of(&decoded),
                numbers(&known(name, "decoded")),
                "{name}"
            );
            let reversed: Vec<f32> = spread(64).into_iter().rev().collect();
            let x = Array::from_slice(&reversed, [1, 64]).unwrap();
            let values = numbers(&known(name, "product"));
            let want = Host {
                shape: vec![1, 4],
                values,
            };
            assert_near(&x.quantized_matmul(&q).unwrap(), &want, 500.0, name);
        }
    });
}

#[test]
fn eight_bit_floats_are_those_of_the_reference() {
    let values = numbers(&known("fp8", "values"));
    let codes: Vec<f64> = numbers(&known("fp8", "codes"));
    let decoded = numbers(&known("fp8", "decoded"));
    on_each(|device| {
        let x = of_numbers(&values, &[values.len()], Dtype::F32);
        assert_eq!(numbers_of(&x.to_fp8().unwrap()), codes, "{device:?}");
        let all: Vec<u8> = (0..=255).collect();
        let all = Array::from_slice(&all, [256]).unwrap();
        let want = Host {
            shape: vec![256],
            values: decoded.clone(),
        };
        assert_near(&all.from_fp8(Dtype::F32).unwrap(), &want, 0.0, "from_fp8");
        for dtype in [Dtype::BF16, Dtype::F16, Dtype::F64] {
            // Every value but NaN comes back.
            let round = all.from_fp8(dtype).unwrap().to_fp8().unwrap();
            for (code, back) in numbers_of(&round).into_iter().enumerate() {
                assert!(back == code as f64 || code & 0x7f == 0x7f, "{dtype} {code}");
            }
        }
        // Strided operands.
        let grid = all.reshape([16, 16]).unwrap().matrix_transpose().unwrap();
        let turned = numbers_of(&grid.from_fp8(Dtype::F32).unwrap());
        assert_eq!(turned[1], decoded[16]);
    });
    assert!(Array::scalar(1i32).to_fp8().is_err());
    assert!(Array::scalar(1f32).from_fp8(Dtype::F32).is_err());
    assert!(Array::scalar(1u8).from_fp8(Dtype::I32).is_err());
}

#[test]
fn zeros_and_what_is_not_finite_have_a_code() {
    for mode in [Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4] {
        let format = Quantization::new(mode, None, None).unwrap();
        let back = |values: &[f32]| {
            let x = Array::from_slice(values, [1, values.len()]).unwrap();
            numbers_of(&x.quantize(format).unwrap().dequantize(Dtype::F32).unwrap())
        };
        assert_eq!(back(&[0.0; 32]), [0.0; 32], "{mode}");
        let mut one = [0.0; 32];
        one[3] = f32::NAN;
        // A format without infinity keeps what it can.
        assert!(back(&one)[3].is_nan() || mode == Mode::Nvfp4, "{mode}");
        one[3] = -1e-38;
        assert!(back(&one)[3].abs() <= 1e-38 + 1e-39, "{mode}");
    }
}

#[test]
fn formats_say_what_they_take() {
    let of = |mode, bits, group| Quantization::new(mode, bits, group).map_err(|e| e.to_string());
    assert_eq!(
        of(Mode::Mxfp4, Some(8), None).unwrap_err(),
        "quantize: bits must be 4 in mode mxfp4, not 8"
    );
    assert_eq!(
        of(Mode::Affine, None, Some(16)).unwrap_err(),
        "quantize: group size must be 32, 64 or 128 in mode affine, not 16"
    );
    assert_eq!(
        of(Mode::Affine, None, None).unwrap(),
        Affine::new(4, 64).unwrap().into()
    );
    let x = Array::zeros([2, 48], Dtype::F32).unwrap();
    assert!(x.quantize(of(Mode::Mxfp4, None, None).unwrap()).is_err());
    let q = x.quantize(of(Mode::Nvfp4, None, None).unwrap()).unwrap();
    assert_eq!(
        (&**q.packed.shape(), &**q.scales.shape()),
        (&[2, 6][..], &[2, 3][..])
    );
    assert_eq!((q.scales.dtype(), q.dtype()), (Dtype::U8, Dtype::BF16));
    // Parts of one format are not those of another.
    let parts = [q.packed.clone(), q.scales.clone()];
    assert!(QuantizedArray::from_parts(Affine::new(4, 32).unwrap(), parts.clone()).is_err());
    let mxfp4 = of(Mode::Mxfp4, None, None).unwrap();
    assert!(QuantizedArray::from_parts(mxfp4, parts).is_err());
    let scale = Array::scalar(2f32);
    assert!(x.quantize_scaled(mxfp4, &scale).is_err());
    assert!(x.qqmm(&x.quantize(q.quantization).unwrap(), None).is_ok());
    let w = Array::zeros([2, 64], Dtype::F32).unwrap();
    let affine = w.quantize(Affine::new(4, 32).unwrap()).unwrap();
    assert!(w.qqmm(&affine, None).is_err());
    assert!(w.quantized_matmul(&q).is_err());
}

/// The product with the expanded matrix, summed in `f64`.
fn product(x: &Host, w: &Host, transpose: bool) -> Host {
    let k = *x.shape.last().unwrap();
    let n = w.shape[if transpose { 0 } else { 1 }];
    let mut shape = x.shape.clone();
    *shape.last_mut().unwrap() = n;
    let values = indices(&shape)
        .map(|i| {
            let mut at = i.clone();
            let column = at.pop().unwrap();
            (0..k)
                .map(|p| {
                    let row = [&at[..], &[p]].concat();
                    let other = if transpose { [column, p] } else { [p, column] };
                    x.at(&row) * w.at(&other)
                })
                .sum()
        })
        .collect();
    Host { shape, values }
}

fn host(x: &Array) -> Host {
    Host {
        shape: x.shape().to_vec(),
        values: numbers_of(x),
    }
}

fn assert_close(got: &Array, want: &Host, tolerance: f64, what: &str) {
    assert_eq!(**got.shape(), want.shape[..], "{what}");
    let scale = want.values.iter().fold(1.0f64, |s, v| s.max(v.abs()));
    for (g, w) in numbers_of(got).into_iter().zip(&want.values) {
        assert!((g - w).abs() <= tolerance * scale, "{what}: {g}, not {w}");
    }
}

#[test]
fn products_are_those_of_the_expanded_matrix_either_way() {
    on_each(|device| {
        let mut rng = Rng(31);
        for format in formats() {
            for dtype in FLOATS {
                let (w, _) = viewed_as(&mut rng, &[70, 384], Dtype::F32, 1.0);
                let q = w.quantize(format).unwrap();
                let expanded = host(&q.dequantize(Dtype::F32).unwrap());
                for (lead, transpose) in [
                    (vec![], true),
                    (vec![5], true),
                    (vec![2, 3], false),
                    (vec![1], false),
                    (vec![0], false),
                ] {
                    let k = if transpose { 384 } else { 70 };
                    let shape = [&lead[..], &[k]].concat();
                    let (x, x_host) = viewed_as(&mut rng, &shape, dtype, 1.0);
                    let got = x.quantized_product(&q, transpose).unwrap();
                    assert_eq!(got.dtype(), dtype);
                    let want = product(&x_host, &expanded, transpose);
                    // bfloat16 weights are rounded where the path has products of them.
                    let tolerance = 4.0 * step(dtype).max(1e-6);
                    assert_close(
                        &got,
                        &want,
                        tolerance,
                        &format!("{format} {dtype} {device:?}"),
                    );
                }
            }
        }
    });
}

#[test]
fn batches_of_matrices_and_picked_ones_are_products_of_each() {
    on_each(|device| {
        let mut rng = Rng(32);
        for format in [formats()[0], formats()[2], formats()[5]] {
            let (w, _) = viewed_as(&mut rng, &[3, 6, 128], Dtype::F32, 1.0);
            let q = w.quantize(format).unwrap();
            let nth = |i: usize| {
                let i = Array::scalar(i as u32);
                host(&q.take(&i).unwrap().dequantize(Dtype::F32).unwrap())
            };
            for transpose in [true, false] {
                let k = if transpose { 128 } else { 6 };
                let (x, x_host) = viewed_as(&mut rng, &[2, 1, 4, k], Dtype::F32, 1.0);
                let got = x.quantized_product(&q, transpose).unwrap();
                let row = |i: usize| x_host.gather(&[4, k], |at| vec![i, 0, at[0], at[1]]);
                let what = format!("{format} {device:?}");
                for (i, j) in [(0, 0), (1, 2)] {
                    let one = got
                        .narrow(0, i, i + 1)
                        .unwrap()
                        .narrow(1, j, j + 1)
                        .unwrap();
                    let want = product(&row(i), &nth(j), transpose);
                    assert_close(&one.reshape(&want.shape[..]).unwrap(), &want, 1e-5, &what);
                }
                let lhs = Array::from_slice(&[1i32, 0, 1], [3]).unwrap();
                let rhs = Array::from_slice(&[2i32, 2, 0], [3]).unwrap();
                let picked = x.gather_qmm(&q, Some(&lhs), Some(&rhs), transpose).unwrap();
                for (p, (i, j)) in [(1, 2), (0, 2), (1, 0)].into_iter().enumerate() {
                    let one = picked.narrow(0, p, p + 1).unwrap();
                    let want = product(&row(i), &nth(j), transpose);
                    assert_close(&one.reshape(&want.shape[..]).unwrap(), &want, 1e-5, &what);
                }
            }
        }
    });
}

#[test]
fn rounded_operands_multiply_as_their_expansions() {
    on_each(|_| {
        let mut rng = Rng(33);
        let (x, _) = sample(&mut rng, &[3, 64], Dtype::F32, 2.0);
        let (w, _) = sample(&mut rng, &[5, 64], Dtype::F32, 2.0);
        for mode in [Mode::Mxfp8, Mode::Nvfp4] {
            let format = Quantization::new(mode, None, None).unwrap();
            let rounded = |a: &Array| a.quantize(format).unwrap().dequantize(Dtype::F32).unwrap();
            let want = product(&host(&rounded(&x)), &host(&rounded(&w)), true);
            let q = w.quantize(format).unwrap();
            assert_close(&x.qqmm(&q, None).unwrap(), &want, 1e-5, "qqmm");
            assert_close(
                &x.qqmm_of(&w, format, None, None).unwrap(),
                &want,
                1e-5,
                "qqmm of floats",
            );
            let stacked = q.map(|p| Array::stack(std::slice::from_ref(p), 0)).unwrap();
            let ids = Array::from_slice(&[0u32], [1]).unwrap();
            let y = x.expand_dims(0).unwrap();
            let y = y.gather_qqmm(&stacked, None, Some(&ids), None).unwrap();
            assert_close(&y.reshape([3, 5]).unwrap(), &want, 1e-5, "gather_qqmm");
        }
        // A global scale moves numbers into range and back.
        let format = Quantization::new(Mode::Nvfp4, None, None).unwrap();
        let scale = Array::scalar(2.0f32);
        let q = w.quantize_scaled(format, &scale).unwrap();
        let near = q.dequantize(Dtype::F32).unwrap();
        for (a, b) in numbers_of(&near).into_iter().zip(numbers_of(&w)) {
            assert!((a - b).abs() < 0.4, "{a} for {b}");
        }
        let rounded = x.fake_quantize(format, Some(&scale)).unwrap();
        let want = product(&host(&rounded), &host(&near), true);
        assert_close(
            &x.qqmm(&q, Some(&scale)).unwrap(),
            &want,
            1e-5,
            "qqmm, scaled",
        );
        let both = x.qqmm_of(&w, format, Some(&scale), Some(&scale)).unwrap();
        assert_close(&both, &want, 1e-5, "qqmm of floats, scaled");
    });
}

#[test]
fn rounding_passes_gradients_unchanged() {
    let format = Quantization::new(Mode::Nvfp4, None, None).unwrap();
    let mut rng = Rng(34);
    let (x, _) = sample(&mut rng, &[3, 32], Dtype::F32, 1.0);
    let (w, _) = sample(&mut rng, &[4, 32], Dtype::F32, 1.0);
    let loss = |x: &[Array]| x[0].qqmm_of(&x[1], format, None, None)?.sum(.., false);
    let gradients = grad(loss, &[x.clone(), w.clone()]).unwrap();
    let rounded = |a: &Array| a.fake_quantize(format, None).unwrap();
    let to_x = rounded(&w)
        .sum(0, false)
        .unwrap()
        .broadcast_to([3, 32])
        .unwrap();
    let to_w = rounded(&x)
        .sum(0, false)
        .unwrap()
        .broadcast_to([4, 32])
        .unwrap();
    assert_close(&gradients[0], &host(&to_x), 1e-5, "to x");
    assert_close(&gradients[1], &host(&to_w), 1e-5, "to w");
    // Of a quantized matrix the left operand alone has a gradient.
    let q = w.quantize(format).unwrap();
    let once = |x: &[Array]| x[0].quantized_matmul(&q)?.sum(.., false);
    let gradient = grad(once, &[x]).unwrap();
    assert_close(&gradient[0], &host(&to_x), 1e-5, "to x of a packed matrix");
}

/// The gradients of products with affine matrices against those of the same written out in floats.
#[test]
fn affine_products_have_the_gradients_of_their_formula() {
    on_each(|_| {
        let mut rng = Rng(35);
        let (w, _) = sample(&mut rng, &[3, 5, 64], Dtype::F32, 1.0);
        let q = w.quantize(Affine::new(4, 32).unwrap()).unwrap();
        let unit = |scales: &Array, value: f64| Array::full(scales.shape(), value, Dtype::F32);
        let plain = QuantizedArray {
            scales: unit(&q.scales, 1.0).unwrap(),
            biases: Some(unit(&q.scales, 0.0).unwrap()),
            ..q.clone()
        };
        let codes = plain.dequantize(Dtype::F32).unwrap();
        let ids = Array::from_slice(&[2u32, 0, 2, 1], [2, 2]).unwrap();
        let with = |x: &[Array], i: Option<u32>| -> Result<QuantizedArray> {
            let own = QuantizedArray {
                scales: x[1].clone(),
                biases: Some(x[2].clone()),
                ..q.clone()
            };
            match i {
                Some(i) => own.take(&Array::scalar(i)),
                None => Ok(own),
            }
        };
        let expanded = |x: &[Array]| -> Result<Array> {
            let grouped = codes.reshape([3, 5, 2, 32])?;
            let scaled = grouped.multiply(&x[1].expand_dims(3)?)?;
            scaled.add(&x[2].expand_dims(3)?)?.reshape([3, 5, 64])
        };
        let one = |x: &[Array]| -> Result<Array> { expanded(x)?.take(&Array::scalar(1u32), 0) };
        type F<'a> = Box<dyn Fn(&[Array]) -> Result<Array> + 'a>;
        let cases: [(&str, usize, F<'_>, F<'_>); 5] = [
            (
                "dequantize",
                64,
                Box::new(|x| with(x, None)?.dequantize(Dtype::F32)),
                Box::new(expanded),
            ),
            (
                "quantized_matmul",
                64,
                Box::new(|x| x[0].quantized_matmul(&with(x, Some(1))?)),
                Box::new(|x| x[0].matmul(&one(x)?.matrix_transpose()?)),
            ),
            (
                "quantized_matmul as it lies",
                5,
                Box::new(|x| x[0].quantized_product(&with(x, Some(1))?, false)),
                Box::new(|x| x[0].matmul(&one(x)?)),
            ),
            (
                "gather_quantized_matmul",
                64,
                Box::new(|x| x[0].gather_quantized_matmul(&ids, &with(x, None)?)),
                Box::new(|x| x[0].gather_matmul(&ids, &expanded(x)?)),
            ),
            (
                "gather_qmm",
                64,
                Box::new(|x| {
                    x[0].gather_qmm(
                        &with(x, None)?,
                        None,
                        Some(&Array::from_slice(&[2u32, 0], [2])?),
                        true,
                    )
                }),
                Box::new(|x| {
                    let w = expanded(x)?.matrix_transpose()?;
                    x[0].gather_mm(&w, None, Some(&Array::from_slice(&[2u32, 0], [2])?))
                }),
            ),
        ];
        for (name, k, f, by_formula) in &cases {
            let (x, _) = sample(&mut rng, &[2, *k], Dtype::F32, 1.0);
            let inputs = [x, q.scales.clone(), q.biases.clone().unwrap()];
            let y = f(&inputs).unwrap();
            assert_close(&y, &host(&by_formula(&inputs).unwrap()), 1e-5, name);
            let (g, _) = sample(&mut rng, y.shape(), Dtype::F32, 1.0);
            let back = |f: &F<'_>| {
                let cotangent = std::slice::from_ref(&g);
                vjp(|x| Ok(vec![f(x)?]), &inputs, cotangent).unwrap().1
            };
            let tangents: Vec<Array> = (inputs.iter())
                .map(|a| sample(&mut rng, a.shape(), Dtype::F32, 1.0).0)
                .collect();
            let forward = |f: &F<'_>| jvp(|x| Ok(vec![f(x)?]), &inputs, &tangents).unwrap().1;
            let batch = |f: &F<'_>| {
                let stacked = inputs
                    .clone()
                    .map(|a| Array::stack(&[a.clone(), a], 0).unwrap());
                vmap(|x| Ok(vec![f(x)?]), &stacked, &[Some(0); 3]).unwrap()
            };
            let alone = |f: &F<'_>| {
                let stacked = Array::stack(&[inputs[0].clone(), tangents[0].clone()], 1).unwrap();
                let all = [stacked, inputs[1].clone(), inputs[2].clone()];
                vmap(|x| Ok(vec![f(x)?]), &all, &[Some(1), None, None]).unwrap()
            };
            type Check<'a> = (&'static str, &'a dyn Fn(&F<'_>) -> Vec<Array>);
            let checks: [Check<'_>; 4] = [
                ("vjp", &back),
                ("jvp", &forward),
                ("vmap", &batch),
                ("vmap of x", &alone),
            ];
            for (what, of) in checks {
                for (ours, want) in of(f).iter().zip(of(by_formula)) {
                    assert_close(ours, &host(&want), 1e-5, &format!("{name}: {what}"));
                }
            }
        }
    });
}

#[test]
fn affine_scales_of_float64_are_expanded_in_it() {
    let mut rng = Rng(36);
    let (w, _) = sample(&mut rng, &[3, 64], Dtype::F32, 1.0);
    let q = w.quantize(Affine::new(4, 32).unwrap()).unwrap();
    let wide = QuantizedArray {
        scales: q.scales.astype(Dtype::F64).unwrap(),
        biases: Some(q.biases.clone().unwrap().astype(Dtype::F64).unwrap()),
        ..q.clone()
    };
    let want = host(&q.dequantize(Dtype::F32).unwrap());
    assert_close(
        &wide.dequantize(Dtype::F64).unwrap(),
        &want,
        1e-6,
        "float64 scales",
    );
    assert_close(
        &wide.dequantize(Dtype::BF16).unwrap(),
        &want,
        1e-2,
        "to bfloat16",
    );
    assert_close(
        &q.dequantize(Dtype::F64).unwrap(),
        &want,
        1e-6,
        "float64 result",
    );
    let (x, x_host) = sample(&mut rng, &[2, 64], Dtype::F64, 1.0);
    let y = x.quantized_matmul(&wide).unwrap();
    assert_close(
        &y,
        &product(&x_host, &want, true),
        1e-6,
        "product in float64",
    );
}
