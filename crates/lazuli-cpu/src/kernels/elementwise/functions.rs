//! Functions of sixteen lanes that `math` has not: the standard library's, lane by lane.
//!
//! They depend on the number alone, so bodies and tails agree.

use lazuli_core::ops::unary::Unary;

use crate::kernels::math::{LANES, Lanes};

/// `f` of each lane.
#[inline(always)]
pub(super) fn by_lane<L: Lanes>(l: L, x: L::F, f: impl Fn(f32) -> f32) -> L::F {
    let mut lanes = [0.0f32; LANES];
    // SAFETY: `lanes` holds sixteen lanes.
    unsafe {
        l.store(x, lanes.as_mut_ptr());
        for lane in &mut lanes {
            *lane = f(*lane);
        }
        l.load(lanes.as_ptr())
    }
}

/// `f` of each pair of lanes.
#[inline(always)]
pub(super) fn by_pair<L: Lanes>(l: L, a: L::F, b: L::F, f: impl Fn(f32, f32) -> f32) -> L::F {
    let (mut x, mut y) = ([0.0f32; LANES], [0.0f32; LANES]);
    // SAFETY: `x` and `y` hold sixteen lanes.
    unsafe {
        l.store(a, x.as_mut_ptr());
        l.store(b, y.as_mut_ptr());
        for (x, y) in x.iter_mut().zip(y) {
            *x = f(*x, y);
        }
        l.load(x.as_ptr())
    }
}

/// A function in `f64`; none where it has no meaning there.
pub fn unary_f64(op: Unary) -> fn(f64) -> f64 {
    match op {
        Unary::Neg => |x| -x,
        Unary::Abs => f64::abs,
        Unary::Square => |x| x * x,
        Unary::Sqrt => f64::sqrt,
        Unary::Rsqrt => |x| 1.0 / x.sqrt(),
        Unary::Exp => f64::exp,
        Unary::Log => f64::ln,
        Unary::Log1p => f64::ln_1p,
        Unary::Sin => f64::sin,
        Unary::Cos => f64::cos,
        Unary::Tanh => f64::tanh,
        Unary::Sigmoid => |x| 1.0 / (1.0 + (-x).exp()),
        Unary::Floor => f64::floor,
        Unary::Round => f64::round_ties_even,
        Unary::Not => |x| (x == 0.0) as u8 as f64,
    }
}
