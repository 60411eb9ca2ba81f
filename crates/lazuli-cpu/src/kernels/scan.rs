//! Running reductions and recurrences along the middle axis of a row-major `[before, len, after]`.
//!
//! Each line of `len` elements is walked in order by one thread, so that its bits depend on nothing
//! else; neighbouring lines are walked together, which LLVM vectorises. Not chosen: a tree over blocks
//! of a line, which would use more threads for one long line and give it other bits than a short one;
//! several rows at a time, which hides an addition's latency but costs four times that where rows lie a
//! power of two apart.

use std::mem::MaybeUninit;

use half::{bf16, f16};

use super::elementwise::number::{Complex, Ordered, Ring, Truth};
use crate::Pool;

/// Neighbouring lines that are walked together.
const COLUMNS: usize = 256;
/// Threads share a scan from this many elements on.
const SHARED: usize = 32 << 10;

/// What is scanned, in which order.
#[derive(Clone, Copy)]
pub struct Lines {
    /// Product of the axes before.
    pub before: usize,
    /// Elements of a line.
    pub len: usize,
    /// Product of the axes after.
    pub after: usize,
    /// From the last element to the first.
    pub reverse: bool,
    /// Results are of the elements before, without the element itself.
    pub exclusive: bool,
}

/// What happens to one element; elements are known by their places.
struct Walk<R, F, S, W> {
    read: R,
    first: F,
    step: S,
    write: W,
}

impl Lines {
    /// Walks all lines. `first` makes an accumulator of the first element, `step` takes one more into
    /// it; `start` is the first result of an exclusive scan. `read` and `write` get places below
    /// `before * len * after`, each place of the output once and after it was read unless the scan is
    /// exclusive.
    pub fn run<X, A: Copy + Send + Sync>(
        &self,
        pool: &Pool,
        start: A,
        read: impl Fn(usize) -> X + Sync,
        first: impl Fn(X) -> A + Sync,
        step: impl Fn(A, X) -> A + Sync,
        write: impl Fn(usize, A) + Sync,
    ) {
        if self.before * self.len * self.after == 0 {
            return;
        }
        let walk = Walk {
            read,
            first,
            step,
            write,
        };
        let tiles = self.after.div_ceil(COLUMNS);
        let units = self.before * tiles;
        let parts = match self.before * self.len * self.after {
            ..SHARED => 1,
            _ => pool.threads().min(units),
        };
        let part = |part: usize| {
            for unit in part * units / parts..(part + 1) * units / parts {
                let (line, lane) = (unit / tiles, unit % tiles * COLUMNS);
                let origin = line * self.len * self.after + lane;
                match self.after {
                    1 => self.row(&walk, start, origin),
                    after => self.columns(&walk, start, origin, COLUMNS.min(after - lane)),
                }
            }
        };
        match parts {
            1 => part(0),
            parts => pool.run(parts, &part),
        }
    }

    /// Where element `k` of the order lies in a line.
    #[inline(always)]
    fn place(&self, k: usize) -> usize {
        let k = if self.reverse { self.len - 1 - k } else { k };
        k * self.after
    }

    /// `count` neighbouring lines, the first of which starts at `origin`.
    #[inline(always)]
    fn columns<X, A: Copy, R, F, S, W>(
        &self,
        walk: &Walk<R, F, S, W>,
        start: A,
        origin: usize,
        count: usize,
    ) where
        R: Fn(usize) -> X,
        F: Fn(X) -> A,
        S: Fn(A, X) -> A,
        W: Fn(usize, A),
    {
        let mut acc = [const { MaybeUninit::<A>::uninit() }; COLUMNS];
        let acc = &mut acc[..count];
        let skip = self.exclusive as usize;
        let at = |k: usize| origin + self.place(k);
        if self.exclusive {
            (0..count).for_each(|lane| (walk.write)(at(0) + lane, start));
        }
        for k in 0..self.len - skip {
            let (from, to) = (at(k), at(k + skip));
            for (lane, acc) in acc.iter_mut().enumerate() {
                let x = (walk.read)(from + lane);
                let value = if k == 0 {
                    (walk.first)(x)
                } else {
                    // SAFETY: the first round wrote every accumulator.
                    (walk.step)(unsafe { acc.assume_init() }, x)
                };
                acc.write(value);
                (walk.write)(to + lane, value);
            }
        }
    }

