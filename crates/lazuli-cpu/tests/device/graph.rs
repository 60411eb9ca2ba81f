//! Evaluation: deep graphs, errors that travel, threads that meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lazuli_core::error::Result;
use lazuli_core::op::{Custom, CustomOp, Outs};
use lazuli_core::{Array, Dtype, Error, Family, Op, async_eval, eval, with_device};

use super::common::*;

#[test]
fn a_million_operations_evaluate_and_drop() {
    with_device(cpus()[0], || {
        let one = Array::scalar(1i32);
        let mut x = Array::scalar(0i32);
        for _ in 0..1_000_000 {
            x = x.add(&one).unwrap();
        }
        assert_eq!(x.item::<i32>().unwrap(), 1_000_000);
        // One that is dropped without having been evaluated.
        let mut x = Array::scalar(0i32);
        for _ in 0..1_000_000 {
            x = x.add(&one).unwrap();
        }
    });
}

#[test]
fn a_poisoned_array_carries_its_first_error_and_place() {
    on_each(|_| {
        let a = Array::from_slice(&[1.0f32; 3], [3]).unwrap();
        let b = Array::from_slice(&[1.0f32; 4], [4]).unwrap();
        let line = line!() + 1;
        let bad = &a + &b;
        let worse = (&bad * 2.0 - &a) / &b;
        for error in [bad.check(), worse.check(), worse.eval()] {
            let error = error.unwrap_err();
            assert!(matches!(error, Error::Shape(_)));
            assert_eq!(error.op(), "add");
            let place = error.place().unwrap();
            assert!(place.file().ends_with("graph.rs") && place.line() == line);
        }
        assert!(worse.exp().is_err());
    });
}

#[test]
fn an_error_of_a_value_reaches_what_was_built_on_it() {
    on_each(|device| {
        let x = Array::from_slice(&[1.0f32, 2.0], [2]).unwrap();
        let bad = x.take(&Array::scalar(9i32), 0).unwrap();
        let after = &bad * 3.0;
        assert!(after.eval().is_err(), "{device:?}");
        assert!(matches!(after.eval().unwrap_err(), Error::Index(_)));
        // The operands of a failed operation stay valid.
        assert_eq!((&x + 1.0).to_vec::<f32>().unwrap(), [2.0, 3.0]);
    });
}

/// Counts how often it is computed: its kernel is its decomposition's, so it counts decompositions
/// at evaluation through a value of its own per node.
struct Counted(Arc<AtomicUsize>, u64);

impl Family for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }
    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        Ok([(inputs[0].shape().clone(), inputs[0].dtype())]
            .into_iter()
            .collect())
    }
    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Some(inputs[0].exp().map(|y| vec![y]))
    }
}

impl CustomOp for Counted {
    fn key(&self) -> Option<u64> {
        Some(self.1)
    }
}

#[test]
fn threads_with_overlapping_graphs_compute_each_node_once() {
    for &device in cpus() {
        with_device(device, || {
            let count = Arc::new(AtomicUsize::new(0));
            let mut x = Array::from_slice(&[0.001f32; 5000], [5000]).unwrap();
            for k in 0..50 {
                // A key of its own, so that each node is lowered by whoever computes it.
                let key = (device_key(device) << 32) | k;
                let op = Op::Custom(Custom(Arc::new(Counted(count.clone(), key))));
                x = Array::from_op(op, &[&x]).unwrap() * 0.1;
            }
            let heads: Vec<Array> = (0..4).map(|k| &x + f64::from(k)).collect();
            std::thread::scope(|scope| {
                for head in &heads {
                    scope.spawn(move || head.eval().unwrap());
                }
            });
            assert_eq!(count.load(Ordering::SeqCst), 50);
            let values: Vec<f32> = heads
                .iter()
                .map(|h| h.to_vec::<f32>().unwrap()[0])
                .collect();
            assert!((values[3] - values[0] - 3.0).abs() < 1e-5);
        });
    }
}

fn device_key(device: lazuli_core::Device) -> u64 {
    cpus().iter().position(|&d| d == device).unwrap() as u64
}

#[test]
fn an_asynchronous_evaluation_ends_with_the_same_values() {
    on_each(|device| {
        let x = Array::from_slice(&[1.0f32, 2.0, 3.0], [3]).unwrap();
        let y = (&x * 2.0).exp().unwrap();
        let z = &y - &x;
        async_eval(&[&y, &z]);
        let again = &z + &y;
        eval(&[&again]).unwrap();
        let want: Vec<f32> = [1.0f64, 2.0, 3.0]
            .iter()
            .map(|x| (2.0 * (2.0 * x).exp() - x) as f32)
            .collect();
        for (got, want) in again.to_vec::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() <= 4e-6 * want, "{device:?}");
        }
        let bad = x.take(&Array::scalar(3i32), 0).unwrap();
        async_eval(&[&bad]);
        assert!(bad.to_vec::<f32>().is_err());
    });
}

#[test]
fn a_reshape_of_a_transpose_copies_once_and_is_right() {
    on_each(|_| {
        let values: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let x = Array::from_slice(&values, [2, 3, 4]).unwrap();
        let y = x.permute(&[2, 0, 1]).unwrap().reshape([8, 3]).unwrap();
        let got = y.narrow(0, 3, 5).unwrap().to_vec::<f32>().unwrap();
        // Row 3 of [8, 3] is (c = 1, a = 1), row 4 is (c = 2, a = 0).
        assert_eq!(got, [13.0, 17.0, 21.0, 2.0, 6.0, 10.0]);
        assert_eq!(y.dtype(), Dtype::F32);
    });
}
