//! Functions of complex numbers: parts of `f32`, computed in `f64` and rounded once.
//!
//! So nothing overflows on the way, and textbook formulas lose no bits that the result has. Branch cuts
//! and the signs of zeros are those of C99 (Kahan, "Branch Cuts for Complex Elementary Functions",
//! 1987).

use lazuli_core::ops::binary::Binary;
use lazuli_core::ops::unary::Unary;

use super::double;
use super::number::Complex;

/// A complex number of `f64`.
#[derive(Clone, Copy)]
struct Wide {
    re: f64,
    im: f64,
}

fn wide(re: f64, im: f64) -> Wide {
    Wide { re, im }
}

impl From<Complex> for Wide {
    fn from(z: Complex) -> Wide {
        wide(z[0].into(), z[1].into())
    }
}

impl From<Wide> for Complex {
    fn from(z: Wide) -> Complex {
        [z.re as f32, z.im as f32]
    }
}

/// A product in which zero times infinity is zero: of a sine and a hyperbolic cosine.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        0.0f64.copysign(a) * 1.0f64.copysign(b)
    } else {
        a * b
    }
}

impl Wide {
    fn is_nan(self) -> bool {
        self.re.is_nan() || self.im.is_nan()
    }

    fn is_zero(self) -> bool {
        self.re == 0.0 && self.im == 0.0
    }

    fn is_infinite(self) -> bool {
        self.re.is_infinite() || self.im.is_infinite()
    }

    fn add(self, b: Wide) -> Wide {
        wide(self.re + b.re, self.im + b.im)
    }

    fn sub(self, b: Wide) -> Wide {
        wide(self.re - b.re, self.im - b.im)
    }

    fn mul(self, b: Wide) -> Wide {
        wide(
            self.re * b.re - self.im * b.im,
            self.re * b.im + self.im * b.re,
        )
    }

    fn div(self, b: Wide) -> Wide {
        if b.is_zero() {
            return wide(self.re / b.re, self.im / b.re);
        }
        if b.is_infinite() && !b.is_nan() && !self.is_infinite() {
            return wide(0.0, 0.0);
        }
        let square = b.re * b.re + b.im * b.im;
        let above = self.mul(b.conjugate());
        wide(above.re / square, above.im / square)
    }

    fn scale(self, by: f64) -> Wide {
        wide(self.re * by, self.im * by)
    }

    fn conjugate(self) -> Wide {
        wide(self.re, -self.im)
    }

    /// `i z`.
    fn turned(self) -> Wide {
        wide(-self.im, self.re)
    }

    /// `-i z`.
    fn turned_back(self) -> Wide {
        wide(self.im, -self.re)
    }

    fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    fn arg(self) -> f64 {
        self.im.atan2(self.re)
    }

    fn sqrt(self) -> Wide {
        if self.is_zero() {
            return wide(0.0, self.im);
        }
        if self.im.is_infinite() {
            return wide(f64::INFINITY, self.im);
        }
        if self.re.is_infinite() {
            let (long, short) = (f64::INFINITY, if self.im.is_nan() { f64::NAN } else { 0.0 });
            return if self.re > 0.0 {
                wide(long, short.copysign(self.im))
            } else {
                wide(short, long.copysign(self.im))
            };
        }
        let t = (0.5 * (self.re.abs() + self.abs())).sqrt();
        if self.re >= 0.0 {
            wide(t, self.im / (2.0 * t))
        } else {
            wide(self.im.abs() / (2.0 * t), t.copysign(self.im))
        }
    }

    fn exp(self) -> Wide {
        let size = self.re.exp();
        if self.im == 0.0 {
            return wide(size, self.im);
        }
        if size == 0.0 && !self.im.is_finite() {
            return wide(0.0, 0.0);
        }
        wide(size * self.im.cos(), size * self.im.sin())
    }