    /// One line whose elements are neighbours, from `origin` on.
    #[inline(always)]
    fn row<X, A: Copy, R, F, S, W>(&self, walk: &Walk<R, F, S, W>, start: A, origin: usize)
    where
        R: Fn(usize) -> X,
        F: Fn(X) -> A,
        S: Fn(A, X) -> A,
        W: Fn(usize, A),
    {
        let at = |k: usize| origin + self.place(k);
        let skip = self.exclusive as usize;
        if self.exclusive {
            (walk.write)(at(0), start);
        }
        if self.len == skip {
            return;
        }
        let mut acc = (walk.first)((walk.read)(at(0)));
        (walk.write)(at(skip), acc);
        for k in 1..self.len - skip {
            acc = (walk.step)(acc, (walk.read)(at(k)));
            (walk.write)(at(k + skip), acc);
        }
    }
}

/// An element type of running sums and products, and what they are accumulated in.
#[allow(missing_docs)]
pub trait Summed: Copy + 'static {
    type Acc: Ring;
    fn up(self) -> Self::Acc;
    fn down(acc: Self::Acc) -> Self;
}

/// An element type of running extremes, as something that has an order.
#[allow(missing_docs)]
pub trait Ranked: Copy + 'static {
    type Key: Ordered;
    fn up(self) -> Self::Key;
    fn down(key: Self::Key) -> Self;
}

macro_rules! same {
    ($trait:ident $as:ident: $($ty:ty)*) => {$(
        impl $trait for $ty {
            type $as = $ty;
            #[inline(always)]
            fn up(self) -> $ty {
                self
            }
            #[inline(always)]
            fn down(x: $ty) -> $ty {
                x
            }
        }
    )*};
}

macro_rules! half {
    ($trait:ident $as:ident: $($ty:ty)*) => {$(
        impl $trait for $ty {
            type $as = f32;
            #[inline(always)]
            fn up(self) -> f32 {
                self.to_f32()
            }
            #[inline(always)]
            fn down(x: f32) -> $ty {
                <$ty>::from_f32(x)
            }
        }
    )*};
}

// Signed integers add and multiply as unsigned ones do.
same!(Summed Acc: u8 u16 u32 u64 f64 Complex);
half!(Summed Acc: f16 bf16);
same!(Ranked Key: Truth u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 Complex);
half!(Ranked Key: f16 bf16);

impl Summed for f32 {
    type Acc = f64;
    #[inline(always)]
    fn up(self) -> f64 {
        self.into()
    }
    #[inline(always)]
    fn down(x: f64) -> f32 {
        x as f32
    }
}

/// A running sum of exponentials: the largest exponent so far, and the sum in units of its own.
#[derive(Clone, Copy)]
pub struct LogSum {
    largest: f64,
    sum: f64,
}

impl LogSum {
    /// Of nothing.
    pub const EMPTY: LogSum = LogSum {
        largest: f64::NEG_INFINITY,
        sum: 0.0,
    };

    /// Of one exponent.
    #[inline(always)]
    pub fn of(x: f64) -> LogSum {
        LogSum {
            largest: x,
            sum: 1.0,
        }
    }

    /// With one more exponent; a NaN stays.
    #[inline(always)]
    pub fn with(self, x: f64) -> LogSum {
        // Equal infinities have no difference.
        let (largest, sum) = if x == self.largest {
            (x, self.sum + 1.0)
        } else if x < self.largest {
            (self.largest, self.sum + (x - self.largest).exp())
        } else {
            (x, self.sum * (self.largest - x).exp() + 1.0)
        };
        LogSum { largest, sum }
    }

    /// The logarithm of the sum.
    #[inline(always)]
    pub fn log(self) -> f64 {
        self.largest + self.sum.ln()
    }
}
