//! Functions of sixteen lanes that `math` has not, and ways to apply scalar ones to lanes: each depends
//! on the number alone, so bodies and tails agree.

use super::formulas;
use crate::kernels::math::{self, LANES, Lanes};

#[inline(always)]
fn lanes_of<L: Lanes>(l: L, x: L::F) -> [f32; LANES] {
    let mut lanes = [0.0f32; LANES];
    // SAFETY: `lanes` holds sixteen lanes.
    unsafe { l.store(x, lanes.as_mut_ptr()) };
    lanes
}

#[inline(always)]
fn vector_of<L: Lanes>(l: L, lanes: &[f32; LANES]) -> L::F {
    // SAFETY: `lanes` holds sixteen lanes.
    unsafe { l.load(lanes.as_ptr()) }
}

/// `f` of each lane.
#[inline(always)]
pub(super) fn by_lane<L: Lanes>(l: L, x: L::F, f: impl Fn(f32) -> f32) -> L::F {
    let mut lanes = lanes_of(l, x);
    for lane in &mut lanes {
        *lane = f(*lane);
    }
    vector_of(l, &lanes)
}

/// `f` of each pair of lanes.
#[inline(always)]
pub(super) fn by_pair<L: Lanes>(l: L, a: L::F, b: L::F, f: impl Fn(f32, f32) -> f32) -> L::F {
    let (mut x, y) = (lanes_of(l, a), lanes_of(l, b));
    for (x, &y) in x.iter_mut().zip(&y) {
        *x = f(*x, y);
    }
    vector_of(l, &x)
}

/// `f` in `f64` of each lane.
#[inline(always)]
pub(super) fn wide<L: Lanes>(l: L, x: L::F, f: impl Fn(L, f64) -> f64) -> L::F {
    by_lane(l, x, |x| f(l, f64::from(x)) as f32)
}

/// `f` in `f64` of each pair of lanes.
#[inline(always)]
pub(super) fn wide_pair<L: Lanes>(l: L, a: L::F, b: L::F, f: impl Fn(L, f64, f64) -> f64) -> L::F {
    by_pair(l, a, b, |a, b| f(l, f64::from(a), f64::from(b)) as f32)
}

/// `near` of each lane, `far` of lanes whose angle is too large for that.
#[inline(always)]
pub(super) fn wide_angle<L: Lanes>(
    l: L,
    x: L::F,
    near: impl Fn(L, f64) -> f64,
    far: fn(f32) -> f32,
) -> L::F {
    let y = wide(l, x, near);
    let angles = lanes_of(l, x);
    let beyond = |x: f32| x.abs() > formulas::FAR_ANGLE;
    if !angles.iter().fold(false, |any, &x| any | beyond(x)) {
        return y;
    }
    let mut lanes = lanes_of(l, y);
    for (y, x) in lanes.iter_mut().zip(angles) {
        if beyond(x) {
            *y = far(x);
        }
    }
    vector_of(l, &lanes)
}

/// -1, 0 or 1; 0 of NaN.
#[inline(always)]
pub(super) fn sign(x: f32) -> f32 {
    f32::from((x > 0.0) as i8 - (x < 0.0) as i8)
}

/// What division rounded down leaves: the sign of `b`, or a zero of the sign of `a`.
#[inline(always)]
pub(super) fn remainder(a: f32, b: f32) -> f32 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
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
