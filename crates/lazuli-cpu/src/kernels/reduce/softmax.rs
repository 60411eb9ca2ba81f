//! Softmax of rows and the logarithm of its denominator, in `f32`, rounded once.

use std::marker::PhantomData;

use crate::kernels::math::{self, Element, Kernel, LANES, Lanes, Scratch, Shared};

/// Rows of `d` elements.
pub struct Rows<'a, T> {
    /// The operand.
    pub x: &'a [T],
    /// The result.
    pub out: Shared<'a, T>,
    /// Length of a row, not zero.
    pub d: usize,
    /// Parts that share the rows.
    pub parts: usize,
}

/// Softmax of rows of `T`.
pub struct Softmax<T>(PhantomData<T>);

impl<T: Element> Kernel for Softmax<T> {
    type Args<'a> = Rows<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, rows: &Rows<'_, T>, part: usize) {
        let (d, count) = (rows.d, rows.x.len() / rows.d);
        let mut scratch = Scratch::take(d);
        let e = scratch.floats();
        for row in part * count / rows.parts..(part + 1) * count / rows.parts {
            let x = &rows.x[row * d..][..d];
            // SAFETY: each row is written by the one part that has it.
            let out = unsafe { rows.out.slice(row * d, d) };
            softmax(l, x, e, out);
        }
    }
}

#[inline(always)]
fn softmax<L: Lanes, T: Element>(l: L, x: &[T], e: &mut [f32], out: &mut [T]) {
    let d = x.len();
    let mut largest = l.splat(f32::NEG_INFINITY);
    for at in (0..d).step_by(LANES) {
        let v = known(l, T::read(l, x, at), d - at, f32::NEG_INFINITY);
        largest = l.max(v, largest);
    }
    let largest = l.splat(l.maximum(largest));
    // Two sums take turns: the tree is a function of the length.
    let mut sums = [l.splat(0.0); 2];
    for (turn, at) in (0..d).step_by(LANES).enumerate() {
        let v = math::exp(l, l.sub(T::read(l, x, at), largest));
        f32::write(l, v, e, at);
        let v = known(l, v, d - at, 0.0);
        sums[turn % 2] = l.add(sums[turn % 2], v);
    }
    let sum = l.splat(l.sum(l.add(sums[0], sums[1])));
    for at in (0..d).step_by(LANES) {
        T::write(l, l.div(f32::read(l, e, at), sum), out, at);
    }
}

/// Logarithm of the sum of exponentials of rows of `T`: one result for each row.
pub struct LogSum<T>(PhantomData<T>);

impl<T: Element> Kernel for LogSum<T> {
    type Args<'a> = Rows<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, rows: &Rows<'_, T>, part: usize) {
        let (d, count) = (rows.d, rows.x.len() / rows.d);
        for row in part * count / rows.parts..(part + 1) * count / rows.parts {
            let log = log_sum(l, &rows.x[row * d..][..d]);
            // SAFETY: each row has one result and one part.
            let out = unsafe { rows.out.slice(row, 1) };
            out[0] = T::from_f32(log);
        }
    }
}

#[inline(always)]
fn log_sum<L: Lanes, T: Element>(l: L, x: &[T]) -> f32 {
    let d = x.len();
    let mut largest = l.splat(f32::NEG_INFINITY);
    for at in (0..d).step_by(LANES) {
        let v = known(l, T::read(l, x, at), d - at, f32::NEG_INFINITY);
        largest = l.max(v, largest);
    }
    let largest = l.maximum(largest);
    // An infinity is not subtracted: it is the result by itself.
    let shift = if largest.is_finite() { largest } else { 0.0 };
    let mut sums = [l.splat(0.0); 2];
    for (turn, at) in (0..d).step_by(LANES).enumerate() {
        let v = math::exp(l, l.sub(T::read(l, x, at), l.splat(shift)));
        sums[turn % 2] = l.add(sums[turn % 2], known(l, v, d - at, 0.0));
    }
    l.sum(l.add(sums[0], sums[1])).ln() + shift
}

/// `x` with `other` in the lanes from `count` on.
#[inline(always)]
fn known<L: Lanes>(l: L, x: L::F, count: usize, other: f32) -> L::F {
    if count >= LANES {
        return x;
    }
    l.select(l.mask(((1u32 << count) - 1) as u16), x, l.splat(other))
}
