//! Splits of a row, merged in ascending order, and the row written out.
//!
//! A unit that runs all splits of a row merges as it goes; units that share a row leave partials that
//! are merged afterwards. Both call [`Total::add`], so the bits are the same.

use super::unit::{Job, Out};
use crate::kernels::math::{Element, Kernel, LANES, Lanes, Scratch, exp};
use half::bf16;

/// Words of a partial: values, then maximum and sum, padded to whole vectors.
pub(super) fn partial_words(value_dim: usize) -> usize {
    value_dim.next_multiple_of(32) + LANES
}

/// The merged splits of one lane.
pub(super) struct Total<'s> {
    pub(super) m: &'s mut f32,
    pub(super) l: &'s mut f32,
    pub(super) o: &'s mut [f32],
}

impl Total<'_> {
    /// Adds a split. One in which nothing was seen changes nothing.
    #[inline(always)]
    pub(super) fn add<L: Lanes>(&mut self, l: L, m: f32, sum: f32, o: &[f32]) {
        if sum == 0.0 {
            return;
        }
        if *self.m == f32::NEG_INFINITY && *self.l == 0.0 {
            // What the rest gives for factors of 0 and 1, without exponentials that underflow.
            (*self.m, *self.l) = (m, sum);
            for at in (0..self.o.len()).step_by(LANES) {
                let new = l.add(f32::read(l, o, at), l.splat(0.0));
                f32::write(l, new, self.o, at);
            }
            return;
        }
        let new = if *self.m > m { *self.m } else { m };
        let old_factor = first(l, exp(l, l.splat(*self.m - new)));
        let factor = first(l, exp(l, l.splat(m - new)));
        *self.l = *self.l * old_factor + sum * factor;
        *self.m = new;
        let (old_factor, factor) = (l.splat(old_factor), l.splat(factor));
        for at in (0..self.o.len()).step_by(LANES) {
            let old = l.mul(f32::read(l, self.o, at), old_factor);
            let new = l.fma(f32::read(l, o, at), factor, old);
            f32::write(l, new, self.o, at);
        }
    }

    /// Adds the sink, divides, and writes the row of `lane` (row times heads plus head).
    #[inline(always)]
    pub(super) fn finish<L: Lanes, const PAIRS: bool>(&mut self, l: L, job: &Job<'_>, lane: usize) {
        let mut factor = 1.0;
        if let Some(sinks) = job.call.sinks {
            let sink = sinks[lane % job.call.heads];
            let new = if *self.m > sink { *self.m } else { sink };
            factor = first(l, exp(l, l.splat(*self.m - new)));
            *self.l = *self.l * factor + first(l, exp(l, l.splat(sink - new)));
        }
        let sum = l.splat(if *self.l == 0.0 { 1.0 } else { *self.l });
        let factor = l.splat(factor);
        let width = job.call.value_dim;
        // SAFETY: one lane is finished by one part only.
        unsafe {
            match job.out {
                Out::F32(out) => self.write(l, factor, sum, out.slice(lane * width, width)),
                Out::F16(out) => self.write(l, factor, sum, out.slice(lane * width, width)),
                Out::Bf16(out) => {
                    let out = out.slice(lane * width, width);
                    if PAIRS {
                        self.write_pairs(l, factor, sum, out);
                    } else {
                        self.write(l, factor, sum, out);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn write<L: Lanes, T: Element>(&self, l: L, factor: L::F, sum: L::F, out: &mut [T]) {
        for at in (0..out.len()).step_by(LANES) {
            let x = l.mul(f32::read(l, self.o, at), factor);
            T::write(l, l.div(x, sum), out, at);
        }
    }

    /// As `write`, from dims in the order of the value panel: evens of 32, then odds.
    #[inline(always)]
    fn write_pairs<L: Lanes>(&self, l: L, factor: L::F, sum: L::F, out: &mut [bf16]) {
        for at in (0..out.len()).step_by(2 * LANES) {
            let even = l.div(l.mul(f32::read(l, self.o, at), factor), sum);
            let odd = l.div(l.mul(f32::read(l, self.o, at + LANES), factor), sum);
            let mut block = [bf16::ZERO; 2 * LANES];
            // SAFETY: `block` is 64 bytes.
            unsafe { l.istore(l.pack_bf16(even, odd), block.as_mut_ptr().cast()) };
            for (to, &x) in out[at..].iter_mut().zip(&block) {
                *to = x;
            }
        }
    }
}

#[inline(always)]
fn first<L: Lanes>(l: L, x: L::F) -> f32 {
    let mut out = [0.0; LANES];
    // SAFETY: `out` is one vector.
    unsafe { l.store(x, out.as_mut_ptr()) };
    out[0]
}

/// Merges the partials of one lane (row and query head) per part.
pub(super) struct Merge<const PAIRS: bool>;

impl<const PAIRS: bool> Kernel for Merge<PAIRS> {
    type Args<'a> = Job<'a>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, job: &Job<'_>, lane: usize) {
        let Some(splits) = job.splits_of(lane / job.call.heads) else {
            return;
        };
        let dims = job.call.value_dim.next_multiple_of(32);
        let mut scratch = Scratch::take(dims);
        let o = scratch.floats();
        o.fill(0.0);
        let (mut m, mut sum) = (f32::NEG_INFINITY, 0.0);
        let mut total = Total {
            m: &mut m,
            l: &mut sum,
            o,
        };
        for split in 0..splits {
            // SAFETY: partials are only read now, and those of a lane by one part.
            let partial = unsafe { job.partial(lane, split) };
            let (o, ml) = partial.split_at(dims);
            total.add(l, ml[0], ml[1], o);
        }
        total.finish::<L, PAIRS>(l, job, lane);
    }
}
