//! Fused operations against their own definitions in base operations.

use lazuli_core::{Array, Dtype, Family};

use super::common::*;

fn compare(name: &str, op: &dyn Family, got: &Array, inputs: &[Array], ulps: f64) {
    let want = op.decompose(inputs).unwrap().unwrap().swap_remove(0);
    let shape = want.shape().to_vec();
    let values = numbers_of(&want);
    assert_eq!(got.dtype(), want.dtype());
    assert_near(got, &Host { shape, values }, ulps, name);
}

#[test]
fn fused_operations_are_what_they_are_made_of() {
    on_each(|device| {
        let mut rng = Rng(5);
        for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16] {
            for (t, d) in [(1usize, 64usize), (3, 100), (17, 256), (2, 1)] {
                let what = format!("{dtype} [{t}, {d}] {device:?}");
                let (x, _) = viewed_as(&mut rng, &[t, d], dtype, 3.0);
                let (y, _) = viewed_as(&mut rng, &[t, d], dtype, 3.0);
                let (w, _) = sample(&mut rng, &[d], dtype, 2.0);
                let of = |a: Array, inputs: &[Array], ulps: f64| {
                    let family = a.op().clone();
                    compare(&what, family.family().unwrap(), &a, inputs, ulps);
                };
                of(x.softmax(-1).unwrap(), std::slice::from_ref(&x), 8.0);
                of(x.swiglu(&y).unwrap(), &[x.clone(), y.clone()], 8.0);
                let norm = x.rms_norm(&w, 1e-5).unwrap();
                of(norm, &[x.clone(), w.clone()], 8.0);
                let gated = x.gated_rms_norm(&w, &y, 1e-5).unwrap();
                of(gated, &[x.clone(), w, y], 16.0);
            }
            for interleaved in [false, true] {
                let (x, _) = sample(&mut rng, &[5, 3, 24], dtype, 2.0);
                let (angle, _) = sample(&mut rng, &[5, 8], Dtype::F32, 3.0);
                let (cos, sin) = (angle.cos().unwrap(), angle.sin().unwrap());
                let y = x.rope(&cos, &sin, interleaved).unwrap();
                let op = y.op().clone();
                compare("rope", op.family().unwrap(), &y, &[x, cos, sin], 64.0);
            }
        }
    });
}
