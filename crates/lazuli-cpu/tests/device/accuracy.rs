//! Every number of the half types and a sample of `f32` against C's functions in `f64`.

use half::{bf16, f16};
use lazuli_core::ops::unary::Unary;
use lazuli_core::{Array, Dtype, Family};

use super::common::*;

mod c {
    unsafe extern "C" {
        pub(super) safe fn erf(x: f64) -> f64;
        pub(super) safe fn erfc(x: f64) -> f64;
    }
}

/// Newton's method, on the complement near 1.
fn erfinv(y: f64) -> f64 {
    if y.is_nan() || y.abs() >= 1.0 {
        return if y.abs() == 1.0 {
            y * f64::INFINITY
        } else {
            f64::NAN
        };
    }
    let scale = std::f64::consts::PI.sqrt() / 2.0;
    let mut x = 0.0f64;
    for _ in 0..60 {
        let error = if y.abs() < 0.5 {
            c::erf(x) - y.abs()
        } else {
            (1.0 - y.abs()) - c::erfc(x)
        };
        let step = error * scale * (x * x).exp();
        x -= step;
        if step.abs() <= 1e-15 * x.abs() {
            break;
        }
    }
    x.copysign(y)
}

/// A function in `f64` and how many units in the last place of `f32` it may be off.
type Claim = (Unary, fn(f64) -> f64, f64);

const CLAIMS: &[Claim] = &[
    (Unary::Sqrt, f64::sqrt, 0.5),
    (Unary::Rsqrt, |x| 1.0 / x.sqrt(), 1.5),
    (Unary::Exp, f64::exp, 2.0),
    (Unary::Expm1, f64::exp_m1, 0.51),
    (Unary::Log, f64::ln, 0.51),
    (Unary::Log2, f64::log2, 0.51),
    (Unary::Log10, f64::log10, 0.51),
    (Unary::Log1p, f64::ln_1p, 0.51),
    (Unary::Sin, f64::sin, 0.6),
    (Unary::Cos, f64::cos, 0.6),
    (Unary::Tan, f64::tan, 0.9),
    (Unary::Arcsin, f64::asin, 0.51),
    (Unary::Arccos, f64::acos, 0.51),
    (Unary::Arctan, f64::atan, 0.51),
    (Unary::Sinh, f64::sinh, 0.51),
    (Unary::Cosh, f64::cosh, 0.51),
    (Unary::Tanh, f64::tanh, 2.0),
    (Unary::Arcsinh, arcsinh, 0.51),
    (Unary::Arccosh, arccosh, 0.51),
    (Unary::Arctanh, arctanh, 0.51),
    (Unary::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 0.51),
    (Unary::Erf, |x| c::erf(x), 0.51),
    (Unary::Erfinv, erfinv, 2.5),
    (Unary::Floor, f64::floor, 0.0),
    (Unary::Ceil, f64::ceil, 0.0),
    (Unary::Round, f64::round_ties_even, 0.0),
];

// The standard library's lose bits near zero.
fn arcsinh(x: f64) -> f64 {
    let a = x.abs();
    (a + a * a / (1.0 + (a * a + 1.0).sqrt()))
        .min(a * 2.0)
        .ln_1p()
        .copysign(x)
}

fn arccosh(x: f64) -> f64 {
    let t = x - 1.0;
    if x < 1.0 {
        f64::NAN
    } else {
        (t + (t * (x + 1.0)).sqrt()).ln_1p()
    }
}

fn arctanh(x: f64) -> f64 {
    (0.5 * (2.0 * x.abs() / (1.0 - x.abs())).ln_1p()).copysign(x)
}

/// Bits of the fraction, the least exponent of a normal number, the largest number.
fn format(dtype: Dtype) -> (i32, i32, f64) {
    match dtype {
        Dtype::F16 => (10, -14, f16::MAX.into()),
        Dtype::BF16 => (7, -126, bf16::MAX.into()),
        _ => (23, -126, f32::MAX.into()),
    }
}

/// How many units in the last place of `dtype` `got` is from `want`.
fn ulps(dtype: Dtype, got: f64, want: f64) -> f64 {
    let (fraction, least, largest) = format(dtype);
    if got == want || got.is_nan() && want.is_nan() {
        return 0.0;
    }
    let exponent = |x: f64| ((x.abs().to_bits() >> 52) as i32 - 1023).max(least);
    // An infinite result stands for the first number beyond the largest.
    let beyond = 2f64.powi(exponent(largest) + 1);
    let got = got.clamp(-beyond, beyond);
    let want = want.clamp(-beyond, beyond);
    (got - want).abs() / 2f64.powi(exponent(want.abs().min(largest)) - fraction)
}

