//! The fake device: work that ends later, errors that show late, captures that nothing may leave.

use lazuli_core::{Array, Error, async_eval, eval, with_device};

use super::common::*;

#[test]
fn evaluation_returns_before_the_queue_has_worked() {
    let fake = new_fake();
    with_device(fake.device(), || {
        let x = Array::from_slice(&[1.0f32, 2.0], [2]).unwrap();
        let paused = fake.pause();
        let y = (&x * 2.0).add(&x).unwrap();
        async_eval(&[&y]);
        assert!(y.is_evaluated(), "queued, so its buffer is known");
        drop(paused);
        assert_eq!(y.to_vec::<f32>().unwrap(), [3.0, 6.0]);
    });
}

#[test]
fn an_error_of_the_queue_shows_where_the_value_is_used() {
    let fake = new_fake();
    with_device(fake.device(), || {
        let x = Array::from_slice(&[1.0f32, 2.0], [2]).unwrap();
        let bad = x.take(&Array::scalar(5i32), 0).unwrap();
        let after = &bad + 1.0;
        async_eval(&[&after]);
        assert!(matches!(
            after.to_vec::<f32>().unwrap_err(),
            Error::Index(_)
        ));
        assert!(eval(&[&after]).is_err());
        let backend = fake.device().backend().unwrap();
        assert!(matches!(
            backend.synchronize().unwrap_err(),
            Error::Index(_)
        ));
        assert!(backend.synchronize().is_ok());
        assert_eq!((&x + 1.0).to_vec::<f32>().unwrap(), [2.0, 3.0]);
    });
}

#[test]
fn a_write_in_place_waits_for_copies_that_are_still_being_made() {
    let fake = new_fake();
    let x = with_device(cpus()[0], || {
        let x = &Array::from_slice(&[1.0f32; 64], [64]).unwrap() + 1.0;
        x.eval().unwrap();
        x
    });
    let paused = fake.pause();
    let there = with_device(fake.device(), || &x * 1.0);
    async_eval(&[&there]);
    // `x` is given up here: the sum may take its memory, which the queue has not read yet.
    let here = with_device(cpus()[0], || x + Array::scalar(5.0f32));
    let writer = std::thread::spawn(move || here.to_vec::<f32>().unwrap());
    std::thread::sleep(std::time::Duration::from_millis(20));
    drop(paused);
    assert_eq!(writer.join().unwrap(), [7.0; 64]);
    assert_eq!(there.to_vec::<f32>().unwrap(), [2.0; 64]);
}

#[test]
fn a_replay_runs_on_the_same_memory() {
    let fake = new_fake();
    with_device(fake.device(), || {
        let backend = fake.device().backend().unwrap();
        // On the device before the capture starts.
        let state = &Array::from_slice(&[0.0f32, 10.0], [2]).unwrap() * 1.0;
        let one = &Array::scalar(1.0f32) * 1.0;
        eval(&[&state, &one]).unwrap();
        let (next, capture) = fake
            .capture(|| {
                // `state` is given up, so the sum is written into its memory.
                let next = state.add(&one).unwrap();
                drop(state);
                async_eval(&[&next]);
                next
            })
            .unwrap();
        assert_eq!(capture.len(), 1);
        for _ in 0..4 {
            capture.replay();
        }
        backend.synchronize().unwrap();
        assert_eq!(next.to_vec::<f32>().unwrap(), [5.0, 15.0]);
    });
}

#[test]
fn nothing_moves_during_a_capture() {
    let fake = new_fake();
    with_device(fake.device(), || {
        let x = &Array::from_slice(&[1.0f32], [1]).unwrap() * 1.0;
        x.eval().unwrap();
        // The number is on the host.
        let outcome = fake.capture(|| (&x + 1.0).eval());
        let error = outcome.map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Device(_)));
        assert!(error.to_string().contains("during a capture"), "{error}");
        // Reading back is a move too.
        assert!(fake.capture(|| x.to_vec::<f32>().is_err()).is_err());
        assert_eq!((&x + 1.0).to_vec::<f32>().unwrap(), [2.0]);
    });
}

#[test]
fn arrays_travel_between_devices() {
    let (one, two) = (new_fake().device(), new_fake().device());
    let x = Array::from_slice(&[1.0f32, 2.0], [2]).unwrap();
    let a = with_device(one, || &x + 1.0);
    let b = with_device(two, || &a * &x);
    let c = with_device(cpus()[0], || &b - &a);
    assert_eq!(c.to_vec::<f32>().unwrap(), [0.0, 3.0]);
}
