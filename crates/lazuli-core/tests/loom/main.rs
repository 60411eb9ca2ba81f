//! Threads that evaluate one graph, in every order in which they can meet (up to a number of
//! preemptions), by `loom`: values, work done once, no thread left waiting. Elements are relaxed atomics,
//! which show an old value wherever nothing orders the write before the read.
//!
//!     RUSTFLAGS="--cfg loom" cargo test -p lazuli-core --test loom
#![cfg(loom)]
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod device;

use std::sync::Arc;

use device::{kernels_run, register_once, value};
use lazuli_core::{Array, Dtype, Shape, eval};
use loom::thread;

/// Tries `f`. What caches keep must be there before: each run has to meet the same way.
fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    register_once();
    loom::model(|| {
        let three = number(2).add(&number(1)).unwrap();
        assert_eq!(value(&three.floor_divide(&number(1)).unwrap()), 3);
    });
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

/// A number in memory of somebody else's, which is never given to a result.
fn number(value: i32) -> Array {
    let bytes = Arc::new(value.to_le_bytes());
    Array::from_foreign(bytes, Dtype::I32, Shape::default()).unwrap()
}

#[test]
fn one_array_that_two_threads_evaluate_is_computed_once() {
    model(3, || {
        let before = kernels_run();
        let x = number(1).add(&number(2)).unwrap();
        let other = x.clone();
        let there = thread::spawn(move || assert_eq!(value(&other), 3));
        assert_eq!(value(&x), 3);
        there.join().unwrap();
        assert_eq!(kernels_run() - before, 1);
    });
}

#[test]
fn graphs_that_overlap_share_their_work() {
    model(2, || {
        let before = kernels_run();
        let shared = number(1).add(&number(2)).unwrap().add(&number(4)).unwrap();
        let (left, right) = (shared.add(&number(10)), shared.add(&shared));
        let (left, right) = (left.unwrap(), right.unwrap());
        drop(shared);
        let there = thread::spawn(move || {
            assert_eq!(value(&left), 17);
        });
        assert_eq!(value(&right), 14);
        there.join().unwrap();
        assert_eq!(kernels_run() - before, 4);
    });
}

#[test]
fn everyone_who_waits_is_woken() {
    model(2, || {
        let x = number(1).add(&number(2)).unwrap();
        let threads = [x.clone(), x].map(|x| thread::spawn(move || assert_eq!(value(&x), 3)));
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn an_array_is_not_overwritten_while_another_thread_may_read_it() {
    model(2, || {
        let x = number(1).add(&number(2)).unwrap();
        let next = x.add(&number(4)).unwrap();
        // Whoever is last gives the memory of `x` to `next`, or not.
        let there = thread::spawn(move || assert_eq!(value(&next), 7));
        assert_eq!(value(&x), 3);
        drop(x);
        there.join().unwrap();
    });
}

#[test]
fn a_failure_reaches_everyone() {
    model(2, || {
        // The kernel of this device refuses to divide by zero.
        let bad = number(1).floor_divide(&number(0)).unwrap();
        let (left, right) = (bad.add(&number(1)).unwrap(), bad);
        let there = thread::spawn(move || assert!(eval(&[&left]).is_err()));
        assert!(right.eval().is_err());
        there.join().unwrap();
    });
}