/// `half`: the bound of all functions of a half type.
fn check(x: &Array, half: Option<f64>) {
    let dtype = x.dtype();
    let operands = numbers_of(x);
    for &(op, f, bound) in CLAIMS {
        let want: Vec<f64> = operands.iter().map(|&x| f(x)).collect();
        on_each(|device| {
            let got = numbers_of(&Array::from_op(op, &[x]).unwrap());
            for ((&x, &g), &w) in operands.iter().zip(&got).zip(&want) {
                let off = ulps(dtype, g, w);
                assert!(
                    off <= half.unwrap_or(bound),
                    "{} {dtype} {device:?}: of {x:e} is {g:e}, not {w:e}, {off} ulp",
                    op.name()
                );
            }
        });
    }
}

#[test]
fn functions_of_half_types_round_once() {
    let all = |step: usize| (0..=u16::MAX).step_by(step);
    // A debug build looks at some of them.
    let step = if cfg!(debug_assertions) { 13 } else { 1 };
    let bits: Vec<u8> = all(step).flat_map(u16::to_le_bytes).collect();
    for dtype in [Dtype::BF16, Dtype::F16] {
        let x = Array::from_bytes(&bits, dtype, [bits.len() / 2]).unwrap();
        // Half a unit, and what `f32` was off.
        check(&x, Some(0.51));
    }
}

#[test]
fn functions_of_f32_are_within_their_bounds() {
    let mut rng = Rng(11);
    let count = if cfg!(debug_assertions) {
        20_000
    } else {
        1_000_000
    };
    // Half of them of all sizes, half of everyday ones.
    let x: Vec<f32> = (0..count)
        .map(|k| match k % 2 {
            0 => f32::from_bits(rng.next() as u32),
            _ => (rng.unit() * 2f64.powi(rng.below(12) as i32 - 4)) as f32,
        })
        .collect();
    check(&Array::from_slice(&x, [count]).unwrap(), None);
}

#[test]
fn a_number_has_the_same_bits_wherever_it_stands() {
    let x: Vec<f32> = (0..67).map(|k| 0.37 + 0.009 * k as f32).collect();
    let column: Vec<f32> = x.iter().flat_map(|&x| [x, 9.0, -9.0]).collect();
    let (row, column) = (
        Array::from_slice(&x, [67]).unwrap(),
        Array::from_slice(&column, [67, 3]).unwrap(),
    );
    on_each(|device| {
        let column = column.narrow(1, 0, 1).unwrap().reshape([67]).unwrap();
        for &(op, ..) in CLAIMS {
            let of = |x: &Array| Array::from_op(op, &[x]).unwrap().values::<f32>();
            let alone: Vec<f32> = (0..67)
                .map(|k| of(&row.narrow(0, k, k + 1).unwrap())[0])
                .collect();
            let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let alone = bits(alone);
            assert_eq!(bits(of(&row)), alone, "{op:?} {device:?}");
            assert_eq!(bits(of(&column)), alone, "{op:?} {device:?}, strided");
        }
    });
}

#[test]
fn erfinv_has_the_bits_of_mlx() {
    // mlx 0.32 on x86-64: a grid, the last number below 1, and numbers at which a change in the last
    // digit of a coefficient shows.
    const X: [u32; 24] = [
        3212820087, 3208629977, 3204431479, 3196042871, 0, 1048559223, 1056947831, 1061146329,
        1065336439, 1065353215, 3211231050, 3210745510, 3207643358, 3208870248, 1064582902,
        1062260096, 1060814078, 3212633475, 1062008678, 3211788965, 3211918444, 3211474268,
        1064959924, 1064303450,
    ];
    const Y: [u32; 24] = [
        3222595988, 3209684979, 3203655706, 3194387227, 0, 1046903579, 1056172058, 1062201331,
        1075112340, 1081427914, 3214330354, 3213556453, 3208114545, 3210105306, 1068805234,
        1064323757, 1061646827, 3219328050, 1063801405, 3215499014, 3215842451, 3214791067,
        1070406615, 1068010678,
    ];
    let x: Vec<f32> = X.iter().map(|&b| f32::from_bits(b)).collect();
    on_each(|device| {
        let y = Array::from_slice(&x, [24]).unwrap().erfinv().unwrap();
        let bits: Vec<u32> = y.values::<f32>().iter().map(|y| y.to_bits()).collect();
        assert_eq!(bits, Y, "{device:?}");
    });
}
