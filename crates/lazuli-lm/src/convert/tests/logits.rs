//! A quantized model against the same numbers as floats.

use std::path::Path;

use lazuli_core::{Dtype, Role, Rows};

use super::super::Conversion;
use super::{Place, dequantize, quantize, raw};
use crate::cache::CacheOptions;
use crate::model::{LoadOptions, Model};

fn logits(folder: &Path, dtype: Dtype) -> Vec<f32> {
    let model = Model::load(folder, LoadOptions { dtype: Some(dtype) }).unwrap();
    let tokens: Vec<u32> = (0..40).map(|i| i * 7 % 96).collect();
    let rows = Rows::single(0, tokens.len(), Role::Prompt).unwrap();
    let mut caches = model.caches(&CacheOptions::default()).unwrap();
    let logits = model.step(&tokens, &rows, &mut caches).unwrap();
    logits.to_vec().unwrap()
}

/// The largest difference, in units of the spread of `b`.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let square = b.iter().map(|x| x * x).sum::<f32>() / b.len() as f32;
    let difference = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    difference / square.sqrt()
}

#[test]
fn a_quantized_model_computes_as_its_dequantized_weights_do() {
    for (name, raw) in [("hybrid", raw::hybrid()), ("next", raw::next())] {
        let place = Place::with(&raw);
        for bits in [4, 8] {
            let (q, d) = (format!("q{bits}"), format!("d{bits}"));
            place.convert(quantize(bits, 64), "raw", &q).unwrap();
            let exact = Conversion {
                dtype: Some(Dtype::F32),
                ..dequantize()
            };
            place.convert(exact, &q, &d).unwrap();
            let reference = logits(&place.at(&d), Dtype::F32);
            assert!(reference.iter().all(|x| x.is_finite()));
            let wide = distance(&logits(&place.at(&q), Dtype::F32), &reference);
            assert!(wide < 1e-3, "{name} at {bits} bits in float32: {wide}");
            // Activations are rounded to 8 bits at every step of both: neither may be farther from
            // the exact numbers than a few such roundings.
            let packed = distance(&logits(&place.at(&q), Dtype::BF16), &reference);
            let plain = distance(&logits(&place.at(&d), Dtype::BF16), &reference);
            assert!(
                packed < 2.0 * plain + 0.02,
                "{name} at {bits} bits in bfloat16: {packed}, as floats {plain}"
            );
        }
    }
}
