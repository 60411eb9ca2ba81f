//! Routing of rows to experts, and the sum of what the experts return.
//!
//! Experts are summed in ascending order of their number, whatever the order of the weights: then a
//! row's sum does not depend on how near two weights are to each other.

use super::part_rows;
use super::softmax::softmax;
use crate::kernels::floats::Strided;
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Scratch, Shared};
use std::marker::PhantomData;

/// Experts of a row, at most.
pub(super) const MOST: usize = 256;

pub(super) struct TopKArgs<'a, T> {
    pub(super) logits: Strided<'a, T>,
    pub(super) experts: usize,
    pub(super) k: usize,
    pub(super) renormalise: bool,
    pub(super) rows: usize,
    pub(super) per_part: usize,
    pub(super) ids: Shared<'a, u32>,
    pub(super) weights: Shared<'a, f32>,
}

pub(super) struct TopK<T>(PhantomData<T>);

impl<T: Element> Kernel for TopK<T> {
    type Args<'a> = TopKArgs<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &TopKArgs<'_, T>, part: usize) {
        let mut scratch = Scratch::take(args.experts);
        let p = scratch.floats();
        for row in part_rows(part, args.per_part, args.rows) {
            softmax(l, args.logits.row(row, args.experts), p);
            // SAFETY: rows of a part are its own.
            let (ids, weights) = unsafe {
                (
                    args.ids.slice(row * args.k, args.k),
                    args.weights.slice(row * args.k, args.k),
                )
            };
            let mut sum = 0.0;
            for (id, weight) in ids.iter_mut().zip(weights.iter_mut()) {
                let best = best(p);
                *id = best as u32;
                *weight = p[best];
                sum += p[best];
                p[best] = TAKEN;
            }
            if args.renormalise {
                for weight in weights.iter_mut() {
                    *weight /= sum;
                }
            }
        }
    }
}

/// Below every weight.
const TAKEN: f32 = -1.0;

/// The index of the highest weight that is not taken; of the first NaN when there is nothing else.
#[inline(always)]
fn best(p: &[f32]) -> usize {
    let (mut best, mut highest) = (usize::MAX, TAKEN);
    for (i, &weight) in p.iter().enumerate() {
        if weight > highest {
            (best, highest) = (i, weight);
        }
    }
    if best == usize::MAX {
        best = p.iter().position(|weight| weight.is_nan()).unwrap_or(0);
    }
    best
}

pub(super) struct CombineArgs<'a, T> {
    pub(super) y: &'a [T],
    pub(super) weights: &'a [f32],
    pub(super) ids: &'a [u32],
    pub(super) k: usize,
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) per_part: usize,
    pub(super) out: Shared<'a, T>,
}

pub(super) struct Combine<T>(PhantomData<T>);

impl<T: Element> Kernel for Combine<T> {
    type Args<'a> = CombineArgs<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &CombineArgs<'_, T>, part: usize) {
        let (k, width) = (args.k, args.width);
        for row in part_rows(part, args.per_part, args.rows) {
            let ids = &args.ids[row * k..][..k];
            let weights = &args.weights[row * k..][..k];
            let mut order = [0usize; MOST];
            for i in 0..k {
                let mut at = i;
                while at > 0 && ids[order[at - 1]] > ids[i] {
                    order[at] = order[at - 1];
                    at -= 1;
                }
                order[at] = i;
            }
            // SAFETY: rows of a part are its own.
            let out = unsafe { args.out.slice(row * width, width) };
            for at in (0..width).step_by(LANES) {
                let mut sum = l.splat(0.0);
                for &i in &order[..k] {
                    let y = &args.y[(row * k + i) * width..][..width];
                    sum = l.fma(T::read(l, y, at), l.splat(weights[i]), sum);
                }
                T::write(l, sum, out, at);
            }
        }
    }
}
