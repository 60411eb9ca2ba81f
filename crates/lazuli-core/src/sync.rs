//! Locks and atomics of what threads meet at: the standard library's, or `loom`'s, which tries every
//! order in which they can meet. What it tries is the code that ships
//! (`RUSTFLAGS="--cfg loom" cargo test -p lazuli-core --test loom`).

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

use std::sync::PoisonError;

/// Locks a mutex under which nothing panics, so that poison means nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
