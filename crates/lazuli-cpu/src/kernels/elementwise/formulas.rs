//! Elementary functions of `f32` operands, computed in `f64` and rounded once by the caller.
//!
//! Without branches (hence `&` and `|`) or calls, so that LLVM turns a loop over sixteen lanes into vector
//! code for the path around it: all of it on AVX2 and AVX-512, most of it on the portable path. The extra
//! bits of `f64` are worth twice the work: no compensated sums, no cases for subnormals, and results within
//! 0.51 ulp of `f32` on every path, with or without multiply-add.
//! Series are cut where the rest is below 2^-32 of the result. Not chosen: `f32` polynomials with split
//! constants, faster by half and good for 2 to 4 ulp.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, LN_2, LOG2_E, LOG10_2, LOG10_E, PI};

use crate::kernels::math::Lanes;

/// 1.5 * 2^52: a sum with it is rounded to a whole number, which its lowest bits hold.
const WHOLE: f64 = 6_755_399_441_055_744.0;
const TWO_52: f64 = 4_503_599_627_370_496.0;
/// Beyond this, radians are reduced by the standard library's functions.
pub(super) const FAR_ANGLE: f32 = 1_048_576.0;

/// `c[0] + c[1] x + …`.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(l: L, x: f64, c: [f64; N]) -> f64 {
    let mut p = c[N - 1];
    for &c in c[..N - 1].iter().rev() {
        p = l.fma64(p, x, c);
    }
    p
}

/// `(q, s)` with `e^x = s + s q`, where `s` is a power of two and `q` exact near zero.
#[inline(always)]
fn exp_parts<L: Lanes>(l: L, x: f64) -> (f64, f64) {
    // Beyond these ends `f32` is 0 or infinite anyway. A NaN passes.
    let x = if x > 700.0 { 700.0 } else { x };
    let x = if x < -700.0 { -700.0 } else { x };
    let shifted = l.fma64(x, LOG2_E, WHOLE);
    let r = l.fma64(shifted - WHOLE, -LN_2, x);
    let p = polynomial(
        l,
        r,
        [
            1.0,
            1.0 / 2.0,
            1.0 / 6.0,
            1.0 / 24.0,
            1.0 / 120.0,
            1.0 / 720.0,
            1.0 / 5040.0,
            1.0 / 40320.0,
            1.0 / 362_880.0,
        ],
    );
    (
        r * p,
        f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52),
    )
}

#[inline(always)]
pub(super) fn exp<L: Lanes>(l: L, x: f64) -> f64 {
    let (q, s) = exp_parts(l, x);
    l.fma64(q, s, s)
}

#[inline(always)]
pub(super) fn sigmoid<L: Lanes>(l: L, x: f64) -> f64 {
    1.0 / (1.0 + exp(l, -x))
}

#[inline(always)]
pub(super) fn expm1<L: Lanes>(l: L, x: f64) -> f64 {
    let (q, s) = exp_parts(l, x);
    l.fma64(q, s, s - 1.0).copysign(x)
}

/// `(f, e)` with `x = 2^e (1 + f)` and `1 + f` from the root of 1/2 to that of 2, for positive `x`.
#[inline(always)]
fn log_parts(x: f64) -> (f64, f64) {
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const LEAST: u64 = 0x3fe6_a09e_0000_0000;
    let bits = x.to_bits().wrapping_add(ONE - LEAST);
    let exponent = f64::from_bits(bits >> 52 | TWO_52.to_bits()) - (TWO_52 + 1023.0);
    let mantissa = f64::from_bits((bits & 0xf_ffff_ffff_ffff).wrapping_add(LEAST));
    (mantissa - 1.0, exponent)
}

/// `ln(1 + f)` for the `f` of [`log_parts`], exact near zero: twice the inverse hyperbolic tangent of
/// `f / (2 + f)`.
#[inline(always)]
fn log_of_fraction<L: Lanes>(l: L, f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let p = polynomial(
        l,
        z,
        [
            1.0 / 3.0,
            1.0 / 5.0,
            1.0 / 7.0,
            1.0 / 9.0,
            1.0 / 11.0,
            1.0 / 13.0,
            1.0 / 15.0,
        ],
    );
    let twice = s + s;
    l.fma64(twice * z, p, twice)
}

