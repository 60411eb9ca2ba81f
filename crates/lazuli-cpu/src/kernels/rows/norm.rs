//! Root-mean-square norm, with or without a gate.

use super::part_rows;
use crate::kernels::floats::Strided;
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Shared, silu};
use std::marker::PhantomData;

pub(super) struct Args<'a, T> {
    pub(super) x: Strided<'a, T>,
    pub(super) gate: Option<Strided<'a, T>>,
    pub(super) weight: Option<&'a [f32]>,
    pub(super) eps: f32,
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) per_part: usize,
    pub(super) out: Shared<'a, T>,
}

pub(super) struct Norm<T>(PhantomData<T>);

impl<T: Element> Kernel for Norm<T> {
    type Args<'a> = Args<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &Args<'_, T>, part: usize) {
        let width = args.width;
        for row in part_rows(part, args.per_part, args.rows) {
            let x = args.x.row(row, width);
            // SAFETY: rows of a part are its own.
            let out = unsafe { args.out.slice(row * width, width) };
            let mean = sum_of_squares(l, x) / width as f32;
            let factor = l.splat(1.0 / (mean + args.eps).sqrt());
            for at in (0..width).step_by(LANES) {
                let mut y = l.mul(T::read(l, x, at), factor);
                if let Some(weight) = args.weight {
                    y = l.mul(y, f32::read(l, weight, at));
                }
                if let Some(gate) = args.gate {
                    y = l.mul(y, silu(l, T::read(l, gate.row(row, width), at)));
                }
                T::write(l, y, out, at);
            }
        }
    }
}

#[inline(always)]
fn sum_of_squares<L: Lanes, T: Element>(l: L, x: &[T]) -> f32 {
    let mut acc = [l.splat(0.0); 4];
    for at in (0..x.len()).step_by(4 * LANES) {
        for (i, acc) in acc.iter_mut().enumerate() {
            // Past the end these are zeros.
            let v = T::read(l, x, at + i * LANES);
            *acc = l.fma(v, v, *acc);
        }
    }
    l.sum(l.add(l.add(acc[0], acc[1]), l.add(acc[2], acc[3])))
}
