//! Softmax over the last axis.

use super::part_rows;
use crate::kernels::floats::Strided;
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Shared, exp};
use std::marker::PhantomData;

pub(super) struct Args<'a, T> {
    pub(super) x: Strided<'a, T>,
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) per_part: usize,
    pub(super) out: Shared<'a, T>,
}

pub(super) struct Softmax<T>(PhantomData<T>);

impl<T: Element> Kernel for Softmax<T> {
    type Args<'a> = Args<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &Args<'_, T>, part: usize) {
        for row in part_rows(part, args.per_part, args.rows) {
            let x = args.x.row(row, args.width);
            // SAFETY: rows of a part are its own.
            let out = unsafe { args.out.slice(row * args.width, args.width) };
            softmax(l, x, out);
        }
    }
}

/// `softmax(x)` into `out`. Exponentials are computed twice, which keeps `out` the only memory.
#[inline(always)]
pub(super) fn softmax<L: Lanes, T: Element, U: Element>(l: L, x: &[T], out: &mut [U]) {
    let mut highest = l.splat(f32::NEG_INFINITY);
    for at in (0..x.len()).step_by(LANES) {
        highest = l.max(highest, read(l, x, at));
    }
    let highest = l.splat(l.maximum(highest));
    let mut sum = l.splat(0.0);
    for at in (0..x.len()).step_by(LANES) {
        sum = l.add(sum, exp(l, l.sub(read(l, x, at), highest)));
    }
    let sum = l.splat(l.sum(sum));
    for at in (0..x.len()).step_by(LANES) {
        let e = exp(l, l.sub(read(l, x, at), highest));
        U::write(l, l.div(e, sum), out, at);
    }
}

/// As [`Element::read`], minus infinity beyond the end.
#[inline(always)]
fn read<L: Lanes, T: Element>(l: L, x: &[T], at: usize) -> L::F {
    let present = (x.len() - at).min(LANES);
    let mask = l.mask(((1u32 << present) - 1) as u16);
    l.select(mask, T::read(l, x, at), l.splat(f32::NEG_INFINITY))
}
