//! The process's sequence of keys, for functions that were given none.
//!
//! One sequence, behind a lock that is held for two hashes: threads draw different numbers, and a
//! program that draws from one thread draws what it draws with the reference. A function that is
//! traced draws from a scope of its own thread instead ([`with_state`]), so that the key is an operand
//! of the trace and other threads never meet a key without a value.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::threefry::{self, Key};
use crate::array::Array;
use crate::error::{Error, Result};

/// None: not seeded yet.
static PROCESS: Mutex<Option<Array>> = Mutex::new(None);

thread_local! {
    static SCOPED: RefCell<Option<Array>> = const { RefCell::new(None) };
}

/// Starts the sequence of keys from `seed`: the process's, or that of the [`with_state`] around.
pub fn seed(seed: u64) {
    go_on_from(super::key(seed));
}

fn go_on_from(key: Array) {
    SCOPED.with_borrow_mut(|scoped| match scoped {
        Some(scoped) => *scoped = key,
        None => *lock() = Some(key),
    });
}

/// The key from which the next draw without a key is derived.
pub fn state() -> Array {
    if let Some(key) = SCOPED.with_borrow(Option::clone) {
        return key;
    }
    lock().get_or_insert_with(by_clock).clone()
}

/// Continues the sequence from `key`, which [`state`] or [`with_state`] gave: the process's, or that of
/// the [`with_state`] around.
///
/// # Errors
/// [`Error::Value`] when `key` is not two `uint32`; its own error when it is poisoned.
pub fn set_state(key: &Array) -> Result<()> {
    key.check()?;
    if **key.shape() != [2] || key.dtype() != crate::Dtype::U32 {
        return Err(Error::value(
            "random state",
            format!("a key is uint32 [2], not {key:?}"),
        ));
    }
    go_on_from(key.clone());
    Ok(())
}

/// Runs `f`, whose draws without a key come from `key` on this thread, and returns its result with
/// the key that a continuation starts from. What was drawn depends on `key` as on any operand.
pub fn with_state<R>(key: &Array, f: impl FnOnce() -> R) -> (R, Array) {
    struct Restore(Option<Array>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPED.set(self.0.take());
        }
    }
    let restore = Restore(SCOPED.replace(Some(key.clone())));
    let result = f();
    let last = SCOPED.with_borrow(Option::clone);
    drop(restore);
    (result, last.unwrap_or_else(|| key.clone()))
}

/// The next key.
pub(super) fn next() -> Result<Array> {
    if let Some(key) = SCOPED.with_borrow(Option::clone) {
        let (state, next) = advance(&key)?;
        SCOPED.set(Some(state));
        return Ok(next);
    }
    let mut process = lock();
    let (state, next) = advance(process.get_or_insert_with(by_clock))?;
    *process = Some(state);
    Ok(next)
}

/// The state after a draw, and the key of the draw.
fn advance(state: &Array) -> Result<(Array, Array)> {
    // Known words cost two hashes here; else the graph would grow with every draw.
    if state.is_evaluated()
        && let [k0, k1] = state.to_vec::<u32>()?[..]
    {
        let [state, key] = split_words([k0, k1]);
        return Ok((of_words(state), of_words(key)));
    }
    let pair = super::split(state, 2)?;
    let row = |i| pair.narrow(0, i, i + 1)?.reshape([2]);
    Ok((row(0)?, row(1)?))
}

fn split_words(key: Key) -> [Key; 2] {
    let [a, b, c, d] = threefry::words(key);
    [[a, b], [c, d]]
}

pub(super) fn of_words(words: Key) -> Array {
    match Array::from_slice(&words, [2]) {
        Ok(key) => key,
        Err(error) => Array::poisoned(error),
    }
}

fn by_clock() -> Array {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is no reason to fail.
    super::key(since.map_or(0, |t| t.as_nanos() as u64))
}

/// Nothing panics while the lock is held, so poison means nothing.
fn lock() -> MutexGuard<'static, Option<Array>> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}