    /// `ln |z|`, exact near the unit circle.
    fn log_abs(self) -> f64 {
        let (long, short) = if self.re.abs() >= self.im.abs() {
            (self.re.abs(), self.im)
        } else {
            (self.im.abs(), self.re)
        };
        let excess = (long - 1.0) * (long + 1.0) + short * short;
        if excess.abs() < 0.5 {
            0.5 * excess.ln_1p()
        } else {
            self.abs().ln()
        }
    }

    fn log(self) -> Wide {
        wide(self.log_abs(), self.arg())
    }

    fn log1p(self) -> Wide {
        let excess = self.re * (self.re + 2.0) + self.im * self.im;
        let moved = wide(self.re + 1.0, self.im);
        if excess.abs() < 0.5 {
            wide(0.5 * excess.ln_1p(), moved.arg())
        } else {
            moved.log()
        }
    }

    fn sinh(self) -> Wide {
        if self.im == 0.0 {
            return wide(self.re.sinh(), self.im);
        }
        wide(
            times(self.re.sinh(), self.im.cos()),
            times(self.re.cosh(), self.im.sin()),
        )
    }

    fn cosh(self) -> Wide {
        if self.im == 0.0 {
            return wide(self.re.cosh(), times(self.re.sinh(), self.im));
        }
        wide(
            times(self.re.cosh(), self.im.cos()),
            times(self.re.sinh(), self.im.sin()),
        )
    }

    fn tanh(self) -> Wide {
        if self.im == 0.0 {
            return wide(self.re.tanh(), self.im);
        }
        let (sin, cos) = self.im.sin_cos();
        if self.re.abs() > 300.0 {
            return wide(1.0f64.copysign(self.re), times(0.0, sin * cos));
        }
        let (sinh, cosh) = (self.re.sinh(), self.re.cosh());
        let below = sinh * sinh + cos * cos;
        wide(sinh * cosh / below, sin * cos / below)
    }

    fn one_minus(self) -> Wide {
        wide(1.0 - self.re, -self.im)
    }

    fn one_plus(self) -> Wide {
        wide(1.0 + self.re, self.im)
    }

    fn arcsin(self) -> Wide {
        let (minus, plus) = (self.one_minus().sqrt(), self.one_plus().sqrt());
        wide(
            self.re.atan2(minus.mul(plus).re),
            double::arcsinh(minus.conjugate().mul(plus).im),
        )
    }

    fn arccos(self) -> Wide {
        let (minus, plus) = (self.one_minus().sqrt(), self.one_plus().sqrt());
        wide(
            2.0 * minus.re.atan2(plus.re),
            double::arcsinh(plus.conjugate().mul(minus).im),
        )
    }

    fn arccosh(self) -> Wide {
        let (minus, plus) = (wide(self.re - 1.0, self.im).sqrt(), self.one_plus().sqrt());
        wide(
            double::arcsinh(minus.conjugate().mul(plus).re),
            2.0 * minus.im.atan2(plus.re),
        )
    }

    fn arctanh(self) -> Wide {
        let (a, b) = (self.re, self.im);
        if self.is_infinite() {
            let quarter = std::f64::consts::FRAC_PI_2.copysign(b);
            return wide(0.0f64.copysign(a), quarter);
        }
        let apart = (1.0 - a.abs()) * (1.0 - a.abs()) + b * b;
        wide(
            (0.25 * (4.0 * a.abs() / apart).ln_1p()).copysign(a),
            0.5 * (2.0 * b).atan2((1.0 - a) * (1.0 + a) - b * b),
        )
    }

    fn sign(self) -> Wide {
        if self.is_zero() {
            return wide(0.0, 0.0);
        }
        let size = self.abs();
        if self.is_nan() {
            return wide(f64::NAN, f64::NAN);
        }
        wide(self.re / size, self.im / size)
    }

    fn power(self, b: Wide) -> Wide {
        if b.is_zero() {
            return wide(1.0, 0.0);
        }
        if self.is_zero() && b.re > 0.0 {
            return wide(0.0, 0.0);
        }
        b.mul(self.log()).exp()
    }

