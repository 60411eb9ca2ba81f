//! The recurrence against `f64`, and by bits against other calls with the same rows.

use super::*;
use crate::kernels::test_random::{Random, paths};
use half::bf16;

struct World<T> {
    key_heads: usize,
    value_heads: usize,
    key_dim: usize,
    value_dim: usize,
    /// `[rows, q | k | v]`, as a convolution leaves it.
    mixed: Vec<T>,
    a: Vec<T>,
    b: Vec<T>,
    a_log: Vec<f32>,
    dt_bias: Vec<f32>,
}

impl<T: Element> World<T> {
    fn new(rows: usize, heads: (usize, usize), dims: (usize, usize)) -> World<T> {
        let mut r = Random(rows as u64 + 9);
        let width = 2 * heads.0 * dims.0 + heads.1 * dims.1;
        World {
            key_heads: heads.0,
            value_heads: heads.1,
            key_dim: dims.0,
            value_dim: dims.1,
            mixed: r.floats(rows * width),
            a: r.floats(rows * heads.1),
            b: r.floats(rows * heads.1),
            a_log: r.floats(heads.1),
            dt_bias: r.floats(heads.1),
        }
    }

    fn width(&self) -> usize {
        2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim
    }

    fn state_len(&self) -> usize {
        self.value_heads * self.value_dim * self.key_dim
    }

    /// Rows from `from` on, as `seqs`.
    fn run(&self, isa: Isa, from: usize, seqs: &[Seq], state: &mut [f32]) -> Vec<T> {
        let (width, keys) = (self.width(), self.key_heads * self.key_dim);
        let rows = &self.mixed[from * width..];
        let strided = |at: usize| Strided {
            elements: &rows[at..],
            stride: width,
        };
        let mut out = vec![T::default(); Seq::rows(seqs) * self.value_heads * self.value_dim];
        let call = Call {
            q: strided(0),
            k: strided(keys),
            v: strided(2 * keys),
            a: Strided::contiguous(&self.a[from * self.value_heads..], self.value_heads),
            b: Strided::contiguous(&self.b[from * self.value_heads..], self.value_heads),
            a_log: &self.a_log,
            dt_bias: &self.dt_bias,
            seqs,
            key_heads: self.key_heads,
            value_heads: self.value_heads,
            key_dim: self.key_dim,
            value_dim: self.value_dim,
        };
        GatedDelta::new(isa).run(&Pool::new(2), &call, state, &mut out);
        out
    }

    fn oracle(&self, rows: usize) -> (Vec<f64>, Vec<f64>) {
        let (dk, dv) = (self.key_dim, self.value_dim);
        let mut state = vec![0.0f64; self.state_len()];
        let mut out = vec![];
        let get = |row: usize, at: usize| f64::from(self.mixed[row * self.width() + at].to_f32());
        for row in 0..rows {
            for h in 0..self.value_heads {
                let s = &mut state[h * dk * dv..][..dk * dv];
                let kh = h / (self.value_heads / self.key_heads);
                let unit = |at: usize| {
                    let x: Vec<f64> = (0..dk).map(|i| get(row, at + kh * dk + i)).collect();
                    let norm = (x.iter().map(|x| x * x).sum::<f64>() + 1e-6).sqrt();
                    x.into_iter().map(|x| x / norm).collect::<Vec<f64>>()
                };
                let (q, k) = (unit(0), unit(self.key_heads * dk));
                let at = row * self.value_heads + h;
                let a = f64::from(self.a[at].to_f32()) + f64::from(self.dt_bias[h]);
                let g = (-f64::from(self.a_log[h]).exp() * a.exp().ln_1p()).exp();
                let beta = 1.0 / (1.0 + (-f64::from(self.b[at].to_f32())).exp());
                for i in 0..dv {
                    let s = &mut s[i * dk..][..dk];
                    s.iter_mut().for_each(|x| *x *= g);
                    let r: f64 = s.iter().zip(&k).map(|(a, b)| a * b).sum();
                    let v = get(row, 2 * self.key_heads * dk + h * dv + i);
                    let delta = (v - r) * beta;
                    s.iter_mut().zip(&k).for_each(|(x, k)| *x += delta * k);
                    let y: f64 = s.iter().zip(&q).map(|(a, b)| a * b).sum();
                    out.push(y / (dk as f64).sqrt());
                }
            }
        }
        (out, state)
    }
}

fn seq(slot: u32, first: usize, len: usize, generated: bool) -> Seq {
    Seq {
        slot,
        first: first as u32,
        len: len as u32,
        generated,
    }
}

