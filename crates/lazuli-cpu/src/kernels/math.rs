//! Elementary functions on sixteen lanes, and the vocabulary that kernels are written in.
//!
//! Branch-free, one instruction sequence for bodies and tails (tails are padded), explicit
//! multiply-adds: a number's bits do not depend on the lane it sits in. Errors against `f64` are
//! bounded by tests: 2 ulp for [`exp`], 4 for the functions built on it.

#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
pub mod element;
pub mod entry;
pub mod lanes;
pub mod portable;
pub mod shared;
#[cfg(test)]
mod tests;

pub use element::Element;
pub use entry::{Entry, Kernel};
pub use lanes::{LANES, Lanes};
pub use shared::Shared;

pub use super::scratch::Scratch;

/// `e^x`. Below -104 it is 0, above 88.8 infinite; subnormal results are rounded once more.
///
/// Cody and Waite's reduction to `|r| <= ln 2 / 2`, then a polynomial of degree 7.
#[inline(always)]
pub fn exp<L: Lanes>(l: L, x: L::F) -> L::F {
    // Beyond these ends the result is 0 or infinite anyway. A NaN passes: it is the second operand.
    let x = l.min(l.splat(89.0), l.max(l.splat(-105.0), x));
    // Adding 1.5 * 2^23 rounds to a whole number.
    let magic = l.splat(12_582_912.0);
    let n = l.sub(l.fma(x, l.splat(std::f32::consts::LOG2_E), magic), magic);
    // ln 2 in two parts; the first has few enough bits for n times it to be exact.
    let r = l.fma(n, l.splat(-355.0 / 512.0), x);
    let r = l.fma(n, l.splat(2.121_944_4e-4), r);
    let mut p = l.splat(1.0 / 5040.0);
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        p = l.fma(p, r, l.splat(c));
    }
    let p = l.fma(l.mul(r, r), p, r);
    l.ldexp(l.add(p, l.splat(1.0)), n)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid<L: Lanes>(l: L, x: L::F) -> L::F {
    let one = l.splat(1.0);
    l.div(one, l.add(one, exp(l, l.sub(l.splat(0.0), x))))
}

/// `x / (1 + e^-x)`; -0 at minus infinity.
#[inline(always)]
pub fn silu<L: Lanes>(l: L, x: L::F) -> L::F {
    // A finite dividend gives the limit, not infinity over infinity.
    let x = l.max(l.splat(f32::MIN), x);
    l.div(x, l.add(l.splat(1.0), exp(l, l.sub(l.splat(0.0), x))))
}

/// `ln(1 + e^x)`.
#[inline(always)]
pub fn softplus<L: Lanes>(l: L, x: L::F) -> L::F {
    // max(x, 0) + ln(1 + u) with u = e^-|x| <= 1, and ln(1 + u) = 2 artanh(u / (2 + u)).
    let magnitude = l.float(l.and(l.bits(x), l.isplat(0x7fff_ffff)));
    let u = exp(l, l.sub(l.splat(0.0), magnitude));
    let s = l.div(u, l.add(u, l.splat(2.0)));
    let s2 = l.mul(s, s);
    let mut p = l.splat(2.0 / 17.0);
    for odd in [15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0f32] {
        p = l.fma(p, s2, l.splat(2.0 / odd));
    }
    l.fma(p, s, l.max(l.splat(0.0), x))
}

/// The first lane of `f` applied to `x` in all lanes: the scalar form, with the same bits.
macro_rules! scalar {
    ($(#[$doc:meta] $name:ident = $of:ident;)*) => {$(
        #[$doc]
        #[inline(always)]
        pub fn $name<L: Lanes>(l: L, x: f32) -> f32 {
            let mut out = [0.0; LANES];
            // SAFETY: `out` holds sixteen lanes.
            unsafe { l.store($of(l, l.splat(x)), out.as_mut_ptr()) };
            out[0]
        }
    )*};
}

scalar! {
    /// [`exp`] of one number.
    exp1 = exp;
    /// [`sigmoid`] of one number.
    sigmoid1 = sigmoid;
    /// [`softplus`] of one number.
    softplus1 = softplus;
}
