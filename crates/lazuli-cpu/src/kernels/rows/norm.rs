//! Root-mean-square norm, with or without a gate, and layer norm.

use super::part_rows;
use crate::kernels::floats::Strided;
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Shared, silu};
use std::marker::PhantomData;

/// `x / sqrt(mean(x²) + eps) * weight + bias`, times `silu(gate)`, for rows of `width`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a, T> {
    /// The rows.
    pub x: Strided<'a, T>,
    /// Gates each element.
    pub gate: Option<Strided<'a, T>>,
    /// Whether each row's mean is taken off first.
    pub centre: bool,
    /// Multiplies; ones if none.
    pub weight: Option<&'a [f32]>,
    /// Added; zeros if none.
    pub bias: Option<&'a [f32]>,
    /// Added to the mean of squares.
    pub eps: f32,
    /// Length of a row.
    pub width: usize,
}

pub(super) struct Args<'a, T> {
    pub(super) norm: Norm<'a, T>,
    pub(super) rows: usize,
    pub(super) per_part: usize,
    pub(super) out: Shared<'a, T>,
}

pub(super) struct Rows<T>(PhantomData<T>);

impl<T: Element> Kernel for Rows<T> {
    type Args<'a> = Args<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &Args<'_, T>, part: usize) {
        let norm = &args.norm;
        let width = norm.width;
        for row in part_rows(part, args.per_part, args.rows) {
            let x = norm.x.row(row, width);
            // SAFETY: rows of a part are its own.
            let out = unsafe { args.out.slice(row * width, width) };
            let middle = if norm.centre {
                sum(l, x) / width as f32
            } else {
                0.0
            };
            let mean = sum_of_squares(l, x, middle) / width as f32;
            let (middle, factor) = (l.splat(middle), l.splat(1.0 / (mean + norm.eps).sqrt()));
            for at in (0..width).step_by(LANES) {
                let mut y = T::read(l, x, at);
                if norm.centre {
                    y = l.sub(y, middle);
                }
                y = l.mul(y, factor);
                if let Some(weight) = norm.weight {
                    y = l.mul(y, f32::read(l, weight, at));
                }
                if let Some(bias) = norm.bias {
                    y = l.add(y, f32::read(l, bias, at));
                }
                if let Some(gate) = norm.gate {
                    y = l.mul(y, silu(l, T::read(l, gate.row(row, width), at)));
                }
                T::write(l, y, out, at);
            }
        }
    }
}

#[inline(always)]
fn sum<L: Lanes, T: Element>(l: L, x: &[T]) -> f32 {
    let mut acc = [l.splat(0.0); 4];
    for at in (0..x.len()).step_by(4 * LANES) {
        for (i, acc) in acc.iter_mut().enumerate() {
            // Past the end these are zeros.
            *acc = l.add(*acc, T::read(l, x, at + i * LANES));
        }
    }
    l.sum(l.add(l.add(acc[0], acc[1]), l.add(acc[2], acc[3])))
}

/// The sum of the squared distances from `middle`.
#[inline(always)]
fn sum_of_squares<L: Lanes, T: Element>(l: L, x: &[T], middle: f32) -> f32 {
    let (mut acc, middle) = ([l.splat(0.0); 4], l.splat(middle));
    let whole = x.len() / LANES * LANES;
    for at in (0..whole).step_by(4 * LANES) {
        for (i, acc) in acc.iter_mut().enumerate() {
            let at = at + i * LANES;
            if at < whole {
                let v = l.sub(T::read(l, x, at), middle);
                *acc = l.fma(v, v, *acc);
            }
        }
    }
    if whole < x.len() {
        let present = l.mask(((1u32 << (x.len() - whole)) - 1) as u16);
        let v = l.select(present, l.sub(T::read(l, x, whole), middle), l.splat(0.0));
        let acc = &mut acc[whole / LANES % 4];
        *acc = l.fma(v, v, *acc);
    }
    l.sum(l.add(l.add(acc[0], acc[1]), l.add(acc[2], acc[3])))
}