fn check<T: Element>(heads: (usize, usize), dims: (usize, usize), tolerance: f64) {
    let rows = 150;
    let w = World::<T>::new(rows, heads, dims);
    let (want, want_state) = w.oracle(rows);
    for isa in paths() {
        for generated in [false, true] {
            let mut state = vec![f32::NAN; w.state_len()];
            let got = w.run(isa, 0, &[seq(0, 0, rows, generated)], &mut state);
            for (i, want) in want.iter().enumerate() {
                let got = f64::from(got[i].to_f32());
                assert!(
                    (got - want).abs() <= tolerance,
                    "{isa} {generated} {heads:?} {dims:?}: element {i}: {got}, not {want}"
                );
            }
            for (got, want) in state.iter().zip(&want_state) {
                assert!(
                    (f64::from(*got) - want).abs() <= 1e-5,
                    "{isa} {generated}: {got}, not {want}"
                );
            }
        }
    }
}

#[test]
fn both_forms_match_the_definition() {
    check::<f32>((2, 4), (64, 64), 1e-5);
    check::<bf16>((1, 2), (128, 128), 2e-3);
    check::<f32>((2, 2), (37, 21), 1e-5);
    check::<f32>((1, 1), (16, 144), 1e-5);
}

#[test]
fn cutting_a_prompt_at_multiples_of_64_changes_no_bit() {
    let rows = 300;
    let w = World::<f32>::new(rows, (1, 2), (32, 48));
    for isa in paths() {
        let mut state = vec![0.0; w.state_len()];
        let whole = w.run(isa, 0, &[seq(0, 0, rows, false)], &mut state);
        for step in [64, 128] {
            let mut cut_state = vec![f32::NAN; w.state_len()];
            let mut out = vec![];
            for first in (0..rows).step_by(step) {
                let part = seq(0, first, step.min(rows - first), false);
                out.extend(w.run(isa, first, &[part], &mut cut_state));
            }
            assert!(
                bits(&out) == bits(&whole) && bits(&cut_state) == bits(&state),
                "{isa} {step}"
            );
        }
    }
}

#[test]
fn a_row_of_a_block_does_not_depend_on_later_rows() {
    let mut w = World::<f32>::new(128, (1, 1), (32, 32));
    let width = w.width();
    for isa in paths() {
        let mut state = vec![0.0; w.state_len()];
        let whole = w.run(isa, 0, &[seq(0, 0, 128, false)], &mut state);
        for len in [1, 2, 15, 16, 17, 63, 64, 65, 100] {
            let got = w.run(isa, 0, &[seq(0, 0, len, false)], &mut state.clone());
            assert_eq!(bits(&got), bits(&whole[..got.len()]), "{isa} {len}");
        }
        // Rows of NaN after row 70 leave the rows before it alone.
        let kept = w.mixed.clone();
        w.mixed[71 * width..].fill(f32::NAN);
        let got = w.run(isa, 0, &[seq(0, 0, 128, false)], &mut state.clone());
        assert_eq!(bits(&got[..71 * 32]), bits(&whole[..71 * 32]), "{isa}");
        w.mixed = kept;
    }
}

#[test]
fn verified_rows_and_ragged_calls_equal_single_steps() {
    let w = World::<f32>::new(96, (2, 4), (32, 32));
    let n = w.state_len();
    for isa in paths() {
        // A prompt of 70, then single steps.
        let mut alone = vec![0.0; n];
        w.run(isa, 0, &[seq(0, 0, 70, false)], &mut alone);
        let before = alone.clone();
        let mut singles = vec![];
        for row in 70..78 {
            singles.extend(w.run(isa, row, &[seq(0, row, 1, true)], &mut alone));
        }
        for len in 1..=8 {
            let mut state = before.clone();
            let got = w.run(isa, 70, &[seq(0, 70, len, true)], &mut state);
            assert_eq!(bits(&got), bits(&singles[..got.len()]), "{isa} {len}");
            if len == 8 {
                assert_eq!(bits(&state), bits(&alone), "{isa}");
            }
        }
        // The same eight rows in a call with a prompt and a slot of NaN beside them.
        let mut states = [vec![f32::NAN; n], vec![1.0; n], before].concat();
        let seqs = [seq(2, 70, 8, true), seq(1, 0, 18, false)];
        let got = w.run(isa, 70, &seqs, &mut states);
        assert_eq!(bits(&got[..singles.len()]), bits(&singles), "{isa}");
        assert_eq!(bits(&states[2 * n..]), bits(&alone), "{isa}");
        assert!(states[..n].iter().all(|x| x.is_nan()) && states[n..].iter().all(|x| !x.is_nan()));
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}
