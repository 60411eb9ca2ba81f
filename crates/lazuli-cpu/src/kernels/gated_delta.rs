//! The gated delta rule: `S = g S + beta (v - g S k) k^T`, `y = S q`, in `f32`.
//!
//! Generated rows take one step each, so that verifying several tokens has the bits of generating
//! them. Prompt rows go through blocks that end at multiples of 64, at role changes and at the end of
//! the call's rows of the sequence: inside, row `t` is computed from the state before the block and
//! from rows up to `t` only, in an order that does not depend on how many rows follow, so a truncated
//! block gives the same rows. One part owns a value head of a sequence.
//!
//! Yang et al., 2024 (arXiv 2412.06464), section 3.3, without the matrix inverse: the triangular
//! system is solved row by row, which costs the same here and is exact about what depends on what.

mod block;
mod step;
#[cfg(test)]
mod tests;

use super::floats::Strided;
use super::math::{
    Element, Entry, Kernel, LANES, Lanes, Scratch, Shared, exp1, sigmoid1, softplus1,
};
use super::seq::Seq;
use crate::{Isa, Pool};
use std::marker::PhantomData;

/// Blocks of prompt rows end at multiples of this position.
pub const BLOCK: usize = 64;

/// What to run through the recurrence.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, T> {
    /// Queries, `[rows, key_heads, key_dim]`; normalised here, as are the keys.
    pub q: Strided<'a, T>,
    /// Keys, like the queries.
    pub k: Strided<'a, T>,
    /// Values, `[rows, value_heads, value_dim]`.
    pub v: Strided<'a, T>,
    /// Decay inputs `[rows, value_heads]`: `g = exp(-exp(a_log) softplus(a + dt_bias))`.
    pub a: Strided<'a, T>,
    /// `beta = sigmoid(b)`, `[rows, value_heads]`.
    pub b: Strided<'a, T>,
    /// `[value_heads]`.
    pub a_log: &'a [f32],
    /// `[value_heads]`.
    pub dt_bias: &'a [f32],
    /// The rows; no two of the same slot.
    pub seqs: &'a [Seq],
    /// Heads of queries and keys.
    pub key_heads: usize,
    /// Heads of values and of the state, a multiple of `key_heads`.
    pub value_heads: usize,
    /// Length of a query and of a key.
    pub key_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
}

/// The recurrence of one dispatch path and element type.
pub struct GatedDelta<T: Element>(Entry<Head<T>>);

impl<T: Element> GatedDelta<T> {
    /// The kernel for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> GatedDelta<T> {
        GatedDelta(Entry::new(isa))
    }

    /// Moves `state` `[slots, value_heads, value_dim, key_dim]` on and writes `out`
    /// `[rows, value_heads, value_dim]`. A sequence at position 0 starts from zeros.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say.
    pub fn run(&self, pool: &Pool, call: &Call<'_, T>, state: &mut [f32], out: &mut [T]) {
        let rows = Seq::rows(call.seqs);
        let (keys, values) = (
            call.key_heads * call.key_dim,
            call.value_heads * call.value_dim,
        );
        assert!(call.key_heads > 0 && call.value_heads.is_multiple_of(call.key_heads));
        assert!(call.q.holds(rows, keys) && call.k.holds(rows, keys) && call.v.holds(rows, values));
        assert!(call.a.holds(rows, call.value_heads) && call.b.holds(rows, call.value_heads));
        assert!(call.a_log.len() >= call.value_heads && call.dt_bias.len() >= call.value_heads);
        assert!(out.len() >= rows * values);
        let slots = call.seqs.iter().map(|seq| seq.slot as usize + 1).max();
        assert!(state.len() >= slots.unwrap_or(0) * values * call.key_dim);
        let job = Job {
            call,
            state: Shared::new(state),
            out: Shared::new(out),
        };
        self.0.run(pool, &job, call.seqs.len() * call.value_heads);
    }
}

struct Job<'a, T> {
    call: &'a Call<'a, T>,
    state: Shared<'a, f32>,
    out: Shared<'a, T>,
}

/// What a row brings to a head.
struct Gates {
    /// Logarithm of the decay.
    log_decay: f32,
    beta: f32,
}

