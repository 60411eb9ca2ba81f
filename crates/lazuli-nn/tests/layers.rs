//! Layers against sums written out, whole or packed.
#![allow(clippy::unwrap_used)]

use lazuli_core::ops::quantized::Affine;
use lazuli_core::{Array, Dtype};
use lazuli_nn::{Embedding, Linear, Matrix, Parameters, RmsNorm, SwitchLinear};

fn device() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let options = lazuli_cpu::Options::from_environment().unwrap();
        lazuli_cpu::register(options).unwrap();
    });
}

/// Small whole numbers, so that sums are exact in any order.
fn numbers(shape: &[usize], step: usize) -> (Array, Vec<f32>) {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (i * step % 7) as f32 - 3.0).collect();
    (Array::from_slice(&values, shape).unwrap(), values)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn packed(matrix: &Array) -> Matrix {
    Matrix::Quantized(matrix.quantize(Affine::new(8, 32).unwrap()).unwrap())
}

/// The floats that a packed matrix stands for.
fn unpacked(matrix: &Matrix) -> Matrix {
    match matrix {
        Matrix::Float(_) => matrix.clone(),
        Matrix::Quantized(q) => Matrix::Float(q.dequantize(Dtype::F32).unwrap()),
    }
}

fn close(a: &Array, b: &Array) {
    assert_eq!(a.shape(), b.shape());
    let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() <= 1e-2 * (1.0 + b.abs()), "{a} {b}");
    }
}

#[test]
fn a_linear_layer_is_a_row_product_plus_its_bias() {
    device();
    let ((x, xs), (w, ws), (b, bs)) =
        (numbers(&[2, 32], 3), numbers(&[5, 32], 5), numbers(&[5], 2));
    let linear = Linear {
        weight: Matrix::Float(w.clone()),
        bias: Some(b),
    };
    let found = linear.forward(&x).unwrap().to_vec::<f32>().unwrap();
    for (i, row) in xs.chunks(32).enumerate() {
        for (j, column) in ws.chunks(32).enumerate() {
            assert_eq!(found[i * 5 + j], dot(row, column) + bs[j]);
        }
    }
    let weight = packed(&w);
    let plain = unpacked(&weight).product(&x).unwrap();
    let layer = Linear { weight, bias: None };
    close(&layer.forward(&x).unwrap(), &plain);
    let wide = x.reshape([1, 2, 32]).unwrap();
    assert_eq!(**layer.forward(&wide).unwrap().shape(), [1, 2, 5]);
    let error = layer
        .forward(&numbers(&[2, 31], 1).0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("inner dimensions differ"), "{error}");
}

#[test]
fn an_embedding_gives_rows_and_serves_as_a_head() {
    device();
    let (w, ws) = numbers(&[6, 32], 5);
    for weight in [Matrix::Float(w.clone()), packed(&w)] {
        let table = Embedding {
            weight,
            dtype: Dtype::F32,
        };
        let ids = Array::from_slice(&[4u32, 0, 4], [3]).unwrap();
        let rows = table.forward(&ids).unwrap();
        let wanted = [&ws[128..160], &ws[..32], &ws[128..160]].concat();
        close(&rows, &Array::from_slice(&wanted, [3, 32]).unwrap());
        let logits = table.as_linear(&rows).unwrap();
        assert_eq!(**logits.shape(), [3, 6]);
        let logits = logits.to_vec::<f32>().unwrap();
        assert!((logits[4] - dot(&ws[128..160], &ws[128..160])).abs() < 1.0);
    }
}

#[test]
fn experts_are_chosen_row_by_row_whether_fused_or_apart() {
    device();
    let (experts, n, k) = (3, 4, 32);
    let (fused, values) = numbers(&[experts, 2 * n, k], 5);
    let (x, xs) = numbers(&[2, k], 3);
    let ids = Array::from_slice(&[2u32, 0, 1, 2], [2, 2]).unwrap();
    for fused in [Matrix::Float(fused.clone()), packed(&fused)] {
        let exact = matches!(fused, Matrix::Float(_));
        let parts = SwitchLinear::parts_of(&fused, 2).unwrap();
        for (half, part) in parts.iter().enumerate() {
            let found = part.forward(&x, &ids).unwrap();
            assert_eq!(**found.shape(), [2, 2, n]);
            let apart = SwitchLinear::new(part.matrices().unwrap());
            assert_eq!(*part.matrices().unwrap().shape(), [experts, n, k]);
            let again = apart.forward(&x, &ids).unwrap().to_vec::<f32>().unwrap();
            let found = found.to_vec::<f32>().unwrap();
            assert_eq!(found, again);
            if !exact {
                continue;
            }
            for (slot, id) in [2, 0, 1, 2].into_iter().enumerate() {
                let row = &xs[slot / 2 * k..][..k];
                for j in 0..n {
                    let at = (id * 2 * n + half * n + j) * k;
                    assert_eq!(found[slot * n + j], dot(row, &values[at..at + k]));
                }
            }
        }
    }
}

#[test]
fn parameters_are_named_as_mlx_stores_them() {
    device();
    let (w, _) = numbers(&[3, 4, 32], 5);
    let matrix = w.reshape([12, 32]).unwrap();
    let mut names = Vec::new();
    let mut visit = |layer: &dyn Parameters, path: &str| {
        layer.visit(path, &mut |name, parameter| {
            let count = parameter.count();
            for (name, array) in parameter.tensors(name) {
                names.push(format!("{name} {:?} of {count}", array.shape()));
            }
        });
    };
    let linear = Linear {
        weight: packed(&matrix),
        bias: Some(numbers(&[12], 1).0),
    };
    visit(&linear, "a.q_proj");
    let norm = RmsNorm {
        weight: numbers(&[8], 1).0,
        eps: 1e-6,
    };
    visit(&norm, "norm");
    visit(&SwitchLinear::new(Matrix::Float(w)), "e.up_proj");
    let wanted = [
        "a.q_proj.weight [12, 8] of 384",
        "a.q_proj.scales [12, 1] of 384",
        "a.q_proj.biases [12, 1] of 384",
        "a.q_proj.bias [12] of 12",
        "norm.weight [8] of 8",
        "e.up_proj.weight [3, 4, 32] of 384",
    ];
    assert_eq!(names, wanted);
}
