//! Quantized models against the same numbers as floats.

use std::path::Path;

use lazuli_core::{Dtype, Role, Rows};

use super::super::Conversion;
use super::{Place, convert, dequantize, quantize, raw};
use crate::cache::CacheOptions;
use crate::model::{LoadOptions, Model};

fn logits(folder: &Path, dtype: Dtype) -> Vec<f32> {
    let model = Model::load(folder, LoadOptions { dtype: Some(dtype) }).unwrap();
    let vocab = model.config().vocab as u32;
    let tokens: Vec<u32> = (0..40).map(|i| i * 7919 % vocab).collect();
    let rows = Rows::single(0, tokens.len(), Role::Prompt).unwrap();
    let mut caches = model.caches(&CacheOptions::default()).unwrap();
    let logits = model.step(&tokens, &rows, &mut caches).unwrap();
    logits.to_vec().unwrap()
}

fn wide(conversion: Conversion) -> Conversion {
    Conversion {
        dtype: Some(Dtype::F32),
        ..conversion
    }
}

fn root_mean_square(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let len = values.len() as f32;
    (values.map(|x| x * x).sum::<f32>() / len).sqrt()
}

/// The difference in units of the size of `b`, both as root mean squares.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let difference = a.iter().zip(b).map(|(a, b)| a - b);
    root_mean_square(difference) / root_mean_square(b.iter().copied())
}

#[test]
fn in_float32_a_quantized_model_equals_its_dequantized_weights() {
    for (name, raw) in [("hybrid", raw::hybrid()), ("next", raw::next())] {
        let place = Place::with(&raw);
        for bits in [3, 4, 8] {
            let (q, d) = (format!("q{bits}"), format!("d{bits}"));
            place.convert(wide(quantize(bits, 64)), "raw", &q).unwrap();
            place.convert(wide(dequantize()), &q, &d).unwrap();
            let packed = logits(&place.at(&q), Dtype::F32);
            let plain = logits(&place.at(&d), Dtype::F32);
            assert!(plain.iter().all(|x| x.is_finite()));
            let apart = distance(&packed, &plain);
            assert!(apart < 1e-4, "{name} at {bits} bits: {apart}");
        }
    }
}

#[test]
fn in_bfloat16_the_default_model_is_as_exact_as_its_dequantized_weights() {
    let place = Place::new();
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/default");
    convert(dequantize(), &default, &place.at("half")).unwrap();
    convert(wide(dequantize()), &default, &place.at("exact")).unwrap();
    let exact = logits(&place.at("exact"), Dtype::F32);
    let packed = distance(&logits(&default, Dtype::BF16), &exact);
    let plain = distance(&logits(&place.at("half"), Dtype::BF16), &exact);
    // Both round activations at every step; how the weights are stored must not add to that.
    assert!(plain < 0.05, "as floats: {plain}");
    assert!(packed < 1.2 * plain, "packed: {packed}, as floats: {plain}");
}