    fn logaddexp(self, b: Wide) -> Wide {
        if self.is_nan() || b.is_nan() {
            return wide(f64::NAN, f64::NAN);
        }
        let (low, high) = if less(self.into(), b.into()) {
            (self, b)
        } else {
            (b, self)
        };
        if low.re == f64::NEG_INFINITY || high.re == f64::INFINITY {
            return high;
        }
        high.add(low.sub(high).exp().log1p())
    }
}

/// Whether `a` comes before `b`: by real, then by imaginary part.
pub fn less(a: Complex, b: Complex) -> bool {
    a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
}

fn is_nan(a: Complex) -> bool {
    a[0].is_nan() || a[1].is_nan()
}

/// A function of one operand with complex values; the identity for functions of other types.
pub fn unary(op: Unary) -> fn(Complex) -> Complex {
    macro_rules! of {
        (|$z:ident| $body:expr) => {
            |z| {
                let $z = Wide::from(z);
                $body.into()
            }
        };
    }
    use std::f64::consts::{LOG2_E, LOG10_E};
    match op {
        Unary::Neg => |z| [-z[0], -z[1]],
        Unary::Sign => of!(|z| z.sign()),
        Unary::Square => of!(|z| z.mul(z)),
        Unary::Sqrt => of!(|z| z.sqrt()),
        Unary::Rsqrt => of!(|z| wide(1.0, 0.0).div(z.sqrt())),
        Unary::Exp => of!(|z| z.exp()),
        Unary::Log => of!(|z| z.log()),
        Unary::Log2 => of!(|z| z.log().scale(LOG2_E)),
        Unary::Log10 => of!(|z| z.log().scale(LOG10_E)),
        Unary::Log1p => of!(|z| z.log1p()),
        Unary::Sin => of!(|z| z.turned().sinh().turned_back()),
        Unary::Cos => of!(|z| z.turned().cosh()),
        Unary::Tan => of!(|z| z.turned().tanh().turned_back()),
        Unary::Arcsin => of!(|z| z.arcsin()),
        Unary::Arccos => of!(|z| z.arccos()),
        Unary::Arctan => of!(|z| z.turned().arctanh().turned_back()),
        Unary::Sinh => of!(|z| z.sinh()),
        Unary::Cosh => of!(|z| z.cosh()),
        Unary::Tanh => of!(|z| z.tanh()),
        Unary::Arcsinh => of!(|z| z.turned().arcsin().turned_back()),
        Unary::Arccosh => of!(|z| z.arccosh()),
        Unary::Arctanh => of!(|z| z.arctanh()),
        Unary::Round => |z| z.map(f32::round_ties_even),
        Unary::Conjugate => |z| [z[0], -z[1]],
        _ => |z| z,
    }
}

/// A function of one operand with real values.
pub fn part(op: Unary) -> fn(Complex) -> f32 {
    match op {
        Unary::Abs => |z| Wide::from(z).abs() as f32,
        Unary::Imag => |z| z[1],
        _ => |z| z[0],
    }
}

/// A function of two operands that a ring has not.
pub fn binary(op: Binary) -> fn(Complex, Complex) -> Complex {
    match op {
        Binary::Divide => |a, b| Wide::from(a).div(b.into()).into(),
        Binary::Maximum => |a, b| {
            if is_nan(a) || !is_nan(b) && less(b, a) {
                a
            } else {
                b
            }
        },
        Binary::Minimum => |a, b| {
            if is_nan(a) || !is_nan(b) && less(a, b) {
                a
            } else {
                b
            }
        },
        Binary::LogAddExp => |a, b| Wide::from(a).logaddexp(b.into()).into(),
        _ => |a, b| Wide::from(a).power(b.into()).into(),
    }
}

/// A comparison by order.
pub fn relation(op: Binary) -> fn(Complex, Complex) -> bool {
    match op {
        Binary::Less => less,
        Binary::LessEqual => |a, b| less(a, b) || a == b,
        Binary::Greater => |a, b| less(b, a),
        _ => |a, b| less(b, a) || a == b,
    }
}
