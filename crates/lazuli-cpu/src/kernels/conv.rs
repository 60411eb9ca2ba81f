//! Depthwise causal convolution of ragged rows, with the last inputs of each slot as state.
//!
//! One part owns a range of channels for all rows: the state is read and written by one thread, and
//! no result depends on how many there are. A sequence that starts at position 0 starts from zeros,
//! whatever its slot held.

use super::math::{Element, Entry, Kernel, LANES, Lanes, Scratch, Shared, silu};
use super::seq::Seq;
use crate::{Isa, Pool};
use std::marker::PhantomData;

#[cfg(test)]
mod tests;

/// Channels of a part.
const CHANNELS: usize = 256;

/// What to convolve.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, T> {
    /// Inputs `[rows, channels]`.
    pub x: &'a [T],
    /// Taps `[channels, kernel]`, oldest first.
    pub weight: &'a [T],
    /// Bias `[channels]`.
    pub bias: Option<&'a [T]>,
    /// The rows; no two of the same slot.
    pub seqs: &'a [Seq],
    /// Channels.
    pub channels: usize,
    /// Taps, at least one.
    pub kernel: usize,
    /// Whether `silu` follows.
    pub silu: bool,
}

/// The convolution of one dispatch path and element type.
pub struct Conv<T: Element>(Entry<Channels<T>>);

impl<T: Element> Conv<T> {
    /// The kernel for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> Conv<T> {
        Conv(Entry::new(isa))
    }

    /// `y[t] = sum_j weight[j] * input[t - (kernel - 1) + j]`, summed in `f32`, oldest first, into `y`
    /// `[rows, channels]`; `state` `[slots, kernel - 1, channels]` (oldest first) moves on.
    ///
    /// # Panics
    /// When a slice is shorter than the shapes say.
    pub fn run(&self, pool: &Pool, call: &Call<'_, T>, state: &mut [T], y: &mut [T]) {
        let rows = Seq::rows(call.seqs);
        let width = call.channels;
        assert!(call.kernel > 0 && call.x.len() >= rows * width && y.len() >= rows * width);
        assert!(call.weight.len() >= width * call.kernel);
        assert!(call.bias.is_none_or(|bias| bias.len() >= width));
        let slots = call.seqs.iter().map(|seq| seq.slot as usize + 1).max();
        assert!(state.len() >= slots.unwrap_or(0) * (call.kernel - 1) * width);
        let job = Job {
            call,
            state: Shared::new(state),
            y: Shared::new(y),
        };
        self.0.run(pool, &job, width.div_ceil(CHANNELS));
    }
}

struct Job<'a, T> {
    call: &'a Call<'a, T>,
    state: Shared<'a, T>,
    y: Shared<'a, T>,
}

struct Channels<T>(PhantomData<T>);

impl<T: Element> Kernel for Channels<T> {
    type Args<'a> = Job<'a, T>;

    #[inline(always)]
    fn run<L: Lanes>(l: L, job: &Job<'_, T>, part: usize) {
        let call = job.call;
        let (width, taps) = (call.channels, call.kernel);
        let start = part * CHANNELS;
        let len = CHANNELS.min(width - start);
        let mut scratch = Scratch::take((taps + 1) * CHANNELS);
        let (weights, bias) = scratch.floats().split_at_mut(taps * CHANNELS);
        for (c, taps_of) in call.weight[start * taps..][..len * taps]
            .chunks(taps)
            .enumerate()
        {
            for (j, tap) in taps_of.iter().enumerate() {
                weights[j * CHANNELS + c] = tap.to_f32();
            }
        }
        for (c, to) in bias[..len].iter_mut().enumerate() {
            *to = call.bias.map_or(0.0, |bias| bias[start + c].to_f32());
        }
        let mut first_row = 0;
        for seq in call.seqs {
            // SAFETY: this part alone touches these channels of the state and of `y`.
            let state = |j: usize| unsafe {
                let row = seq.slot as usize * (taps - 1) + j;
                job.state.slice(row * width + start, len)
            };
            if seq.first == 0 {
                for j in 0..taps - 1 {
                    state(j).fill(T::default());
                }
            }
            let rows = seq.len as usize;
            let x = |row: usize| &call.x[(first_row + row) * width + start..][..len];
            for row in 0..rows {
                // SAFETY: as above.
                let y = unsafe { job.y.slice((first_row + row) * width + start, len) };
                for at in (0..len).step_by(LANES) {
                    let mut sum = f32::read(l, bias, at);
                    for j in 0..taps {
                        let from: &[T] = if row + j < taps - 1 {
                            state(row + j)
                        } else {
                            x(row + j - (taps - 1))
                        };
                        let tap = f32::read(l, weights, j * CHANNELS + at);
                        sum = l.fma(T::read(l, from, at), tap, sum);
                    }
                    T::write(l, if call.silu { silu(l, sum) } else { sum }, y, at);
                }
            }
            for j in 0..taps - 1 {
                // Ascending, so that a row is read before it is overwritten.
                if rows > 0 && j + rows < taps - 1 {
                    let from: &[T] = state(j + rows);
                    state(j).copy_from_slice(from);
                } else if rows > 0 {
                    state(j).copy_from_slice(x(j + rows - (taps - 1)));
                }
            }
            first_row += rows;
        }
    }
}
