//! What a reduction does with sixteen elements at a time, and the float reductions in `f32`.

use std::marker::PhantomData;

use lazuli_core::ops::reduce::Kind;

use super::walk::Task;
use crate::kernels::elementwise::number::{Ordered, Ring};
use crate::kernels::math::{Element, Kernel, LANES, Lanes};

/// A way to combine elements, sixteen at a time.
#[allow(clippy::missing_safety_doc)] // Pointers are valid for `count` elements, one to sixteen.
pub trait Fold<L: Lanes> {
    /// Elements of the operand.
    type In: Copy;
    /// Accumulators in memory.
    type Acc: Copy;
    /// Elements of the output.
    type Out: Copy;
    /// Sixteen accumulators.
    type Vector: Copy;

    /// What changes nothing.
    fn identity(l: L) -> Self::Vector;
    /// Elements as accumulators; lanes beyond `count` are the identity.
    unsafe fn load(l: L, from: *const Self::In, count: usize) -> Self::Vector;
    /// Accumulators from memory; lanes beyond `count` are the identity.
    unsafe fn restore(l: L, from: *const Self::Acc, count: usize) -> Self::Vector;
    /// Accumulators to memory.
    unsafe fn save(l: L, x: Self::Vector, to: *mut Self::Acc, count: usize);
    /// Accumulators as elements of the output.
    unsafe fn finish(l: L, x: Self::Vector, to: *mut Self::Out, count: usize);
    /// Both, lane by lane.
    fn combine(l: L, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// All lanes in lane 0: halves are combined until one is left.
    fn total(l: L, x: Self::Vector) -> Self::Vector;
}

/// How accumulators of a type are combined.
pub trait Combine<A> {
    /// What changes nothing.
    const IDENTITY: A;
    /// Both.
    fn of(a: A, b: A) -> A;
}

/// How sixteen `f32` are combined.
pub trait CombineLanes: Combine<f32> {
    /// Both, lane by lane.
    fn lanes<L: Lanes>(l: L, a: L::F, b: L::F) -> L::F;
}

/// Sum.
pub struct Sum;
/// Product.
pub struct Prod;
/// Largest.
pub struct Max;
/// Smallest.
pub struct Min;

impl<A: Ring> Combine<A> for Sum {
    const IDENTITY: A = A::ZERO;
    #[inline(always)]
    fn of(a: A, b: A) -> A {
        a.add(b)
    }
}

impl<A: Ring> Combine<A> for Prod {
    const IDENTITY: A = A::ONE;
    #[inline(always)]
    fn of(a: A, b: A) -> A {
        a.mul(b)
    }
}

impl<A: Ordered> Combine<A> for Max {
    const IDENTITY: A = A::LEAST;
    #[inline(always)]
    fn of(a: A, b: A) -> A {
        a.larger(b)
    }
}

impl<A: Ordered> Combine<A> for Min {
    const IDENTITY: A = A::GREATEST;
    #[inline(always)]
    fn of(a: A, b: A) -> A {
        a.smaller(b)
    }
}

impl CombineLanes for Sum {
    #[inline(always)]
    fn lanes<L: Lanes>(l: L, a: L::F, b: L::F) -> L::F {
        l.add(a, b)
    }
}

impl CombineLanes for Prod {
    #[inline(always)]
    fn lanes<L: Lanes>(l: L, a: L::F, b: L::F) -> L::F {
        l.mul(a, b)
    }
}

// A NaN in `b` stays by itself.
impl CombineLanes for Max {
    #[inline(always)]
    fn lanes<L: Lanes>(l: L, a: L::F, b: L::F) -> L::F {
        l.float(l.iselect_nan(a, l.bits(a), l.bits(l.max(a, b))))
    }
}

impl CombineLanes for Min {
    #[inline(always)]
    fn lanes<L: Lanes>(l: L, a: L::F, b: L::F) -> L::F {
        l.float(l.iselect_nan(a, l.bits(a), l.bits(l.min(a, b))))
    }
}

/// A reduction of floats in `f32`.
pub struct InF32<T, C>(PhantomData<(T, C)>);

impl<L: Lanes, T: Element, C: CombineLanes> Fold<L> for InF32<T, C> {
    type In = T;
    type Acc = f32;
    type Out = T;
    type Vector = L::F;

    #[inline(always)]
    fn identity(l: L) -> L::F {
        l.splat(C::IDENTITY)
    }

    #[inline(always)]
    unsafe fn load(l: L, from: *const T, count: usize) -> L::F {
        // SAFETY: the caller's promise.
        unsafe {
            if count == LANES {
                return T::load(l, from);
            }
            let mut padded = [T::default(); LANES];
            std::ptr::copy_nonoverlapping(
                from.cast::<u8>(),
                padded.as_mut_ptr().cast::<u8>(),
                count * size_of::<T>(),
            );
            let known = l.mask(((1u32 << count) - 1) as u16);
            l.select(known, T::load(l, padded.as_ptr()), l.splat(C::IDENTITY))
        }
    }

    #[inline(always)]
    unsafe fn restore(l: L, from: *const f32, count: usize) -> L::F {
        // SAFETY: the caller's promise.
        unsafe { <InF32<f32, C> as Fold<L>>::load(l, from, count) }
    }

    #[inline(always)]
    unsafe fn save(l: L, x: L::F, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { <InF32<f32, C> as Fold<L>>::finish(l, x, to, count) }
    }

    #[inline(always)]
    unsafe fn finish(l: L, x: L::F, to: *mut T, count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if count == LANES {
                return T::store(l, x, to);
            }
            let mut padded = [T::default(); LANES];
            T::store(l, x, padded.as_mut_ptr());
            std::ptr::copy_nonoverlapping(padded.as_ptr(), to, count);
        }
    }

    #[inline(always)]
    fn combine(l: L, a: L::F, b: L::F) -> L::F {
        C::lanes(l, a, b)
    }

    #[inline(always)]
    fn total(l: L, x: L::F) -> L::F {
        let mut lanes = [0.0f32; LANES];
        // SAFETY: `lanes` holds sixteen lanes.
        unsafe {
            l.store(x, lanes.as_mut_ptr());
            halves::<f32, C>(&mut lanes);
            l.load(lanes.as_ptr())
        }
    }
}

/// Combines halves until one accumulator is left.
#[inline(always)]
pub(super) fn halves<A: Copy, C: Combine<A>>(lanes: &mut [A; LANES]) {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = C::of(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
}

/// Reductions of one float type.
pub struct Reduce<T>(PhantomData<T>);

impl<T: Element> Kernel for Reduce<T> {
    type Args<'a> = Task<'a>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, task: &Task<'_>, part: usize) {
        // SAFETY: whoever made the task gave operands of `T`.
        unsafe {
            match task.kind {
                Kind::Sum => task.part::<L, InF32<T, Sum>>(l, part),
                Kind::Prod => task.part::<L, InF32<T, Prod>>(l, part),
                Kind::Max => task.part::<L, InF32<T, Max>>(l, part),
                Kind::Min => task.part::<L, InF32<T, Min>>(l, part),
                // Of truth values only.
                Kind::All | Kind::Any => {}
            }
        }
    }
}
