//! The float types that rows are stored in, loaded as sixteen lanes of `f32`.
//!
//! Tails are loaded into zero-filled lanes and go through the same instructions as the body, so that
//! an element's bits do not depend on where in the row it sits.

use super::lanes::{LANES, Lanes};
use half::{bf16, f16};

/// A float type of a row.
pub trait Element: Copy + Send + Sync + Default + PartialEq + std::fmt::Debug + 'static {
    /// Reads sixteen elements; `from` is valid for reads of sixteen.
    ///
    /// # Safety
    /// As said.
    unsafe fn load<L: Lanes>(lanes: L, from: *const Self) -> L::F;
    /// Rounds and writes sixteen elements; `to` is valid for writes of sixteen.
    ///
    /// # Safety
    /// As said.
    unsafe fn store<L: Lanes>(lanes: L, x: L::F, to: *mut Self);
    /// As `f32`; exact.
    fn to_f32(self) -> f32;
    /// Rounded to nearest, ties to even.
    fn from_f32(x: f32) -> Self;

    /// The sixteen elements of `from` that start at `at`, zero beyond its end.
    #[inline(always)]
    fn read<L: Lanes>(lanes: L, from: &[Self], at: usize) -> L::F {
        if at + LANES <= from.len() {
            // SAFETY: sixteen elements lie within `from`.
            return unsafe { Self::load(lanes, from.as_ptr().add(at)) };
        }
        let mut padded = [Self::default(); LANES];
        for (to, &x) in padded.iter_mut().zip(from.iter().skip(at)) {
            *to = x;
        }
        // SAFETY: `padded` holds sixteen elements.
        unsafe { Self::load(lanes, padded.as_ptr()) }
    }

    /// Writes sixteen lanes to `to` from `at` on, dropping those beyond its end.
    #[inline(always)]
    fn write<L: Lanes>(lanes: L, x: L::F, to: &mut [Self], at: usize) {
        if at + LANES <= to.len() {
            // SAFETY: sixteen elements lie within `to`.
            return unsafe { Self::store(lanes, x, to.as_mut_ptr().add(at)) };
        }
        let mut padded = [Self::default(); LANES];
        // SAFETY: `padded` holds sixteen elements.
        unsafe { Self::store(lanes, x, padded.as_mut_ptr()) };
        for (to, &x) in to.iter_mut().skip(at).zip(padded.iter()) {
            *to = x;
        }
    }
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(lanes: L, from: *const f32) -> L::F {
        // SAFETY: the caller's promise.
        unsafe { lanes.load(from) }
    }
    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, x: L::F, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { lanes.store(x, to) }
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn from_f32(x: f32) -> f32 {
        x
    }
}

impl Element for bf16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(lanes: L, from: *const bf16) -> L::F {
        // SAFETY: the caller's promise; `bf16` is a transparent `u16`.
        lanes.low_bf16(unsafe { lanes.iload16(from.cast()) })
    }
    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, x: L::F, to: *mut bf16) {
        // SAFETY: the caller's promise; `bf16` is a transparent `u16`.
        unsafe { lanes.istore16(lanes.round_bf16(x), to.cast()) }
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        bf16::to_f32(self)
    }
    #[inline(always)]
    fn from_f32(x: f32) -> bf16 {
        bf16::from_f32(x)
    }
}

impl Element for f16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(lanes: L, from: *const f16) -> L::F {
        // SAFETY: the caller's promise; `f16` is a transparent `u16`.
        unsafe { lanes.load_f16(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, x: L::F, to: *mut f16) {
        // SAFETY: the caller's promise; `f16` is a transparent `u16`.
        unsafe { lanes.store_f16(x, to.cast()) }
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f16::to_f32(self)
    }
    #[inline(always)]
    fn from_f32(x: f32) -> f16 {
        f16::from_f32(x)
    }
}
