//! Functions of sixteen lanes that `math` has not. What no model computes much of is the standard
//! library's, lane by lane: it depends on the number alone, so bodies and tails agree.

use lazuli_core::ops::unary::Unary;

use crate::kernels::math::{self, LANES, Lanes};

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

/// Hyperbolic tangent, within 2 ulp.
///
/// A polynomial up to 0.625 (Cephes' `tanhf`), beyond that `1 - 2 / (e^2x + 1)`; odd by the sign bit.
#[inline(always)]
pub(super) fn tanh<L: Lanes>(l: L, x: L::F) -> L::F {
    let sign = l.and(l.bits(x), l.isplat(0x8000_0000));
    let magnitude = l.float(l.and(l.bits(x), l.isplat(0x7fff_ffff)));
    let one = l.splat(1.0);
    let e = math::exp(l, l.add(magnitude, magnitude));
    let far = l.sub(one, l.div(l.splat(2.0), l.add(e, one)));
    let square = l.mul(x, x);
    let mut p = l.splat(-5.704_988_7e-3);
    for c in [2.063_909e-2, -5.373_971_6e-2, 0.133_314_42, -0.333_332_8] {
        p = l.fma(p, square, l.splat(c));
    }
    let near = l.fma(l.mul(p, square), magnitude, magnitude);
    // The sign of the difference of the bits says which; as masks, by shifts of 0 or of 32.
    let beyond = l.iadd(
        l.bits(magnitude),
        l.isplat(0u32.wrapping_sub(0x3f20_0000 + 1)),
    );
    let shift = l.shl::<5>(l.shr::<31>(beyond));
    let far_mask = l.shlv(l.isplat(u32::MAX), shift);
    let other = l.and(l.iadd(shift, l.isplat(32)), l.isplat(63));
    let near_mask = l.shlv(l.isplat(u32::MAX), other);
    let far = l.and(l.bits(far), far_mask);
    let near = l.and(l.bits(near), near_mask);
    l.float(l.or(l.or(far, near), sign))
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