/// `inside` where a logarithm of `x` is finite, else what it is at the ends.
#[inline(always)]
fn log_ends(x: f64, inside: f64) -> f64 {
    let above = if x < f64::INFINITY { inside } else { x };
    let at_zero = if x == 0.0 {
        f64::NEG_INFINITY
    } else {
        f64::NAN
    };
    if x > 0.0 { above } else { at_zero }
}

#[inline(always)]
pub(super) fn log<L: Lanes>(l: L, x: f64) -> f64 {
    let (f, e) = log_parts(x);
    log_ends(x, l.fma64(e, LN_2, log_of_fraction(l, f)))
}

/// Exact at powers of two.
#[inline(always)]
pub(super) fn log2<L: Lanes>(l: L, x: f64) -> f64 {
    let (f, e) = log_parts(x);
    log_ends(x, l.fma64(log_of_fraction(l, f), LOG2_E, e))
}

#[inline(always)]
pub(super) fn log10<L: Lanes>(l: L, x: f64) -> f64 {
    let (f, e) = log_parts(x);
    log_ends(x, l.fma64(e, LOG10_2, log_of_fraction(l, f) * LOG10_E))
}

#[inline(always)]
pub(super) fn log1p<L: Lanes>(l: L, x: f64) -> f64 {
    let whole = 1.0 + x;
    let (f, e) = log_parts(whole);
    // Near zero the sum has lost bits of `x`, which is the fraction itself.
    let near = x.abs() < 0.25;
    let f = if near { x } else { f };
    let e = if near { 0.0 } else { e };
    log_ends(whole, l.fma64(e, LN_2, log_of_fraction(l, f))).copysign(x)
}

/// `(sin, cos)` of the angle less than a quarter turn that is left, and how many quarters went.
#[inline(always)]
fn quarters<L: Lanes>(l: L, x: f64) -> (f64, f64, u64) {
    /// Half of pi in two parts; the first has 33 bits, so that up to 2^20 times it is exact.
    const FIRST: f64 = 1.570_796_326_734_125_6;
    const REST: f64 = 6.077_100_506_506_192e-11;
    let shifted = l.fma64(x, FRAC_2_PI, WHOLE);
    let n = shifted - WHOLE;
    let r = l.fma64(n, -REST, l.fma64(n, -FIRST, x));
    let z = r * r;
    let sin = polynomial(
        l,
        z,
        [
            1.0,
            -1.0 / 6.0,
            1.0 / 120.0,
            -1.0 / 5040.0,
            1.0 / 362_880.0,
            -1.0 / 39_916_800.0,
        ],
    ) * r;
    let cos = polynomial(
        l,
        z,
        [
            1.0,
            -1.0 / 2.0,
            1.0 / 24.0,
            -1.0 / 720.0,
            1.0 / 40320.0,
            -1.0 / 3_628_800.0,
            1.0 / 479_001_600.0,
        ],
    );
    (sin, cos, shifted.to_bits())
}

/// Sine of `x` and `turn` quarters, up to [`FAR_ANGLE`].
#[inline(always)]
fn sin_from<L: Lanes>(l: L, x: f64, turn: u64) -> f64 {
    let (sin, cos, n) = quarters(l, x);
    let n = n.wrapping_add(turn);
    let y = if n & 1 == 0 { sin } else { cos };
    f64::from_bits(y.to_bits() ^ (n & 2) << 62)
}

#[inline(always)]
pub(super) fn sin<L: Lanes>(l: L, x: f64) -> f64 {
    sin_from(l, x, 0)
}

#[inline(always)]
pub(super) fn cos<L: Lanes>(l: L, x: f64) -> f64 {
    sin_from(l, x, 1)
}

