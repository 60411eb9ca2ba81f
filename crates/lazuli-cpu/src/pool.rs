//! Fork-join over a fixed set of threads, for regions of microseconds.
//!
//! Parts are dealt out statically, so a region costs one atomic store per worker and one decrement
//! back. Whoever waits spins for about 20 microseconds and then sleeps: consecutive kernels of one
//! token meet spinning workers, and an idle process uses no CPU. A pool that is busy does not queue:
//! the second caller runs its parts itself, which also makes nested regions serial.
//! Not chosen: work stealing (rayon), whose region costs more than a decode kernel.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::time::{Duration, Instant};

use crate::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, UnsafeCell};

/// How long a waiting thread spins before it sleeps.
#[cfg(not(loom))]
const SPIN: Duration = Duration::from_micros(20);

/// A set of worker threads that run one parallel region at a time.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What a region runs. The lifetime of `f` is erased: `Pool::run` does not return before every
/// worker that was given the job has reported back.
#[derive(Clone, Copy)]
struct Job {
    f: *const (dyn Fn(usize) + Sync + 'static),
    parts: usize,
    threads: usize,
}

/// The doorbell of one worker, on its own cache line: [`RING`] times the rings so far, and [`ASLEEP`] while
/// the worker sleeps. In one word, so that whoever comes second sees the first: a worker that falls
/// asleep the ring, or who rings that it sleeps.
#[repr(align(128))]
struct Doorbell(AtomicU32);

/// The worker sleeps (of a doorbell), or the owner of the region does (of `remaining`).
const ASLEEP: u32 = 1;
/// One ring, or one worker that has not finished.
const RING: u32 = 2;

struct Shared {
    doorbells: Vec<Doorbell>,
    /// Held by the thread whose region is running; guards `job`.
    busy: AtomicBool,
    job: UnsafeCell<Option<Job>>,
    /// [`RING`] times the workers of the current region that have not finished, and [`ASLEEP`] while its
    /// owner sleeps on `finished`.
    remaining: AtomicU32,
    finished: (Mutex<()>, Condvar),
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    stop: AtomicBool,
}

// SAFETY: `job` is the only field that is not `Sync`. It is written only by the thread that holds
// `busy`, while no worker runs (`remaining` is zero), and read by workers only between the ring of
// their doorbell (which the write happens before) and their decrement of `remaining` (which happens
// before the next write). The closure behind it is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer in `job` is only used while the closure is borrowed by `Pool::run`.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads` threads, the caller included; at least one.
    ///
    /// Where the system refuses a thread, the pool has as many as it granted.
    pub fn new(threads: usize) -> Pool {
        let wanted = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            doorbells: (0..wanted).map(|_| Doorbell(AtomicU32::new(0))).collect(),
            busy: AtomicBool::new(false),
            job: UnsafeCell::new(None),
            remaining: AtomicU32::new(0),
            finished: (Mutex::new(()), Condvar::new()),
            panic: Mutex::new(None),
            stop: AtomicBool::new(false),
        });
        let workers = (0..wanted)
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name(format!("lazuli-cpu-{}", index + 1))
                    .spawn(move || shared.work(index))
                    .ok()
            })
            .collect();
        Pool { shared, workers }
    }

    /// Threads that take part in a region, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `f(i)` once for each `i` in `0..parts` and returns when all calls have returned.
    ///
    /// Parts are split statically: thread `t` runs a contiguous range. What a part computes must not
    /// depend on the number of threads. If the pool is already running a region, all parts run on
    /// the calling thread.
    ///
    /// # Panics
    /// If a part panics, with its payload, after the other threads have finished their parts.
    pub fn run(&self, parts: usize, f: &(dyn Fn(usize) + Sync)) {
        let threads = self.threads().min(parts);
        if threads < 2 || self.shared.busy.swap(true, Acquire) {
            return (0..parts).for_each(f);
        }
        // SAFETY: only the lifetime of the reference changes; it is not used after `wait` below,
        // which returns when no worker can use it any more.
        let f = unsafe {
            std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(f)
        };
        let job = Job { f, parts, threads };
        // SAFETY: `busy` is ours and the previous region's workers have all reported back.
        self.shared.job.with_mut(|at| unsafe { *at = Some(job) });
        let working = (threads - 1) as u32 * RING;
        self.shared.remaining.store(working, Relaxed);
        for (doorbell, worker) in self
            .shared
            .doorbells
            .iter()
            .zip(&self.workers[..threads - 1])
        {
            if doorbell.0.fetch_add(RING, Release) & ASLEEP != 0 {
                worker.thread().unpark();
            }
        }
        let own = catch_unwind(AssertUnwindSafe(|| job.run(0)));
        self.shared.wait();
        let worker_panic = lock(&self.shared.panic).take();
        self.shared.busy.store(false, Release);
        if let Some(payload) = own.err().or(worker_panic) {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        for (doorbell, worker) in self.shared.doorbells.iter().zip(&self.workers) {
            doorbell.0.fetch_add(RING, Release);
            worker.thread().unpark();
        }
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its parts, so this cannot be one.
            let _ = worker.join();
        }
    }
}

impl Job {
    /// Runs the share of thread `index`.
    fn run(&self, index: usize) {
        // SAFETY: `Pool::run` keeps the closure borrowed until every thread is through here.
        let f = unsafe { &*self.f };
        let share = |i: usize| i * self.parts / self.threads;
        (share(index)..share(index + 1)).for_each(f);
    }
}

