//! A few formulas, end to end, on every device.

mod common;

use common::on_each;
use lazuli_core::{Array, Dtype};

#[test]
fn formulas_evaluate() {
    on_each(|device| {
        let x = Array::from_slice(&[1.0f32, -2.0, 3.5, 4.0, 5.0, -6.0], [2, 3]).unwrap();
        let y = (&x * 2.0 + 1.0).matrix_transpose().unwrap();
        let want = [3.0f32, 9.0, -3.0, 11.0, 8.0, -11.0];
        assert_eq!(y.to_vec::<f32>().unwrap(), want, "{device:?}");
        assert_eq!(x.sum(&[0, 1], false).unwrap().item::<f32>().unwrap(), 5.5);
        assert_eq!(
            x.sum(&[0], false).unwrap().to_vec::<f32>().unwrap(),
            [5.0, 3.0, -2.5]
        );
        assert_eq!(
            x.max(&[-1], false).unwrap().to_vec::<f32>().unwrap(),
            [3.5, 5.0]
        );
        assert_eq!(
            x.argmax(-1, false).unwrap().to_vec::<u32>().unwrap(),
            [2, 1]
        );
        let i = Array::from_slice(&[1i32, -2], [2]).unwrap();
        assert_eq!(
            x.take(&i, 0).unwrap().to_vec::<f32>().unwrap(),
            [4.0, 5.0, -6.0, 1.0, -2.0, 3.5]
        );
        let b = x.astype(Dtype::BF16).unwrap().astype(Dtype::I32).unwrap();
        assert_eq!(b.to_vec::<i32>().unwrap(), [1, -2, 3, 4, 5, -6]);
        let s = x.softmax().unwrap().sum(&[-1], false).unwrap();
        for v in s.to_vec::<f32>().unwrap() {
            assert!((v - 1.0).abs() < 1e-6);
        }
        let big = Array::full([3, 100_000], 1.0, Dtype::F32).unwrap();
        let sums = big.sum(&[1], false).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(sums, [1e5; 3]);
        let e = x.take(&Array::scalar(7i64), 1).unwrap().eval().unwrap_err();
        assert_eq!(
            e.to_string(),
            "take: index 7 is outside axis 1, which has 3 elements"
        );
    });
}
