//! Reductions of integers, truth values, `f64` and complex numbers, vectorised by LLVM.

use std::marker::PhantomData;

use lazuli_core::ops::reduce::Kind;

use super::fold::{Combine, Fold, Max, Min, Prod, Sum, halves};
use super::walk::Task;
use crate::kernels::elementwise::number::{Complex, Ordered, Ring, Truth};
use crate::kernels::math::portable::Portable;
use crate::kernels::math::{LANES, Lanes};

/// What sums and products of a type are accumulated in, and returned as.
pub trait Summed: Ordered {
    /// That type.
    type Sum: Ring;
    /// As that type.
    fn summand(self) -> Self::Sum;
}

macro_rules! summed {
    ($($ty:ident in $sum:ident;)*) => {$(
        impl Summed for $ty {
            type Sum = $sum;
            #[inline(always)]
            fn summand(self) -> $sum {
                self.into()
            }
        }
    )*};
}

summed! {
    u8 in u32; u16 in u32; u32 in u32; u64 in u64;
    i8 in i32; i16 in i32; i32 in i32; i64 in i64;
    f64 in f64;
}

impl Summed for Complex {
    type Sum = Complex;
    #[inline(always)]
    fn summand(self) -> Complex {
        self
    }
}

impl Summed for Truth {
    type Sum = i32;
    #[inline(always)]
    fn summand(self) -> i32 {
        (self.0 != 0) as i32
    }
}

/// A reduction whose accumulators are `A`, made of elements by `S`.
struct Plain<T, A, C, S>(PhantomData<(T, A, C, S)>);

/// How an element becomes an accumulator.
trait Start<T, A> {
    fn of(x: T) -> A;
}

struct AsSummand;
struct AsIs;

impl<T: Summed> Start<T, T::Sum> for AsSummand {
    #[inline(always)]
    fn of(x: T) -> T::Sum {
        x.summand()
    }
}

impl<T> Start<T, T> for AsIs {
    #[inline(always)]
    fn of(x: T) -> T {
        x
    }
}

impl<L: Lanes, T: Copy, A: Copy, C: Combine<A>, S: Start<T, A>> Fold<L> for Plain<T, A, C, S> {
    type In = T;
    type Acc = A;
    type Out = A;
    type Vector = [A; LANES];

    #[inline(always)]
    fn identity(_: L) -> [A; LANES] {
        [C::IDENTITY; LANES]
    }

    #[inline(never)]
    unsafe fn load(_: L, from: *const T, count: usize) -> [A; LANES] {
        // SAFETY: the caller's promise.
        unsafe {
            if count == LANES {
                return from.cast::<[T; LANES]>().read_unaligned().map(S::of);
            }
            let mut out = [C::IDENTITY; LANES];
            for (k, out) in out.iter_mut().enumerate().take(count) {
                *out = S::of(from.add(k).read_unaligned());
            }
            out
        }
    }

    #[inline(always)]
    unsafe fn restore(l: L, from: *const A, count: usize) -> [A; LANES] {
        // SAFETY: the caller's promise.
        unsafe { <Plain<A, A, C, AsIs> as Fold<L>>::load(l, from, count) }
    }

    #[inline(always)]
    unsafe fn save(_: L, x: [A; LANES], to: *mut A, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(x.as_ptr(), to, count) }
    }

    #[inline(always)]
    unsafe fn finish(l: L, x: [A; LANES], to: *mut A, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { <Self as Fold<L>>::save(l, x, to, count) }
    }

    // Not inlined: a dozen types times four kinds would be a megabyte of unrolled walks.
    #[inline(never)]
    fn combine(_: L, a: [A; LANES], b: [A; LANES]) -> [A; LANES] {
        std::array::from_fn(|i| C::of(a[i], b[i]))
    }

    #[inline(always)]
    fn total(_: L, mut x: [A; LANES]) -> [A; LANES] {
        halves::<A, C>(&mut x);
        x
    }
}

/// Part `part` of a reduction of `T`.
///
/// # Safety
/// The operand is of `T`, the output of what core infers for it.
pub unsafe fn part<T: Summed>(task: &Task<'_>, part: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match task.kind {
            Kind::Sum => task.part::<_, Plain<T, T::Sum, Sum, AsSummand>>(Portable, part),
            Kind::Prod => task.part::<_, Plain<T, T::Sum, Prod, AsSummand>>(Portable, part),
            // Any truth value is the largest of them, all of them the smallest.
            Kind::Max | Kind::Any => task.part::<_, Plain<T, T, Max, AsIs>>(Portable, part),
            Kind::Min | Kind::All => task.part::<_, Plain<T, T, Min, AsIs>>(Portable, part),
        }
    }
}
