//! Fourier transforms of one line in `f32`, not scaled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

pub use rustfft::num_complex::Complex32;

/// Which transform.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Complex to complex.
    Complex {
        /// With a positive exponent.
        inverse: bool,
    },
    /// Real to the half of its spectrum that determines it.
    FromReal,
    /// The half of a spectrum to the real line; what would make the line complex is ignored.
    ToReal,
}

/// A transform of lines of one length, with its tables.
#[derive(Clone)]
pub enum Plan {
    /// Complex to complex.
    Complex(Arc<dyn Fft<f32>>),
    /// Real to complex.
    FromReal(Arc<dyn RealToComplex<f32>>),
    /// Complex to real.
    ToReal(Arc<dyn ComplexToReal<f32>>),
}

/// Plans are forgotten all at once when there are this many.
const KEPT: usize = 256;

/// The plan for lines of `len`, which is not zero; kept for the next call.
pub fn plan(kind: Kind, len: usize) -> Plan {
    static PLANS: Mutex<Option<HashMap<(Kind, usize), Plan>>> = Mutex::new(None);
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let plans = plans.get_or_insert_default();
    if plans.len() >= KEPT {
        plans.clear();
    }
    let make = || match kind {
        Kind::Complex { inverse: false } => Plan::Complex(FftPlanner::new().plan_fft_forward(len)),
        Kind::Complex { inverse: true } => Plan::Complex(FftPlanner::new().plan_fft_inverse(len)),
        Kind::FromReal => Plan::FromReal(RealFftPlanner::new().plan_fft_forward(len)),
        Kind::ToReal => Plan::ToReal(RealFftPlanner::new().plan_fft_inverse(len)),
    };
    plans.entry((kind, len)).or_insert_with(make).clone()
}

/// Transforms each row of `rows` in place.
pub fn complex(plan: &dyn Fft<f32>, rows: &mut [Complex32]) {
    plan.process(rows);
}

/// Transforms each row of `rows` to a row of `out`. What was in `rows` is lost.
///
/// # Panics
/// When the two do not have the same number of rows of the plan's lengths.
pub fn from_real(plan: &dyn RealToComplex<f32>, rows: &mut [f32], out: &mut [Complex32]) {
    let (from, to) = (plan.len(), plan.complex_len());
    assert_eq!(rows.len() / from, out.len() / to, "rows do not fit");
    let mut scratch = plan.make_scratch_vec();
    for (row, out) in rows.chunks_exact_mut(from).zip(out.chunks_exact_mut(to)) {
        let done = plan.process_with_scratch(row, out, &mut scratch);
        debug_assert!(done.is_ok(), "the lengths are the plan's");
    }
}

/// Transforms each row of `rows` to a row of `out`. What was in `rows` is lost.
///
/// # Panics
/// When the two do not have the same number of rows of the plan's lengths.
pub fn to_real(plan: &dyn ComplexToReal<f32>, rows: &mut [Complex32], out: &mut [f32]) {
    let (from, to) = (plan.complex_len(), plan.len());
    assert_eq!(rows.len() / from, out.len() / to, "rows do not fit");
    let mut scratch = plan.make_scratch_vec();
    for (row, out) in rows.chunks_exact_mut(from).zip(out.chunks_exact_mut(to)) {
        // A real line has real ends to its spectrum.
        row[0].im = 0.0;
        if to.is_multiple_of(2) {
            row[from - 1].im = 0.0;
        }
        let done = plan.process_with_scratch(row, out, &mut scratch);
        debug_assert!(done.is_ok(), "the lengths are the plan's");
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// The sum that defines the transform, in `f64`.
    fn by_definition(x: &[Complex32], sign: f64) -> Vec<(f64, f64)> {
        let term = |k: usize, j: usize| {
            let angle = sign * TAU * ((j * k) % x.len()) as f64 / x.len() as f64;
            let (re, im) = (f64::from(x[j].re), f64::from(x[j].im));
            let (c, s) = (angle.cos(), angle.sin());
            (re * c - im * s, re * s + im * c)
        };
        let sum = |k| {
            let terms = (0..x.len()).map(|j| term(k, j));
            terms.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
        };
        (0..x.len()).map(sum).collect()
    }

    fn line(len: usize) -> Vec<Complex32> {
        let at = |k: usize| Complex32::new((k * 37 % 19) as f32 - 9.0, (k * 23 % 17) as f32 - 8.0);
        (0..len).map(at).collect()
    }

    fn near(got: Complex32, want: (f64, f64), len: usize) {
        let off = (f64::from(got.re) - want.0).hypot(f64::from(got.im) - want.1);
        assert!(off < 1e-5 * len as f64, "{got} {want:?}, length {len}");
    }

    const LENGTHS: [usize; 9] = [1, 2, 3, 4, 7, 12, 60, 97, 256];

    #[test]
    fn complex_lines_match_the_definition() {
        for len in LENGTHS {
            for (inverse, sign) in [(false, -1.0), (true, 1.0)] {
                let Plan::Complex(plan) = plan(Kind::Complex { inverse }, len) else {
                    panic!("another plan");
                };
                let mut rows = [line(len), line(len)].concat();
                complex(&*plan, &mut rows);
                let want = by_definition(&line(len), sign);
                for (k, &got) in rows.iter().enumerate() {
                    near(got, want[k % len], len);
                }
            }
        }
    }

    #[test]
    fn real_lines_are_halves_of_complex_ones() {
        for len in LENGTHS {
            let real: Vec<Complex32> = line(len).iter().map(|x| x.re.into()).collect();
            let spectrum = by_definition(&real, -1.0);
            let (Plan::FromReal(forth), Plan::ToReal(back)) =
                (plan(Kind::FromReal, len), plan(Kind::ToReal, len))
            else {
                panic!("another plan");
            };
            let mut x: Vec<f32> = real.iter().map(|x| x.re).collect();
            let mut half = vec![Complex32::default(); len / 2 + 1];
            from_real(&*forth, &mut x, &mut half);
            for (&got, &want) in half.iter().zip(&spectrum) {
                near(got, want, len);
            }
            // What no real line has at the ends is ignored.
            half[0].im = 5.0;
            if len % 2 == 0 {
                half[len / 2].im = 7.0;
            }
            to_real(&*back, &mut half, &mut x);
            for (got, want) in x.iter().zip(&real) {
                near((got / len as f32).into(), (want.re.into(), 0.0), len);
            }
        }
    }
}