impl Shared {
    /// The life of worker `index`.
    fn work(&self, index: usize) {
        let bell = &self.doorbells[index].0;
        let mut heard = 0;
        loop {
            let rang = |bell: u32| bell & !ASLEEP != heard;
            if !spin_until(|| rang(bell.load(Acquire))) {
                if !rang(bell.fetch_or(ASLEEP, Acquire)) {
                    while !rang(bell.load(Acquire)) {
                        thread::park();
                    }
                }
                bell.fetch_and(!ASLEEP, Relaxed);
            }
            heard = heard.wrapping_add(RING);
            if self.stop.load(Relaxed) {
                return;
            }
            // SAFETY: our doorbell rang for this region, so the job was written before and stays
            // until our decrement below.
            let job = self.job.with(|at| unsafe { *at });
            if let Some(job) = job
                && let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.run(index + 1)))
            {
                lock(&self.panic).get_or_insert(payload);
            }
            if self.remaining.fetch_sub(RING, AcqRel) == RING | ASLEEP {
                // The owner holds the lock from when it says that it sleeps until it does.
                drop(lock(&self.finished.0));
                self.finished.1.notify_all();
            }
        }
    }

    /// Waits until all workers of the region have reported back.
    fn wait(&self) {
        if spin_until(|| self.remaining.load(Acquire) == 0) {
            return;
        }
        let mut guard = lock(&self.finished.0);
        let mut remaining = self.remaining.fetch_or(ASLEEP, AcqRel);
        while remaining >= RING {
            guard = (self.finished.1.wait(guard)).unwrap_or_else(PoisonError::into_inner);
            remaining = self.remaining.load(Acquire);
        }
    }
}

/// Spins until `done` or until `SPIN` has passed; whether `done`.
#[cfg(not(loom))]
fn spin_until(done: impl Fn() -> bool) -> bool {
    let mut start = None;
    loop {
        // The clock costs more than the check: look at it now and then.
        for _ in 0..64 {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.get_or_insert_with(Instant::now).elapsed() > SPIN {
            return false;
        }
    }
}

/// Time stands still under `loom`: one look, then sleep.
#[cfg(loom)]
fn spin_until(done: impl Fn() -> bool) -> bool {
    done()
}

/// Nothing panics while these locks are held, so poison means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counts(pool: &Pool, parts: usize) -> Vec<usize> {
        let hits: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
        pool.run(parts, &|i| {
            hits[i].fetch_add(1, Ordering::Relaxed);
        });
        hits.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_part_runs_once() {
        for threads in [0, 1, 2, 3, 8] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads.max(1));
            for parts in [0, 1, 2, 3, 7, 64] {
                assert_eq!(counts(&pool, parts), vec![1; parts], "{threads} threads");
            }
        }
    }

    #[test]
    fn a_thread_runs_one_contiguous_range() {
        let pool = Pool::new(3);
        let owners: Vec<Mutex<Option<std::thread::ThreadId>>> =
            (0..30).map(|_| Mutex::new(None)).collect();
        pool.run(30, &|i| {
            *lock(&owners[i]) = Some(std::thread::current().id())
        });
        let owners: Vec<_> = owners.iter().map(|owner| lock(owner).unwrap()).collect();
        for range in owners.chunks(10) {
            assert!(range.iter().all(|owner| *owner == range[0]));
        }
        assert_eq!(owners[0], std::thread::current().id());
        assert!(owners[0] != owners[10] && owners[10] != owners[20]);
    }

    #[test]
    fn regions_follow_sleep_and_spin_alike() {
        let pool = Pool::new(2);
        for round in 0..2000 {
            assert_eq!(counts(&pool, 5), vec![1; 5]);
            if round % 200 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        // A part longer than the spin puts the owner to sleep.
        pool.run(2, &|i| {
            if i == 1 {
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        assert_eq!(counts(&pool, 5), vec![1; 5]);
    }

    #[test]
    fn nested_regions_run_on_their_thread() {
        let pool = Pool::new(2);
        let total = AtomicUsize::new(0);
        pool.run(4, &|_| {
            let outer = std::thread::current().id();
            pool.run(8, &|_| {
                assert_eq!(std::thread::current().id(), outer);
                total.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(total.into_inner(), 32);
    }

    #[test]
    fn many_callers_share_one_pool() {
        let pool = Pool::new(2);
        std::thread::scope(|scope| {
            for caller in 0..8 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..500 {
                        let parts = 1 + (caller * 7 + round) % 13;
                        assert_eq!(counts(pool, parts), vec![1; parts]);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        for guilty in [0, 1, 2, 3] {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(4, &|i| {
                    if i == guilty {
                        resume_unwind(Box::new(i));
                    }
                });
            }));
            let payload = outcome.expect_err("the panic of a part");
            assert_eq!(payload.downcast_ref::<usize>(), Some(&guilty));
            assert_eq!(counts(&pool, 9), vec![1; 9]);
        }
    }

    #[test]
    fn concurrent_panics_stay_with_their_callers() {
        let pool = Pool::new(2);
        std::thread::scope(|scope| {
            for caller in 0..6usize {
                let pool = &pool;
                scope.spawn(move || {
                    for _ in 0..200 {
                        let outcome = catch_unwind(AssertUnwindSafe(|| {
                            pool.run(6, &|i| {
                                if caller % 2 == 0 && i == caller {
                                    resume_unwind(Box::new(caller));
                                }
                            });
                        }));
                        match outcome {
                            Ok(()) => assert_eq!(caller % 2, 1),
                            Err(payload) => {
                                assert_eq!(payload.downcast_ref::<usize>(), Some(&caller));
                            }
                        }
                    }
                });
            }
        });
    }
}
