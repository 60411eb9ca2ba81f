//! Many threads that build, evaluate, compile and drop over one another's arrays.
//!
//! Two seconds; `LAZULI_STRESS_SECONDS` says otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lazuli_core::{Array, Dtype, Result, async_eval, compile, eval, grad, with_device};

use super::common::*;

fn seconds() -> u64 {
    let given = std::env::var("LAZULI_STRESS_SECONDS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// A function whose result is known: `x` is the same number everywhere.
fn grow(x: &Array) -> Result<Array> {
    let y = x
        .multiply(&Array::scalar(0.5f32))?
        .add(&Array::scalar(1.0f32))?;
    y.reshape([y.elements()])?.max([0], false)
}

#[test]
fn eight_threads_build_evaluate_and_drop_at_once() {
    let end = Instant::now() + Duration::from_secs(seconds());
    // What threads hand to each other: a lazy array, and the value that it must have.
    let shared: Arc<Mutex<Vec<(Array, f32)>>> = Arc::default();
    let rounds = AtomicUsize::new(0);
    let compiled = compile(grow);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (shared, rounds, compiled) = (shared.clone(), &rounds, &compiled);
            let device = devices()[thread as usize % devices().len()];
            scope.spawn(move || {
                let mut rng = Rng(thread);
                with_device(device, || {
                    while Instant::now() < end {
                        rounds.fetch_add(1, Ordering::Relaxed);
                        // The last is shared by the threads of a pool.
                        let n = [1usize, 7, 100, 5000, 300_000][rng.below(5)];
                        let (mut x, mut want) = match shared.lock().unwrap().last() {
                            Some((x, want)) if rng.below(2) == 0 => (x.clone(), *want),
                            _ => (Array::scalar(4.0f32), 4.0),
                        };
                        for _ in 0..rng.below(20) {
                            let wide = x.broadcast_to([n]).unwrap();
                            x = match rng.below(3) {
                                0 => compiled(&wide).unwrap(),
                                _ => grow(&wide).unwrap(),
                            };
                            want = want * 0.5 + 1.0;
                        }
                        match rng.below(4) {
                            0 => async_eval(&[&x]),
                            1 => eval(&[&x]).unwrap(),
                            2 => {
                                let g = grad(|x: &Array| grow(&x.square()?))(&x).unwrap();
                                let g = g.astype(Dtype::F32).unwrap().item::<f32>().unwrap();
                                assert!((g - want).abs() < 1e-5, "{g} {want}");
                            }
                            _ => {}
                        }
                        let mut shared = shared.lock().unwrap();
                        shared.push((x.clone(), want));
                        if shared.len() > 16 {
                            let at = rng.below(16);
                            drop(shared.swap_remove(at));
                        }
                        drop(shared);
                        if rng.below(3) == 0 {
                            assert_eq!(x.item::<f32>().unwrap(), want);
                        }
                    }
                });
            });
        }
    });
    for (x, want) in shared.lock().unwrap().iter() {
        assert_eq!(x.item::<f32>().unwrap(), *want);
    }
    assert!(rounds.load(Ordering::Relaxed) > 8);
}