impl<T: Element> Job<'_, T> {
    #[inline(always)]
    fn gates<L: Lanes>(&self, l: L, row: usize, head: usize) -> Gates {
        let call = self.call;
        let a = call.a.row(row, call.value_heads)[head].to_f32() + call.dt_bias[head];
        let b = call.b.row(row, call.value_heads)[head].to_f32();
        Gates {
            log_decay: -exp1(l, call.a_log[head]) * softplus1(l, a),
            beta: sigmoid1(l, b),
        }
    }

    /// The normalised key and query of a row for a value head, zero beyond `key_dim`.
    #[inline(always)]
    fn key_and_query<L: Lanes>(
        &self,
        l: L,
        row: usize,
        head: usize,
        key: &mut [f32],
        query: &mut [f32],
    ) {
        let call = self.call;
        let key_head = head / (call.value_heads / call.key_heads);
        let width = call.key_heads * call.key_dim;
        let at = key_head * call.key_dim;
        normalise(l, &call.k.row(row, width)[at..][..call.key_dim], 1.0, key);
        let scale = 1.0 / (call.key_dim as f32).sqrt();
        normalise(
            l,
            &call.q.row(row, width)[at..][..call.key_dim],
            scale,
            query,
        );
    }

    #[inline(always)]
    fn value<L: Lanes>(&self, l: L, row: usize, head: usize, to: &mut [f32]) {
        let call = self.call;
        let v = call.v.row(row, call.value_heads * call.value_dim);
        let v = &v[head * call.value_dim..][..call.value_dim];
        for at in (0..v.len()).step_by(LANES) {
            f32::write(l, T::read(l, v, at), to, at);
        }
    }

    #[inline(always)]
    fn write<L: Lanes>(&self, l: L, row: usize, head: usize, y: &[f32]) {
        let width = self.call.value_dim;
        // SAFETY: one part writes the rows of a sequence's head.
        let out = unsafe {
            let at = (row * self.call.value_heads + head) * width;
            self.out.slice(at, width)
        };
        for at in (0..width).step_by(LANES) {
            T::write(l, f32::read(l, y, at), out, at);
        }
    }
}

/// `x / sqrt(sum x^2 + 1e-6) * scale`; the sum runs in vectors from the front.
#[inline(always)]
fn normalise<L: Lanes, T: Element>(l: L, x: &[T], scale: f32, to: &mut [f32]) {
    let mut sum = l.splat(0.0);
    for at in (0..x.len()).step_by(LANES) {
        let v = T::read(l, x, at);
        sum = l.fma(v, v, sum);
    }
    let factor = l.splat(scale / (l.sum(sum) + 1e-6).sqrt());
    for at in (0..x.len()).step_by(LANES) {
        f32::write(l, l.mul(T::read(l, x, at), factor), to, at);
    }
}

/// All rows of one sequence for one value head per part.
struct Head<T>(PhantomData<T>);

impl<T: Element> Kernel for Head<T> {
    type Args<'a> = Job<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, job: &Job<'_, T>, part: usize) {
        let call = job.call;
        let (place, head) = (part / call.value_heads, part % call.value_heads);
        let seq = &call.seqs[place];
        let row = Seq::rows(&call.seqs[..place]);
        let size = call.value_dim * call.key_dim;
        // SAFETY: one part per slot and head.
        let state = unsafe {
            let at = (seq.slot as usize * call.value_heads + head) * size;
            job.state.slice(at, size)
        };
        if seq.len == 0 {
            return;
        }
        if seq.first == 0 {
            state.fill(0.0);
        }
        if seq.generated {
            step::run(l, job, seq, row, head, state);
        } else {
            block::run(l, job, seq, row, head, state);
        }
    }
}

/// Scratch of `sizes`, each part on a cache line.
#[inline(always)]
fn carve<const N: usize>(scratch: &mut Scratch, sizes: [usize; N]) -> [&mut [f32]; N] {
    let mut rest = scratch.floats();
    sizes.map(|size| {
        let (first, more) = std::mem::take(&mut rest).split_at_mut(size);
        rest = more;
        first
    })
}
