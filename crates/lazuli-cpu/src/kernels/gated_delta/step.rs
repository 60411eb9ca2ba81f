//! One step per row: the form for generated and verified tokens.
//!
//! The state streams through once per row: each of its rows is decayed, read against the key,
//! corrected, and read against the query while it is in cache.

use super::{Job, carve};
use crate::kernels::math::{Element, LANES, Lanes, Scratch, exp1};
use crate::kernels::seq::Seq;

#[inline(always)]
pub(super) fn run<L: Lanes, T: Element>(
    l: L,
    job: &Job<'_, T>,
    seq: &Seq,
    first_row: usize,
    head: usize,
    state: &mut [f32],
) {
    let keys = job.call.key_dim.next_multiple_of(LANES);
    let values = job.call.value_dim.next_multiple_of(LANES);
    let mut scratch = Scratch::take(2 * keys + 2 * values);
    let [key, query, value, y] = carve(&mut scratch, [keys, keys, values, values]);
    key.fill(0.0);
    query.fill(0.0);
    for row in first_row..first_row + seq.len as usize {
        job.key_and_query(l, row, head, key, query);
        job.value(l, row, head, value);
        let gates = job.gates(l, row, head);
        let step = Step {
            key,
            query,
            decay: exp1(l, gates.log_decay),
            beta: gates.beta,
            width: job.call.key_dim,
        };
        let mut i = 0;
        while i + 4 <= job.call.value_dim {
            step.rows::<L, 4>(l, i, state, value, y);
            i += 4;
        }
        while i < job.call.value_dim {
            step.rows::<L, 1>(l, i, state, value, y);
            i += 1;
        }
        job.write(l, row, head, y);
    }
}

struct Step<'a> {
    key: &'a [f32],
    query: &'a [f32],
    decay: f32,
    beta: f32,
    width: usize,
}

impl Step<'_> {
    /// Rows `i..i + N` of the state, which do not depend on each other.
    #[inline(always)]
    fn rows<L: Lanes, const N: usize>(
        &self,
        l: L,
        i: usize,
        state: &mut [f32],
        value: &[f32],
        y: &mut [f32],
    ) {
        let width = self.width;
        let state = &mut state[i * width..][..N * width];
        let decay = l.splat(self.decay);
        let mut read = [l.splat(0.0); N];
        for at in (0..width).step_by(LANES) {
            let key = f32::read(l, self.key, at);
            for (n, read) in read.iter_mut().enumerate() {
                let s = f32::read(l, &state[n * width..][..width], at);
                *read = l.fma(l.mul(s, decay), key, *read);
            }
        }
        let mut delta = [l.splat(0.0); N];
        for n in 0..N {
            delta[n] = l.splat((value[i + n] - l.sum(read[n])) * self.beta);
        }
        let mut out = [l.splat(0.0); N];
        for at in (0..width).step_by(LANES) {
            let key = f32::read(l, self.key, at);
            let query = f32::read(l, self.query, at);
            for n in 0..N {
                let row = &mut state[n * width..][..width];
                let s = l.fma(delta[n], key, l.mul(f32::read(l, row, at), decay));
                f32::write(l, s, row, at);
                out[n] = l.fma(s, query, out[n]);
            }
        }
        for n in 0..N {
            y[i + n] = l.sum(out[n]);
        }
    }
}
