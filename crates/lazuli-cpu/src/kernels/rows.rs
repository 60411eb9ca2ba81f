//! Kernels on rows: norms, rotary embedding, gates, softmax, routing.
//!
//! Everything is computed in `f32` and rounded once. A row is one thread's; reductions run in four
//! vectors that take turns and are folded by one tree, a function of the row's length only.

mod gate;
mod norm;
mod rope;
mod route;
mod softmax;
#[cfg(test)]
mod tests;

pub use norm::Norm;
pub use rope::{Layout, Rope};

use super::floats::Strided;
use super::math::{Element, Entry, Shared};
use crate::{Isa, Pool};

/// Rows of a part: enough for the work to outweigh the call.
const PART: usize = 4096;

/// The row kernels of one dispatch path and element type.
pub struct Rows<T: Element> {
    norm: Entry<norm::Rows<T>>,
    rope: Entry<rope::Turn<T>>,
    gate: Entry<gate::Gate<T>>,
    softmax: Entry<softmax::Softmax<T>>,
    top_k: Entry<route::TopK<T>>,
    combine: Entry<route::Combine<T>>,
}

/// Rows per part when a row has `width` elements.
fn rows_per_part(width: usize) -> usize {
    (PART / width.max(1)).max(1)
}

impl<T: Element> Rows<T> {
    /// The kernels for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> Rows<T> {
        Rows {
            norm: Entry::new(isa),
            rope: Entry::new(isa),
            gate: Entry::new(isa),
            softmax: Entry::new(isa),
            top_k: Entry::new(isa),
            combine: Entry::new(isa),
        }
    }

    /// Norms each row of `args.width` into `out` `[rows, width]`, rounded once.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say.
    pub fn norm(&self, pool: &Pool, args: Norm<'_, T>, out: &mut [T]) {
        let width = args.width;
        let rows = rows_of(out.len(), width);
        assert!(args.x.holds(rows, width) && args.gate.is_none_or(|z| z.holds(rows, width)));
        assert!(
            [args.weight, args.bias]
                .iter()
                .flatten()
                .all(|x| x.len() >= width)
        );
        let per_part = rows_per_part(width);
        let args = norm::Args {
            norm: args,
            rows,
            per_part,
            out: Shared::new(out),
        };
        self.norm.run(pool, &args, rows.div_ceil(per_part));
    }

    /// Rotates the first `2 * half` elements of each head by the row's angles, copies the rest.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say.
    pub fn rope(&self, pool: &Pool, x: Strided<'_, T>, rope: &Rope<'_>, out: &mut [T]) {
        let width = rope.heads * rope.dim;
        let rows = rows_of(out.len(), width);
        assert!(x.holds(rows, width) && 2 * rope.half <= rope.dim);
        assert!(rope.cos.len() >= rows * rope.half && rope.sin.len() >= rows * rope.half);
        let per_part = rows_per_part(width);
        let args = rope::Args {
            x,
            rope,
            rows,
            per_part,
            out: Shared::new(out),
        };
        self.rope.run(pool, &args, rows.div_ceil(per_part));
    }

    /// `silu(gate) * up` for each row of `width`, into `out` `[rows, width]`.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say.
    pub fn swiglu(
        &self,
        pool: &Pool,
        gate: Strided<'_, T>,
        up: Strided<'_, T>,
        width: usize,
        out: &mut [T],
    ) {
        let rows = rows_of(out.len(), width);
        assert!(gate.holds(rows, width) && up.holds(rows, width));
        let pieces = width.div_ceil(PART);
        let args = gate::Args {
            gate,
            up,
            width,
            rows,
            pieces,
            per_part: rows_per_part(width),
            out: Shared::new(out),
        };
        let parts = rows.div_ceil(args.per_part) * pieces;
        self.gate.run(pool, &args, parts);
    }

    /// `exp(x - max) / sum` over each row of `width`. A row of minus infinities gives NaN.
    ///
    /// # Panics
    /// When `x` is shorter than `out`.
    pub fn softmax(&self, pool: &Pool, x: Strided<'_, T>, width: usize, out: &mut [T]) {
        let rows = rows_of(out.len(), width);
        assert!(x.holds(rows, width));
        let per_part = rows_per_part(width);
        let args = softmax::Args {
            x,
            width,
            rows,
            per_part,
            out: Shared::new(out),
        };
        self.softmax.run(pool, &args, rows.div_ceil(per_part));
    }

    /// The `k` experts of highest softmax weight for each row of `experts` logits, highest first,
    /// the lower index first among equals and NaN last; `renormalise` makes the weights sum to 1.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say, or `k > experts`.
    #[allow(clippy::too_many_arguments)] // Inputs and outputs of the formula.
    pub fn top_k(
        &self,
        pool: &Pool,
        logits: Strided<'_, T>,
        experts: usize,
        k: usize,
        renormalise: bool,
        ids: &mut [u32],
        weights: &mut [f32],
    ) {
        let rows = rows_of(ids.len(), k);
        assert!(k <= experts && weights.len() >= rows * k && logits.holds(rows, experts));
        let per_part = rows_per_part(4 * experts);
        let args = route::TopKArgs {
            logits,
            experts,
            k,
            renormalise,
            rows,
            per_part,
            ids: Shared::new(ids),
            weights: Shared::new(weights),
        };
        self.top_k.run(pool, &args, rows.div_ceil(per_part));
    }

    /// `sum_i weights[i] * y[i]` over the `k` expert outputs of a row, in ascending order of
    /// expert, in `f32`; `y` is `[rows, k, width]`, `out` `[rows, width]`.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say, or `k` exceeds 256.
    #[allow(clippy::too_many_arguments)] // As above.
    pub fn combine(
        &self,
        pool: &Pool,
        y: &[T],
        weights: &[f32],
        ids: &[u32],
        k: usize,
        width: usize,
        out: &mut [T],
    ) {
        let rows = rows_of(out.len(), width);
        assert!(k <= route::MOST && y.len() >= rows * k * width);
        assert!(weights.len() >= rows * k && ids.len() >= rows * k);
        let per_part = rows_per_part(k * width);
        let args = route::CombineArgs {
            y,
            weights,
            ids,
            k,
            width,
            rows,
            per_part,
            out: Shared::new(out),
        };
        self.combine.run(pool, &args, rows.div_ceil(per_part));
    }
}

fn rows_of(elements: usize, width: usize) -> usize {
    assert!(
        elements.is_multiple_of(width.max(1)),
        "not whole rows of {width}"
    );
    elements / width.max(1)
}

/// The rows of a part.
#[inline(always)]
fn part_rows(part: usize, per_part: usize, rows: usize) -> std::ops::Range<usize> {
    part * per_part..((part + 1) * per_part).min(rows)
}
