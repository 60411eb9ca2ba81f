//! Blocks combined with what is there, in the order of their indices.
//!
//! Threads share a large write by where it goes, never by where it comes from: each goes through all
//! blocks and writes those of its own part of the output, so that every element sees its updates in
//! one order. Not chosen: atomics.

use half::{bf16, f16};
use lazuli_core::ops::scatter::Mode;

use crate::Pool;
use crate::kernels::elementwise::number::{Complex, Ordered, Ring, Truth};
use crate::kernels::elementwise::{Loops, Row, SHARED_BYTES, Starts};

/// Combines a row of updates (1) with a row of the output (0).
///
/// # Safety
/// The row's addresses are elements of the type that the function was made for; the output is nobody
/// else's.
pub type Combine = unsafe fn(&Row<2>);

/// Blocks to combine with an output.
pub struct Put<'a> {
    /// Byte offset of each block in the output; not negative.
    pub places: &'a [isize],
    /// Byte offset of each block in the updates.
    pub sources: &'a [isize],
    /// One block: output (0) and updates (1).
    pub block: Loops<2>,
    /// Bytes of an element.
    pub size: usize,
    /// Bytes of the output.
    pub span: usize,
    /// Whether blocks at different places have no element in common.
    pub apart: bool,
}

impl Put<'_> {
    /// Combines the blocks.
    ///
    /// # Safety
    /// `starts` are the first elements of an output that is nobody else's and of updates; blocks at
    /// the offsets lie within them, and `combine` was made for their elements.
    pub unsafe fn run(&self, pool: &Pool, starts: [*mut u8; 2], combine: Combine) {
        let elements = self.block.elements();
        let starts = Starts::from(starts);
        let one = |(&place, &source): (&isize, &isize)| {
            let [to, from] = starts.get();
            let at = [to.wrapping_offset(place), from.wrapping_offset(source)];
            if elements == 1 {
                let step = [0; 2];
                // SAFETY: the element lies in both operands (the caller's promise).
                return unsafe { combine(&Row { at, step, len: 1 }) };
            }
            // SAFETY: as above, for a row of the block.
            self.block
                .rows(at, 0..elements, |row| unsafe { combine(&row) });
        };
        let blocks = self.places.iter().zip(self.sources);
        let bytes = self.places.len() * elements * self.size;
        let parts = pool.threads();
        if !self.apart || parts == 1 || bytes < SHARED_BYTES {
            return blocks.for_each(one);
        }
        let share = self.span.div_ceil(parts).max(1);
        pool.run(parts, &|part| {
            let mine = |&(&place, _): &(&isize, &isize)| place as usize / share == part;
            blocks.clone().filter(mine).for_each(one);
        });
    }
}

/// Rows of each mode.
pub mod row {
    use super::*;

    /// Elements of `size` bytes replaced.
    pub fn set(size: usize) -> Combine {
        match size {
            1 => apply::<u8, Second>,
            2 => apply::<u16, Second>,
            4 => apply::<u32, Second>,
            _ => apply::<u64, Second>,
        }
    }

    /// Elements combined as `mode` says.
    pub fn with<T: Number>(mode: Mode) -> Combine {
        match mode {
            Mode::Set => apply::<T, Second>,
            Mode::Add => apply::<T, Sum>,
            Mode::Multiply => apply::<T, Product>,
            Mode::Maximum => apply::<T, Larger>,
            Mode::Minimum => apply::<T, Smaller>,
        }
    }

    /// # Safety
    /// As [`Combine`], for elements of `T`.
    unsafe fn apply<T: Copy, F: Rule<T>>(row: &Row<2>) {
        let [mut to, mut from] = row.at;
        for _ in 0..row.len {
            // SAFETY: elements of the row (the caller's promise).
            unsafe {
                let update = from.cast::<T>().read_unaligned();
                let value = F::of(to.cast::<T>().read_unaligned(), update);
                to.cast::<T>().write_unaligned(value);
            }
            to = to.wrapping_offset(row.step[0]);
            from = from.wrapping_offset(row.step[1]);
        }
    }
}

/// What becomes of an element and its update.
trait Rule<T> {
    fn of(old: T, update: T) -> T;
}

struct Second;

impl<T> Rule<T> for Second {
    #[inline(always)]
    fn of(_: T, update: T) -> T {
        update
    }
}

/// An element type as far as writes combine it; half types round each result once.
#[allow(missing_docs)]
pub trait Number: Copy + 'static {
    fn sum(self, b: Self) -> Self;
    fn product(self, b: Self) -> Self;
    fn larger(self, b: Self) -> Self;
    fn smaller(self, b: Self) -> Self;
}

macro_rules! rules {
    ($($rule:ident $method:ident;)*) => {$(
        struct $rule;

        impl<T: Number> Rule<T> for $rule {
            #[inline(always)]
            fn of(old: T, update: T) -> T {
                old.$method(update)
            }
        }
    )*};
}

rules! {
    Sum sum;
    Product product;
    Larger larger;
    Smaller smaller;
}

macro_rules! plain {
    ($($ty:ty)*) => {$(
        impl Number for $ty {
            fn sum(self, b: $ty) -> $ty {
                Ring::add(self, b)
            }
            fn product(self, b: $ty) -> $ty {
                Ring::mul(self, b)
            }
            fn larger(self, b: $ty) -> $ty {
                Ordered::larger(self, b)
            }
            fn smaller(self, b: $ty) -> $ty {
                Ordered::smaller(self, b)
            }
        }
    )*};
}

plain!(Truth u8 u16 u32 u64 i8 i16 i32 i64 f32 f64);

macro_rules! halves {
    ($($ty:ident)*) => {$(
        impl Number for $ty {
            fn sum(self, b: $ty) -> $ty {
                $ty::from_f32(self.to_f32() + b.to_f32())
            }
            fn product(self, b: $ty) -> $ty {
                $ty::from_f32(self.to_f32() * b.to_f32())
            }
            fn larger(self, b: $ty) -> $ty {
                $ty::from_f32(Ordered::larger(self.to_f32(), b.to_f32()))
            }
            fn smaller(self, b: $ty) -> $ty {
                $ty::from_f32(Ordered::smaller(self.to_f32(), b.to_f32()))
            }
        }
    )*};
}

halves!(f16 bf16);

impl Number for Complex {
    fn sum(self, b: Complex) -> Complex {
        Ring::add(self, b)
    }
    fn product(self, b: Complex) -> Complex {
        Ring::mul(self, b)
    }
    // Core refuses to order complex numbers.
    fn larger(self, _: Complex) -> Complex {
        self
    }
    fn smaller(self, _: Complex) -> Complex {
        self
    }
}