/// Up to [`FAR_ANGLE`].
#[inline(always)]
pub(super) fn tan<L: Lanes>(l: L, x: f64) -> f64 {
    let (sin, cos, n) = quarters(l, x);
    let odd = n & 1 != 0;
    let above = if odd { -cos } else { sin };
    let below = if odd { sin } else { cos };
    above / below
}

/// The angle of the point `(x, y)`, neither negative; NaN at the origin and where both are infinite.
#[inline(always)]
fn angle<L: Lanes>(l: L, y: f64, x: f64) -> f64 {
    // An eighth of a turn at most, then half of that by the tangent of a difference.
    let swap = y > x;
    let (low, high) = if swap { (x, y) } else { (y, x) };
    let steep = low > high * 0.414_213_562_373_095_03;
    let above = if steep { low - high } else { low };
    let below = if steep { low + high } else { high };
    let t = above / below;
    // Interpolated; 2^-40.
    let p = polynomial(
        l,
        t * t,
        [
            0.999_999_999_999_294_3,
            -0.333_333_332_797_735_97,
            0.199_999_933_181_449_9,
            -0.142_853_957_669_569_65,
            0.111_036_097_517_286_37,
            -0.089_938_549_934_293_9,
            0.069_796_997_118_945_99,
            -0.037_746_461_157_904_49,
        ],
    );
    let a = l.fma64(t, p, if steep { FRAC_PI_4 } else { 0.0 });
    if swap { FRAC_PI_2 - a } else { a }
}

#[inline(always)]
pub(super) fn arctan<L: Lanes>(l: L, x: f64) -> f64 {
    angle(l, x.abs(), 1.0).copysign(x)
}

#[inline(always)]
pub(super) fn arcsin<L: Lanes>(l: L, x: f64) -> f64 {
    let y = x.abs();
    angle(l, y, ((1.0 - y) * (1.0 + y)).sqrt()).copysign(x)
}

#[inline(always)]
pub(super) fn arccos<L: Lanes>(l: L, x: f64) -> f64 {
    2.0 * angle(l, (1.0 - x).sqrt(), (1.0 + x).sqrt())
}

#[inline(always)]
pub(super) fn arctan2<L: Lanes>(l: L, y: f64, x: f64) -> f64 {
    let (a, b) = (y.abs(), x.abs());
    let t = angle(l, a, b);
    let t = if a + b == 0.0 { 0.0 } else { t };
    let both_infinite = (a == f64::INFINITY) & (b == f64::INFINITY);
    let t = if both_infinite { FRAC_PI_4 } else { t };
    let t = if x.is_sign_negative() { PI - t } else { t };
    t.copysign(y)
}

#[inline(always)]
pub(super) fn sinh<L: Lanes>(l: L, x: f64) -> f64 {
    let t = expm1(l, x.abs());
    (0.5 * (t + t / (t + 1.0))).copysign(x)
}

#[inline(always)]
pub(super) fn cosh<L: Lanes>(l: L, x: f64) -> f64 {
    let e = exp(l, x.abs());
    0.5 * (e + 1.0 / e)
}

#[inline(always)]
pub(super) fn arcsinh<L: Lanes>(l: L, x: f64) -> f64 {
    let (a, square) = (x.abs(), x * x);
    let more = square / (1.0 + (1.0 + square).sqrt());
    log1p(l, if a < f64::INFINITY { a + more } else { a }).copysign(x)
}

#[inline(always)]
pub(super) fn arccosh<L: Lanes>(l: L, x: f64) -> f64 {
    let t = x - 1.0;
    let y = log1p(l, t + (t * (x + 1.0)).sqrt());
    if x < 1.0 { f64::NAN } else { y }
}

#[inline(always)]
pub(super) fn arctanh<L: Lanes>(l: L, x: f64) -> f64 {
    let a = x.abs();
    (0.5 * log1p(l, 2.0 * a / (1.0 - a))).copysign(x)
}

