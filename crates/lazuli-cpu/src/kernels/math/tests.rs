//! Elementary functions against `f64`, on every path of this machine.

use super::*;
use crate::Isa;
use crate::kernels::test_random::paths;

#[derive(Clone, Copy, Debug)]
enum Function {
    Exp,
    Sigmoid,
    Silu,
    Softplus,
}

struct Apply;
struct ApplyArgs<'a> {
    function: Function,
    x: &'a [f32],
    y: Shared<'a, f32>,
}

impl Kernel for Apply {
    type Args<'a> = ApplyArgs<'a>;
    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &ApplyArgs<'_>, _: usize) {
        // SAFETY: one part.
        let y = unsafe { args.y.slice(0, args.x.len()) };
        for at in (0..args.x.len()).step_by(LANES) {
            let x = f32::read(l, args.x, at);
            let v = match args.function {
                Function::Exp => exp(l, x),
                Function::Sigmoid => sigmoid(l, x),
                Function::Silu => silu(l, x),
                Function::Softplus => softplus(l, x),
            };
            f32::write(l, v, y, at);
        }
    }
}

fn apply(isa: Isa, function: Function, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    let args = ApplyArgs {
        function,
        x,
        y: Shared::new(&mut y),
    };
    Entry::<Apply>::new(isa).part(&args, 0);
    y
}

fn ulps(got: f32, want: f64) -> f64 {
    let nearest = want as f32;
    if !nearest.is_normal() {
        return (f64::from(got) - want).abs() / f64::from(f32::MIN_POSITIVE);
    }
    let ulp = f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
    (f64::from(got) - want).abs() / ulp
}

#[test]
fn functions_are_within_a_few_ulp_of_f64() {
    let x: Vec<f32> = (0..400_001)
        .map(|i| (i - 200_000) as f32 * 4.3e-4)
        .collect();
    for isa in paths() {
        for (function, bound) in [
            (Function::Exp, 2.0),
            (Function::Sigmoid, 4.0),
            (Function::Silu, 4.0),
            (Function::Softplus, 4.0),
        ] {
            let mut worst = (0.0, 0.0);
            for (&x, y) in x.iter().zip(apply(isa, function, &x)) {
                let v = f64::from(x);
                let want = match function {
                    Function::Exp => v.exp(),
                    Function::Sigmoid => 1.0 / (1.0 + (-v).exp()),
                    Function::Silu => v / (1.0 + (-v).exp()),
                    Function::Softplus => v.exp().ln_1p(),
                };
                let error = ulps(y, want);
                if error > worst.0 {
                    worst = (error, x);
                }
            }
            assert!(worst.0 <= bound, "{isa} {function:?}: {worst:?}");
        }
    }
}

#[test]
fn ends_and_nan_are_right() {
    let x = [
        f32::NEG_INFINITY,
        -1e30,
        -104.5,
        0.0,
        88.7,
        89.5,
        1e30,
        f32::INFINITY,
        f32::NAN,
    ];
    for isa in paths() {
        let e = apply(isa, Function::Exp, &x);
        assert_eq!(&e[..4], &[0.0, 0.0, 0.0, 1.0], "{isa}");
        assert!(
            e[4].is_finite() && e[5..8].iter().all(|&y| y == f32::INFINITY),
            "{isa} {e:?}"
        );
        let s = apply(isa, Function::Sigmoid, &x);
        assert_eq!((s[0], s[3], s[7]), (0.0, 0.5, 1.0), "{isa}");
        let s = apply(isa, Function::Silu, &x);
        assert_eq!(
            (s[0], s[1], s[3], s[6], s[7]),
            (0.0, 0.0, 0.0, 1e30, f32::INFINITY),
            "{isa}"
        );
        let s = apply(isa, Function::Softplus, &x);
        assert_eq!((s[0], s[6], s[7]), (0.0, 1e30, f32::INFINITY), "{isa}");
        for f in [
            Function::Exp,
            Function::Sigmoid,
            Function::Silu,
            Function::Softplus,
        ] {
            assert!(apply(isa, f, &x)[8].is_nan(), "{isa} {f:?}");
        }
    }
}

#[test]
fn a_number_has_the_same_bits_in_every_lane_and_in_the_tail() {
    for isa in paths() {
        for f in [
            Function::Exp,
            Function::Sigmoid,
            Function::Silu,
            Function::Softplus,
        ] {
            let y = apply(isa, f, &[-1.234_567; 37]);
            assert!(
                y.iter().all(|v| v.to_bits() == y[0].to_bits()),
                "{isa} {f:?}"
            );
        }
    }
}

struct Words;
struct WordsArgs<'a> {
    square: Shared<'a, u32>,
    halves: Shared<'a, u16>,
    floats: &'a [f32],
}

impl Kernel for Words {
    type Args<'a> = WordsArgs<'a>;
    #[inline(always)]
    fn run<L: Lanes>(l: L, args: &WordsArgs<'_>, _: usize) {
        // SAFETY: one part.
        let (square, halves) = unsafe { (args.square.slice(0, 256), args.halves.slice(0, 64)) };
        // SAFETY: all offsets below leave a whole vector.
        unsafe {
            let mut rows = [l.isplat(0); LANES];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = l.iload(square.as_ptr().add(16 * i));
            }
            l.transpose(&mut rows);
            for (i, row) in rows.iter().enumerate() {
                l.istore(*row, square.as_mut_ptr().add(16 * i));
            }
            let x = l.load(args.floats.as_ptr());
            l.istore16(l.round_bf16(x), halves.as_mut_ptr());
            let y = l.load(args.floats.as_ptr().add(16));
            l.istore(l.pack_bf16(x, y), halves.as_mut_ptr().add(16).cast());
            l.store_f16(x, halves.as_mut_ptr().add(48));
        }
    }
}

#[test]
fn transpose_and_roundings_match_scalar_code() {
    let mut floats: Vec<f32> = (0..32).map(|i| (i as f32 - 9.0) * 1.234_567).collect();
    floats[3] = f32::INFINITY;
    floats[4] = f32::NAN;
    floats[5] = 1.0 + 1.0 / 256.0; // halfway between two bf16: to even
    floats[6] = 1.0 + 3.0 / 256.0;
    floats[7] = 65_519.9;
    for isa in paths() {
        let mut square: Vec<u32> = (0..256).collect();
        let mut halves = vec![0u16; 64];
        let args = WordsArgs {
            square: Shared::new(&mut square),
            halves: Shared::new(&mut halves),
            floats: &floats,
        };
        Entry::<Words>::new(isa).part(&args, 0);
        for (i, &word) in square.iter().enumerate() {
            assert_eq!(word, (i % 16 * 16 + i / 16) as u32, "{isa}");
        }
        for i in 0..16 {
            let want = half::bf16::from_f32(floats[i]);
            let got = half::bf16::from_bits(halves[i]);
            assert!(got == want || got.is_nan() && want.is_nan(), "{isa} {i}");
            let lo = half::bf16::from_bits(halves[16 + 2 * i]);
            assert!(lo == want || lo.is_nan() && want.is_nan(), "{isa} {i}");
            let hi = half::bf16::from_bits(halves[17 + 2 * i]);
            assert_eq!(hi, half::bf16::from_f32(floats[16 + i]), "{isa} {i}");
            let want = half::f16::from_f32(floats[i]);
            let got = half::f16::from_bits(halves[48 + i]);
            assert!(got == want || got.is_nan() && want.is_nan(), "{isa} {i}");
        }
    }
}
