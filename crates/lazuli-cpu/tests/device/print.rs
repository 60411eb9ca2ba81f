//! Arrays as text; the strings are what `mlx.core` 0.32 prints.

use lazuli_core::{Array, Dtype, Error, array};

use super::common::*;

#[test]
fn arrays_print_as_the_reference_prints_them() {
    on_each(|_| {
        let shown = |a: Array| a.to_string();
        assert_eq!(shown(array![1, 2, 3]), "array([1, 2, 3], dtype=int32)");
        assert_eq!(
            shown(array![1.0, 2.5, -3.0]),
            "array([1, 2.5, -3], dtype=float32)"
        );
        assert_eq!(shown(Array::from(1.5f32)), "array(1.5, dtype=float32)");
        assert_eq!(
            shown(array![true, false]),
            "array([True, False], dtype=bool)"
        );
        assert_eq!(
            shown(array![1e-7, 1e10, 123456789.0]),
            "array([1e-07, 1e+10, 1.23457e+08], dtype=float32)"
        );
        assert_eq!(
            shown(array![
                1.0 / 3.0,
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY
            ]),
            "array([0.333333, nan, inf, -inf], dtype=float32)"
        );
        assert_eq!(
            shown(Array::from(vec![[1.0f32, 2.0], [-1.5, -0.25]])),
            "array([1+2j, -1.5-0.25j], dtype=complex64)"
        );
        let third = array![1.0 / 3.0].astype(Dtype::F16).unwrap();
        assert_eq!(shown(third), "array([0.333252], dtype=float16)");
        assert_eq!(shown(array![200u8]), "array([200], dtype=uint8)");
        let empty = |shape: &[usize]| shown(Array::zeros(shape, Dtype::F32).unwrap());
        assert_eq!(empty(&[0]), "array([], dtype=float32)");
        assert_eq!(empty(&[2, 0]), "array([[],\n       []], dtype=float32)");
        assert_eq!(empty(&[0, 3]), "array([], dtype=float32)");
        let cube = Array::arange(0.0, 8.0, 1.0, Dtype::I32)
            .unwrap()
            .reshape([2, 2, 2])
            .unwrap();
        assert_eq!(
            shown(cube),
            "array([[[0, 1],\n        [2, 3]],\n       [[4, 5],\n        [6, 7]]], dtype=int32)"
        );
        let long = Array::arange(0.0, 2000.0, 1.0, Dtype::I32).unwrap();
        assert_eq!(
            shown(long),
            "array([0, 1, 2, ..., 1997, 1998, 1999], dtype=int32)"
        );
        let wide = Array::zeros([3, 2000], Dtype::F32).unwrap();
        assert_eq!(
            shown(wide),
            "array([[0, 0, 0, ..., 0, 0, 0],\n       [0, 0, 0, ..., 0, 0, 0],\n       [0, 0, 0, ..., 0, 0, 0]], dtype=float32)"
        );
        let square = shown(Array::zeros([100, 100], Dtype::F32).unwrap());
        let row = "[0, 0, 0, ..., 0, 0, 0]";
        assert_eq!(
            square,
            format!(
                "array([{row},\n       {row},\n       {row},\n       ...,\n       {row},\n       {row},\n       {row}], dtype=float32)"
            )
        );
    });
}

#[test]
fn printing_takes_digits_and_shows_errors() {
    let x = array![0.123456, 2.0];
    assert_eq!(format!("{x:.2}"), "array([0.12, 2], dtype=float32)");
    let all = Array::arange(0.0, 1000.0, 1.0, Dtype::I32)
        .unwrap()
        .to_string();
    assert!(!all.contains("...") && all.contains(" 500,"));
    let bad = Array::poisoned(Error::value("test", "no good"));
    assert!(bad.to_string().starts_with("test: no good"));
    let late = x.take(&array![5], 0).unwrap();
    assert_eq!(
        late.to_string(),
        "take: index 5 is outside axis 0, which has 2 elements"
    );
}
