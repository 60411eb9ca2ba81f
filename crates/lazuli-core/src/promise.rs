//! A value that one thread computes, once, and any number wait for.
//!
//! One atomic word says how far it is, and every change of it is a read and a write in one, so its order
//! alone decides who computes and who must be woken. A promise that nobody waits for costs two of those
//! and no system call. Not chosen: a mutex and a condition variable in each node, which cost memory in
//! every one for a meeting that is rare.

use std::sync::OnceLock;
use std::sync::PoisonError;

use crate::sync::atomic::{
    AtomicU8,
    Ordering::{AcqRel, Acquire},
};
use crate::sync::{Condvar, Mutex, lock};

/// Somebody computes the value.
const CLAIMED: u8 = 1;
/// Somebody sleeps until it is there.
const AWAITED: u8 = 2;
/// It is there.
const KEPT: u8 = 4;

pub(crate) struct Promise<T> {
    phase: AtomicU8,
    value: OnceLock<T>,
}

impl<T> Promise<T> {
    pub(crate) fn new() -> Promise<T> {
        Promise {
            phase: AtomicU8::new(0),
            value: OnceLock::new(),
        }
    }

    /// A value that is there from the start.
    pub(crate) fn kept(value: T) -> Promise<T> {
        Promise {
            phase: AtomicU8::new(KEPT),
            value: OnceLock::from(value),
        }
    }

    /// The value, if it is there.
    pub(crate) fn get(&self) -> Option<&T> {
        if self.phase.load(Acquire) & KEPT == 0 {
            return None;
        }
        self.value.get()
    }

    /// Takes the right, and the duty, to compute the value; false if somebody has or had it.
    pub(crate) fn claim(&self) -> bool {
        self.phase.fetch_or(CLAIMED, AcqRel) & (CLAIMED | KEPT) == 0
    }

    /// Keeps a claimed promise and wakes whoever waits.
    pub(crate) fn keep(&self, value: T) {
        let _ = self.value.set(value);
        if self.phase.swap(KEPT, AcqRel) & AWAITED != 0 {
            let lot = lot(self);
            // Who said that he waits holds the lock until he sleeps.
            drop(lock(&lot.lock));
            lot.woken.notify_all();
        }
    }

    /// The value, waiting for whoever computes it.
    pub(crate) fn wait(&self) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let lot = lot(self);
        let mut guard = lock(&lot.lock);
        loop {
            if self.phase.fetch_or(AWAITED, AcqRel) & KEPT != 0
                && let Some(value) = self.value.get()
            {
                return value;
            }
            guard = lot
                .woken
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Where threads that wait sleep. Promises share them: a wake-up may be for another.
struct Lot {
    lock: Mutex<()>,
    woken: Condvar,
}

fn lot<T>(promise: &Promise<T>) -> &'static Lot {
    #[cfg(not(loom))]
    static LOTS: [Lot; 32] = [const {
        Lot {
            lock: Mutex::new(()),
            woken: Condvar::new(),
        }
    }; 32];
    #[cfg(loom)]
    loom::lazy_static! {
        static ref LOTS: [Lot; 1] = [Lot {
            lock: Mutex::new(()),
            woken: Condvar::new(),
        }];
    }
    &LOTS[(std::ptr::from_ref(promise) as usize >> 8) % LOTS.len()]
}
