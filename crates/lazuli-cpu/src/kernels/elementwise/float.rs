//! Arithmetic of `f32`, `bf16` and `f16`: sixteen lanes of `f32`, rounded once.

use std::marker::PhantomData;

use lazuli_core::ops::binary::Binary as BinaryOp;
use lazuli_core::ops::unary::Unary as UnaryOp;

use super::functions::{by_lane, by_pair, tanh};
use super::loops::Row;
use crate::kernels::math::{self, Element, Kernel, LANES, Lanes};

/// A function of sixteen lanes. A type and not a closure, because closures are not compiled for the
/// instruction set of the function they stand in.
pub(super) trait Elementwise {
    fn of<L: Lanes>(l: L, x: L::F) -> L::F;
}

/// A function of two vectors of sixteen lanes.
trait Pairwise {
    fn of<L: Lanes>(l: L, a: L::F, b: L::F) -> L::F;
}

/// Up to sixteen elements from `at` on, `step` bytes apart; the other lanes are arbitrary.
///
/// # Safety
/// `count` elements of `T`, one to sixteen, lie there.
#[inline(always)]
pub(super) unsafe fn gather<T: Element, L: Lanes>(
    l: L,
    at: *const u8,
    step: isize,
    count: usize,
) -> L::F {
    // SAFETY: the caller's promise; loads take any alignment.
    unsafe {
        if count == LANES && step == size_of::<T>() as isize {
            return T::load(l, at.cast());
        }
        if step == 0 {
            return l.splat(at.cast::<T>().read_unaligned().to_f32());
        }
        let mut padded = [T::default(); LANES];
        for (k, lane) in padded.iter_mut().enumerate().take(count) {
            *lane = at.offset(k as isize * step).cast::<T>().read_unaligned();
        }
        T::load(l, padded.as_ptr())
    }
}