#[inline(always)]
pub(super) fn erf<L: Lanes>(l: L, x: f64) -> f64 {
    let a = x.abs();
    // Both polynomials are interpolated; 2^-40 and 2^-37.
    let near = polynomial(
        l,
        a * a,
        [
            1.128_379_167_094_713_2,
            -0.376_126_388_900_998_03,
            0.112_837_913_183_411_63,
            -0.026_866_134_013_077_084,
            0.005_223_786_530_842_251_5,
            -0.000_854_270_309_523_632_4,
            0.000_119_573_314_348_905_28,
            -1.391_406_887_763_471_3e-5,
            1.060_119_674_381_659_3e-6,
        ],
    ) * a;
    // From 4 on it is 1. A NaN passes.
    let b = if a > 4.0 { 4.0 } else { a };
    let far = polynomial(
        l,
        b,
        [
            -0.000_123_430_961_684_434_24,
            1.129_193_331_826_720_7,
            0.634_222_086_277_041_2,
            0.106_924_799_576_827_88,
            -0.023_803_775_924_590_737,
            0.003_341_173_048_781_094,
            -9.447_582_533_101_948e-5,
            -6.609_267_060_698_419e-5,
            1.269_349_397_396_206_5e-5,
            -7.989_315_540_063_894e-7,
        ],
    );
    let far = 1.0 - exp(l, -far);
    (if a < 1.0 { near } else { far }).copysign(x)
}

/// C's `pow`, of `f32` operands.
#[inline(always)]
pub(super) fn power<L: Lanes>(l: L, x: f64, y: f64) -> f64 {
    // Numbers of 24 bits are whole if they survive this.
    let is_whole = |v: f64| (v.abs() + TWO_52) - TWO_52 == v.abs();
    let (whole, even) = (is_whole(y), is_whole(0.5 * y));
    let size = x.abs();
    let e = exp(l, y * log(l, size));
    let is_one = (size == 1.0) & (y.abs() <= f64::INFINITY);
    let e = if is_one { 1.0 } else { e };
    let turned = x.is_sign_negative() & whole & !even;
    let signed = if turned { -e } else { e };
    let no_root = (x < 0.0) & (size < f64::INFINITY) & !whole;
    let p = if no_root { f64::NAN } else { signed };
    if (y == 0.0) | (x == 1.0) { 1.0 } else { p }
}

/// `ln(e^a + e^b)`.
#[inline(always)]
pub(super) fn logaddexp<L: Lanes>(l: L, a: f64, b: f64) -> f64 {
    let larger = if a > b { a } else { b };
    // Of equal infinities the difference is not a number.
    let apart = if a == b { 0.0 } else { (a - b).abs() };
    larger + log1p(l, exp(l, -apart))
}

/// The inverse error function by two polynomials in `ln(1 - x²)`, one rounding per step, with the standard
/// library's logarithm: the coefficients, and so the bits, of `mlx`.
#[inline(always)]
pub(super) fn erfinv(x: f32) -> f32 {
    const NEAR: [f32; 10] = [
        5.438_778_3e-9,
        1.432_854_5e-7,
        1.227_747_9e-6,
        1.129_636_26e-7,
        -5.615_307_6e-5,
        -1.476_976_3e-4,
        2.314_686_8e-3,
        1.153_925_8e-2,
        -2.320_154_8e-1,
        8.862_269e-1,
    ];
    const FAR: [f32; 9] = [
        3.036_975_7e-10,
        2.932_431e-8,
        1.221_503_3e-6,
        2.841_089_6e-5,
        3.935_529_7e-4,
        3.026_988_1e-3,
        4.831_858e-3,
        -2.646_461_4e-1,
        8.400_165e-1,
    ];
    #[inline(always)]
    fn horner(t: f32, c: &[f32]) -> f32 {
        c[1..].iter().fold(c[0], |p, &c| p.mul_add(t, c))
    }
    let t = x.mul_add(-x, 1.0).ln();
    let p = if t.abs() > 6.125 {
        horner(t, &FAR)
    } else {
        horner(t, &NEAR)
    };
    x * p
}
