//! Rotary position embedding from given angles.

use super::part_rows;
use crate::kernels::floats::Strided;
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Scratch, Shared};
use std::marker::PhantomData;

/// Which elements form a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `i` and `i + half`.
    Half,
    /// `2 i` and `2 i + 1`, called traditional in `mlx`.
    Interleaved,
}

/// A rotation of `[rows, heads, dim]`.
#[derive(Clone, Copy, Debug)]
pub struct Rope<'a> {
    /// Cosines `[rows, half]`.
    pub cos: &'a [f32],
    /// Sines `[rows, half]`.
    pub sin: &'a [f32],
    /// Pairs that turn.
    pub half: usize,
    /// Heads of a row.
    pub heads: usize,
    /// Elements of a head.
    pub dim: usize,
    /// Which elements form a pair.
    pub layout: Layout,
}

pub(super) struct Args<'a, T> {
    pub(super) x: Strided<'a, T>,
    pub(super) rope: &'a Rope<'a>,
    pub(super) rows: usize,
    pub(super) per_part: usize,
    pub(super) out: Shared<'a, T>,
}

pub(super) struct Turn<T>(PhantomData<T>);

impl<T: Element> Kernel for Turn<T> {
    type Args<'a> = Args<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &Args<'_, T>, part: usize) {
        let rope = args.rope;
        let (half, dim) = (rope.half, rope.dim);
        let mut scratch = Scratch::take(2 * half);
        let (first, second) = scratch.floats().split_at_mut(half);
        for row in part_rows(part, args.per_part, args.rows) {
            let cos = &rope.cos[row * half..][..half];
            let sin = &rope.sin[row * half..][..half];
            let x = args.x.row(row, rope.heads * dim);
            for head in 0..rope.heads {
                let x = &x[head * dim..][..dim];
                // SAFETY: rows of a part are its own.
                let out = unsafe { args.out.slice((row * rope.heads + head) * dim, dim) };
                let (low, high) = x.split_at(half);
                match rope.layout {
                    Layout::Half => {
                        let (out_low, out_high) = out.split_at_mut(half);
                        turn(
                            l,
                            low,
                            &high[..half],
                            cos,
                            sin,
                            out_low,
                            &mut out_high[..half],
                        );
                    }
                    Layout::Interleaved => {
                        for i in 0..half {
                            first[i] = x[2 * i].to_f32();
                            second[i] = x[2 * i + 1].to_f32();
                        }
                        turn_in_place(l, first, second, cos, sin);
                        for i in 0..half {
                            out[2 * i] = T::from_f32(first[i]);
                            out[2 * i + 1] = T::from_f32(second[i]);
                        }
                    }
                }
                out[2 * half..].copy_from_slice(&x[2 * half..]);
            }
        }
    }
}

#[inline(always)]
fn rotated<L: Lanes>(l: L, a: L::F, b: L::F, cos: L::F, sin: L::F) -> (L::F, L::F) {
    (
        l.sub(l.mul(a, cos), l.mul(b, sin)),
        l.add(l.mul(b, cos), l.mul(a, sin)),
    )
}

#[inline(always)]
fn turn<L: Lanes, T: Element>(
    l: L,
    a: &[T],
    b: &[T],
    cos: &[f32],
    sin: &[f32],
    out_a: &mut [T],
    out_b: &mut [T],
) {
    for at in (0..a.len()).step_by(LANES) {
        let (cos, sin) = (f32::read(l, cos, at), f32::read(l, sin, at));
        let (x, y) = rotated(l, T::read(l, a, at), T::read(l, b, at), cos, sin);
        T::write(l, x, out_a, at);
        T::write(l, y, out_b, at);
    }
}

#[inline(always)]
fn turn_in_place<L: Lanes>(l: L, a: &mut [f32], b: &mut [f32], cos: &[f32], sin: &[f32]) {
    for at in (0..a.len()).step_by(LANES) {
        let (cos, sin) = (f32::read(l, cos, at), f32::read(l, sin, at));
        let (x, y) = rotated(l, f32::read(l, a, at), f32::read(l, b, at), cos, sin);
        f32::write(l, x, a, at);
        f32::write(l, y, b, at);
    }
}
