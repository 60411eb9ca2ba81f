//! The gate of a feed-forward layer: `silu(gate) * up`.

use super::{PART, part_rows};
use crate::kernels::floats::Strided;
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Shared, silu};
use std::marker::PhantomData;

pub(super) struct Args<'a, T> {
    pub(super) gate: Strided<'a, T>,
    pub(super) up: Strided<'a, T>,
    pub(super) width: usize,
    pub(super) rows: usize,
    /// Parts that share a row.
    pub(super) pieces: usize,
    pub(super) per_part: usize,
    pub(super) out: Shared<'a, T>,
}

pub(super) struct Gate<T>(PhantomData<T>);

impl<T: Element> Kernel for Gate<T> {
    type Args<'a> = Args<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &Args<'_, T>, part: usize) {
        let width = args.width;
        let start = part % args.pieces * PART;
        let end = (start + PART).min(width);
        for row in part_rows(part / args.pieces, args.per_part, args.rows) {
            let gate = &args.gate.row(row, width)[start..end];
            let up = &args.up.row(row, width)[start..end];
            // SAFETY: parts have different rows or different columns.
            let out = unsafe { args.out.slice(row * width + start, end - start) };
            for at in (0..out.len()).step_by(LANES) {
                let y = l.mul(silu(l, T::read(l, gate, at)), T::read(l, up, at));
                T::write(l, y, out, at);
            }
        }
    }
}