/// Writes up to sixteen elements without gaps.
///
/// # Safety
/// `count` elements of `T`, one to sixteen, may be written there.
#[inline(always)]
unsafe fn put<T: Element, L: Lanes>(l: L, x: L::F, to: *mut T, count: usize) {
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

/// `out = F(a)` along a row, an operand of `A` and an output of `O`.
///
/// # Safety
/// The row's addresses are those; the output has no gaps and is nobody else's, except that it may be
/// the operand's memory element by element.
#[inline(always)]
pub(super) unsafe fn each<A: Element, O: Element, F: Elementwise, L: Lanes>(l: L, row: &Row<2>) {
    let out = row.at[0].cast::<O>();
    let mut done = 0;
    if row.step[1] == size_of::<A>() as isize {
        let a = row.at[1].cast::<A>().cast_const();
        while done + LANES <= row.len {
            // SAFETY: elements `done..done + LANES` of the row (the caller's promise).
            unsafe { O::store(l, F::of(l, A::load(l, a.add(done))), out.add(done)) };
            done += LANES;
        }
    }
    while done < row.len {
        let count = (row.len - done).min(LANES);
        // SAFETY: elements `done..done + count` of the row (the caller's promise).
        unsafe {
            let at = row.at[1].offset(done as isize * row.step[1]);
            let x = gather::<A, L>(l, at, row.step[1], count);
            put(l, F::of(l, x), out.add(done), count);
        }
        done += LANES;
    }
}

/// `out = F(a, b)` along a row.
///
/// # Safety
/// As [`each`], with two operands.
#[inline(always)]
unsafe fn each_pair<T: Element, F: Pairwise, L: Lanes>(l: L, row: &Row<3>) {
    let size = size_of::<T>() as isize;
    // SAFETY: the caller's promise; elements of the row that the body has not done.
    unsafe {
        let done = match (row.step[1], row.step[2]) {
            (a, b) if a == size && b == size => body::<T, F, L, false, false>(l, row),
            (0, b) if b == size => body::<T, F, L, true, false>(l, row),
            (a, 0) if a == size => body::<T, F, L, false, true>(l, row),
            _ => 0,
        };
        for done in (done..row.len).step_by(LANES) {
            let count = (row.len - done).min(LANES);
            let a = row.at[1].offset(done as isize * row.step[1]);
            let b = row.at[2].offset(done as isize * row.step[2]);
            let a = gather::<T, L>(l, a, row.step[1], count);
            let b = gather::<T, L>(l, b, row.step[2], count);
            put(l, F::of(l, a, b), row.at[0].cast::<T>().add(done), count);
        }
    }
}

/// The whole vectors of a row whose operands have no gaps, or are one number; how many elements.
///
/// # Safety
/// As [`each_pair`]; the steps are as the parameters say.
#[inline(always)]
unsafe fn body<T: Element, F: Pairwise, L: Lanes, const ONE_A: bool, const ONE_B: bool>(
    l: L,
    row: &Row<3>,
) -> usize {
    let [out, a, b] = row.at.map(|at| at.cast::<T>());
    let whole = row.len / LANES * LANES;
    if whole == 0 {
        return 0;
    }
    // SAFETY: elements of the row (the caller's promise).
    unsafe {
        let one_a = if ONE_A {
            l.splat(a.read_unaligned().to_f32())
        } else {
            l.splat(0.0)
        };
        let one_b = if ONE_B {
            l.splat(b.read_unaligned().to_f32())
        } else {
            l.splat(0.0)
        };
        for done in (0..whole).step_by(LANES) {
            let x = if ONE_A {
                one_a
            } else {
                T::load(l, a.add(done))
            };
            let y = if ONE_B {
                one_b
            } else {
                T::load(l, b.add(done))
            };
            T::store(l, F::of(l, x, y), out.add(done));
        }
    }
    whole
}

macro_rules! functions {
    ($($name:ident: |$l:ident, $x:ident| $body:expr;)*) => {$(
        struct $name;
        impl Elementwise for $name {
            #[inline(always)]
            fn of<L: Lanes>($l: L, $x: L::F) -> L::F {
                $body
            }
        }
    )*};
}

functions! {
    Neg: |l, x| l.float(l.iadd(l.bits(x), l.isplat(0x8000_0000)));
    Abs: |l, x| l.float(l.and(l.bits(x), l.isplat(0x7fff_ffff)));
    Square: |l, x| l.mul(x, x);
    Sqrt: |l, x| by_lane(l, x, f32::sqrt);
    Rsqrt: |l, x| l.div(l.splat(1.0), by_lane(l, x, f32::sqrt));
    Exp: |l, x| math::exp(l, x);
    Log: |l, x| by_lane(l, x, f32::ln);
    Log1p: |l, x| by_lane(l, x, f32::ln_1p);
    Sin: |l, x| by_lane(l, x, f32::sin);
    Cos: |l, x| by_lane(l, x, f32::cos);
    Tanh: |l, x| tanh(l, x);
    Sigmoid: |l, x| math::sigmoid(l, x);
    Floor: |l, x| by_lane(l, x, f32::floor);
    Round: |l, x| by_lane(l, x, f32::round_ties_even);
}

macro_rules! pair_functions {
    ($($name:ident: |$l:ident, $a:ident, $b:ident| $body:expr;)*) => {$(
        struct $name;
        impl Pairwise for $name {
            #[inline(always)]
            fn of<L: Lanes>($l: L, $a: L::F, $b: L::F) -> L::F {
                $body
            }
        }
    )*};
}

pair_functions! {
    Add: |l, a, b| l.add(a, b);
    Subtract: |l, a, b| l.sub(a, b);
    Multiply: |l, a, b| l.mul(a, b);
    Divide: |l, a, b| l.div(a, b);
    // A NaN in `b` stays by itself.
    Maximum: |l, a, b| l.float(l.iselect_nan(a, l.bits(a), l.bits(l.max(a, b))));
    Minimum: |l, a, b| l.float(l.iselect_nan(a, l.bits(a), l.bits(l.min(a, b))));
    Power: |l, a, b| by_pair(l, a, b, f32::powf);
}

/// A row of a function of one operand.
pub struct Unary<T>(PhantomData<T>);
/// A row of a function of two operands.
pub struct Binary<T>(PhantomData<T>);

/// What to do with a row.
pub struct Task<Op, const N: usize> {
    /// The function.
    pub op: Op,
    /// The output, then the operands.
    pub row: Row<N>,
}

impl<T: Element> Kernel for Unary<T> {
    type Args<'a> = Task<UnaryOp, 2>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, task: &Task<UnaryOp, 2>, _: usize) {
        let row = &task.row;
        // SAFETY: whoever made the row gave an output and an operand of `T`.
        unsafe {
            match task.op {
                UnaryOp::Neg => each::<T, T, Neg, L>(l, row),
                UnaryOp::Abs => each::<T, T, Abs, L>(l, row),
                UnaryOp::Square => each::<T, T, Square, L>(l, row),
                UnaryOp::Sqrt => each::<T, T, Sqrt, L>(l, row),
                UnaryOp::Rsqrt => each::<T, T, Rsqrt, L>(l, row),
                UnaryOp::Exp => each::<T, T, Exp, L>(l, row),
                UnaryOp::Log => each::<T, T, Log, L>(l, row),
                UnaryOp::Log1p => each::<T, T, Log1p, L>(l, row),
                UnaryOp::Sin => each::<T, T, Sin, L>(l, row),
                UnaryOp::Cos => each::<T, T, Cos, L>(l, row),
                UnaryOp::Tanh => each::<T, T, Tanh, L>(l, row),
                UnaryOp::Sigmoid => each::<T, T, Sigmoid, L>(l, row),
                UnaryOp::Floor => each::<T, T, Floor, L>(l, row),
                UnaryOp::Round => each::<T, T, Round, L>(l, row),
                // Its result is a truth value: see the family.
                UnaryOp::Not => {}
            }
        }
    }
}

impl<T: Element> Kernel for Binary<T> {
    type Args<'a> = Task<BinaryOp, 3>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, task: &Task<BinaryOp, 3>, _: usize) {
        let row = &task.row;
        // SAFETY: whoever made the row gave an output and two operands of `T`.
        unsafe {
            match task.op {
                BinaryOp::Add => each_pair::<T, Add, L>(l, row),
                BinaryOp::Subtract => each_pair::<T, Subtract, L>(l, row),
                BinaryOp::Multiply => each_pair::<T, Multiply, L>(l, row),
                BinaryOp::Divide => each_pair::<T, Divide, L>(l, row),
                BinaryOp::Maximum => each_pair::<T, Maximum, L>(l, row),
                BinaryOp::Minimum => each_pair::<T, Minimum, L>(l, row),
                BinaryOp::Power => each_pair::<T, Power, L>(l, row),
                // Comparisons give truth values: see `compare`.
                _ => {}
            }
        }
    }
}
