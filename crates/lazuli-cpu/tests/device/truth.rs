//! Truth values as Rust's `bool`, in both directions.

use std::sync::Arc;

use lazuli_core::{Array, Dtype, Error};

use super::common::*;

#[test]
fn truth_values_are_read_as_bool() {
    on_each(|device| {
        let x = Array::from([[1.0f32, 5.0], [3.0, 4.0]]);
        let large = x.greater(&Array::scalar(3.5f32)).unwrap();
        let seen = large.values::<bool>();
        assert_eq!(seen, [false, true, false, true], "{device:?}");
        let turned = large.transpose(..).unwrap();
        let seen = turned.values::<bool>();
        assert_eq!(seen, [false, false, true, true], "{device:?}");
        assert!(large.any(.., false).unwrap().item::<bool>().unwrap());
        assert!(!large.all(.., false).unwrap().item::<bool>().unwrap());
        // No conversion that was not asked for, in either direction.
        assert!(matches!(large.to_vec::<u8>(), Err(Error::Dtype(_))));
        assert!(matches!(x.to_vec::<bool>(), Err(Error::Dtype(_))));
    });
}

#[test]
fn arrays_are_made_of_bool() {
    let truths = [true, false, true, true];
    let each = [
        Array::from(truths),
        Array::from(truths.to_vec()),
        Array::from(&truths[..]),
        Array::from_slice(&truths, [4]).unwrap(),
        Array::from([[true, false], [true, true]])
            .reshape([4])
            .unwrap(),
    ];
    on_each(|device| {
        for array in &each {
            assert_eq!(array.dtype(), Dtype::Bool);
            // Through a kernel of the device and back.
            let inverted = (!array).values::<bool>();
            assert_eq!(inverted, truths.map(|t| !t), "{device:?}");
        }
        assert!(Array::scalar(true).item::<bool>().unwrap());
    });
}

#[test]
fn every_byte_but_zero_is_true() {
    let bytes: Vec<u8> = (0..=255).collect();
    let truths: Vec<bool> = bytes.iter().map(|&b| b != 0).collect();
    let copied = Array::from_bytes(&bytes, Dtype::Bool, [256]).unwrap();
    let shown = Array::from_foreign(Arc::new(bytes.clone()), Dtype::Bool, [256]).unwrap();
    on_each(|device| {
        for array in [&copied, &shown] {
            assert_eq!(array.values::<bool>(), truths, "{device:?}");
            // Kernels see the same: comparing bytes with 1 or adding them up would tell.
            let same = array.equal(&Array::scalar(true)).unwrap();
            assert_eq!(same.values::<bool>(), truths, "{device:?}");
            assert_eq!(
                array.sum(.., false).unwrap().item::<i32>().unwrap(),
                255,
                "{device:?}"
            );
        }
        // Bytes seen as truth values keep their bits, and are still read as Rust's two.
        let viewed = Array::from(&bytes[..]).view_as(Dtype::Bool).unwrap();
        assert_eq!(viewed.values::<bool>(), truths, "{device:?}");
    });
}
