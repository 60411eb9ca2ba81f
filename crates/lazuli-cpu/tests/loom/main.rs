//! The pool in every order in which its threads can meet (up to a number of preemptions), by `loom`: every
//! part runs once and is seen by whoever asked for it, nobody sleeps for ever. Counts are relaxed atomics,
//! which show an old value wherever nothing orders the write before the read. Waiting threads sleep at
//! once, because a spin would only repeat itself.
//!
//!     RUSTFLAGS="--cfg loom" cargo test -p lazuli-cpu --test loom
#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use lazuli_cpu::Pool;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

/// Runs a region of `parts` parts and looks at what it did.
fn region(pool: &Pool, parts: usize) {
    let counts: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
    pool.run(parts, &|part| {
        counts[part].fetch_add(1, Relaxed);
    });
    assert!(counts.iter().all(|count| count.load(Relaxed) == 1));
}

#[test]
fn regions_follow_one_another() {
    model(3, || {
        let pool = Pool::new(2);
        region(&pool, 2);
        region(&pool, 3);
    });
}

#[test]
fn two_workers_report_back() {
    model(2, || {
        let pool = Pool::new(3);
        region(&pool, 3);
        // One worker is left out.
        region(&pool, 2);
    });
}

#[test]
fn two_callers_share_a_pool() {
    model(2, || {
        let pool = Arc::new(Pool::new(2));
        let other = pool.clone();
        let there = thread::spawn(move || region(&other, 2));
        region(&pool, 2);
        assert!(there.join().is_ok());
    });
}

#[test]
fn a_panic_of_a_worker_reaches_the_caller() {
    model(2, || {
        let pool = Pool::new(2);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(2, &|part| {
                if part == 1 {
                    resume_unwind(Box::new(part));
                }
            });
        }));
        let payload = outcome.err().and_then(|p| p.downcast::<usize>().ok());
        assert_eq!(payload.as_deref(), Some(&1));
        region(&pool, 2);
    });
}

#[test]
fn a_pool_that_never_ran_ends() {
    model(3, || drop(Pool::new(3)));
}
