//! Functions of `f64`: the standard library's and C's, one element at a time.

use lazuli_core::ops::binary::Binary;
use lazuli_core::ops::unary::Unary;

mod c {
    unsafe extern "C" {
        pub(super) safe fn erf(x: f64) -> f64;
        pub(super) safe fn erfc(x: f64) -> f64;
    }
}

/// -1, 0 or 1; 0 of NaN.
fn sign(x: f64) -> f64 {
    f64::from((x > 0.0) as i8 - (x < 0.0) as i8)
}

/// Halley's method on the error function, from a guess that is within 0.3 percent (Winitzki, 2008).
fn erfinv(x: f64) -> f64 {
    let a = x.abs();
    if a >= 1.0 || a.is_nan() {
        return if a == 1.0 {
            x * f64::INFINITY
        } else {
            f64::NAN
        };
    }
    let half_root_of_pi = std::f64::consts::PI.sqrt() / 2.0;
    let mut y = if a < 0.1 {
        half_root_of_pi * a * (1.0 + std::f64::consts::PI / 12.0 * a * a)
    } else {
        let (t, k) = ((-a * a).ln_1p(), 0.147);
        let b = 2.0 / (std::f64::consts::PI * k) + t / 2.0;
        ((b * b - t / k).sqrt() - b).sqrt()
    };
    for _ in 0..3 {
        // Near 1 the complement has the bits that the function has not.
        let error = if a < 0.5 {
            c::erf(y) - a
        } else {
            (1.0 - a) - c::erfc(y)
        };
        let step = error * half_root_of_pi * (y * y).exp();
        y -= step / (1.0 + y * step);
    }
    y.copysign(x)
}

/// What division rounded down leaves: the sign of `b`, or a zero of the sign of `a`.
fn remainder(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

/// `ln(e^a + e^b)`.
fn logaddexp(a: f64, b: f64) -> f64 {
    // Of equal infinities the difference is not a number.
    let apart = if a == b { 0.0 } else { (a - b).abs() };
    (if a > b { a } else { b }) + (-apart).exp().ln_1p()
}

/// A function of one operand; the identity for functions of other types.
pub fn unary(op: Unary) -> fn(f64) -> f64 {
    match op {
        Unary::Neg => |x| -x,
        Unary::Abs => f64::abs,
        Unary::Sign => sign,
        Unary::Square => |x| x * x,
        Unary::Sqrt => f64::sqrt,
        Unary::Rsqrt => |x| 1.0 / x.sqrt(),
        Unary::Exp => f64::exp,
        Unary::Expm1 => f64::exp_m1,
        Unary::Log => f64::ln,
        Unary::Log2 => f64::log2,
        Unary::Log10 => f64::log10,
        Unary::Log1p => f64::ln_1p,
        Unary::Sin => f64::sin,
        Unary::Cos => f64::cos,
        Unary::Tan => f64::tan,
        Unary::Arcsin => f64::asin,
        Unary::Arccos => f64::acos,
        Unary::Arctan => f64::atan,
        Unary::Sinh => f64::sinh,
        Unary::Cosh => f64::cosh,
        Unary::Tanh => f64::tanh,
        Unary::Arcsinh => arcsinh,
        Unary::Arccosh => arccosh,
        Unary::Arctanh => arctanh,
        Unary::Sigmoid => |x| 1.0 / (1.0 + (-x).exp()),
        Unary::Erf => |x| c::erf(x),
        Unary::Erfinv => erfinv,
        Unary::Floor => f64::floor,
        Unary::Ceil => f64::ceil,
        Unary::Round => f64::round_ties_even,
        Unary::Not | Unary::Invert | Unary::Conjugate | Unary::Real | Unary::Imag => |x| x,
    }
}

/// A function of two operands that is no single instruction.
pub fn binary(op: Binary) -> fn(f64, f64) -> f64 {
    match op {
        Binary::FloorDivide => |a, b| (a / b).floor(),
        Binary::Remainder => remainder,
        Binary::LogAddExp => logaddexp,
        Binary::Arctan2 => f64::atan2,
        _ => f64::powf,
    }
}

/// The standard library's loses bits of small and of large numbers.
pub(super) fn arcsinh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 1e8 {
        (a + a * a / (1.0 + (a * a + 1.0).sqrt())).ln_1p()
    } else {
        a.ln() + std::f64::consts::LN_2
    };
    y.copysign(x)
}

fn arccosh(x: f64) -> f64 {
    let t = x - 1.0;
    if x < 1.0 {
        f64::NAN
    } else if x < 1e8 {
        (t + (t * (x + 1.0)).sqrt()).ln_1p()
    } else {
        x.ln() + std::f64::consts::LN_2
    }
}

fn arctanh(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x)
}
