//! The convolution against its definition, and by bits against other cuts of the same rows.

use super::*;
use crate::kernels::test_random::{Random, paths};
use half::{bf16, f16};

const CHANNELS_OF_TEST: usize = 300;

fn seq(slot: u32, first: u32, len: u32) -> Seq {
    Seq {
        slot,
        first,
        len,
        generated: false,
    }
}

struct World<T> {
    x: Vec<T>,
    weight: Vec<T>,
    bias: Vec<T>,
    kernel: usize,
}

impl<T: Element> World<T> {
    fn new(rows: usize, kernel: usize) -> World<T> {
        let mut r = Random(rows as u64);
        World {
            x: r.floats(rows * CHANNELS_OF_TEST),
            weight: r.floats(CHANNELS_OF_TEST * kernel),
            bias: r.floats(CHANNELS_OF_TEST),
            kernel,
        }
    }

    fn run(&self, isa: Isa, from: usize, seqs: &[Seq], state: &mut [T]) -> Vec<T> {
        let rows = Seq::rows(seqs);
        let mut y = vec![T::default(); rows * CHANNELS_OF_TEST];
        let call = Call {
            x: &self.x[from * CHANNELS_OF_TEST..][..rows * CHANNELS_OF_TEST],
            weight: &self.weight,
            bias: Some(&self.bias),
            seqs,
            channels: CHANNELS_OF_TEST,
            kernel: self.kernel,
            silu: true,
        };
        Conv::new(isa).run(&Pool::new(2), &call, state, &mut y);
        y
    }

    fn state(&self, slots: usize) -> Vec<T> {
        vec![T::from_f32(f32::NAN); slots * (self.kernel - 1) * CHANNELS_OF_TEST]
    }
}

fn check<T: Element>(kernel: usize, tolerance: f64) {
    let w = World::<T>::new(50, kernel);
    for isa in paths() {
        // The second call goes on where the first stopped; slot 1 is a neighbour full of NaN.
        let mut state = w.state(3);
        let mut y = w.run(isa, 0, &[seq(2, 0, 2)], &mut state);
        y.extend(w.run(isa, 2, &[seq(2, 2, 17), seq(0, 0, 31)], &mut state));
        for row in 0..50 {
            let start = if row < 19 { 0 } else { 19 };
            for c in 0..CHANNELS_OF_TEST {
                let mut sum = f64::from(w.bias[c].to_f32());
                for j in 0..kernel {
                    if row + j >= start + kernel - 1 {
                        let x = w.x[(row + j - (kernel - 1)) * CHANNELS_OF_TEST + c];
                        sum += f64::from(x.to_f32()) * f64::from(w.weight[c * kernel + j].to_f32());
                    }
                }
                let want = sum / (1.0 + (-sum).exp());
                let got = f64::from(y[row * CHANNELS_OF_TEST + c].to_f32());
                assert!(
                    (got - want).abs() <= tolerance,
                    "{isa} {row} {c}: {got}, not {want}"
                );
            }
        }
        let neighbour =
            &state[(kernel - 1) * CHANNELS_OF_TEST..2 * (kernel - 1) * CHANNELS_OF_TEST];
        assert!(neighbour.iter().all(|x| x.to_f32().is_nan()));
    }
}

#[test]
fn matches_the_definition_across_calls() {
    check::<f32>(4, 1e-5);
    check::<bf16>(4, 1e-2);
    check::<f16>(3, 2e-3);
    check::<f32>(1, 1e-5);
    check::<f32>(2, 1e-5);
}

#[test]
fn one_row_at_a_time_gives_the_same_rows_and_state() {
    let w = World::<bf16>::new(23, 4);
    for isa in paths() {
        let (mut whole_state, mut state) = (w.state(1), w.state(1));
        let whole = w.run(isa, 0, &[seq(0, 0, 23)], &mut whole_state);
        let mut y = vec![];
        for row in 0..23 {
            y.extend(w.run(isa, row, &[seq(0, row as u32, 1)], &mut state));
        }
        assert!(whole == y && whole_state == state, "{isa}");
    }
}
