//! Slices whose float type is known at run time.

use half::{bf16, f16};

/// Read-only floats.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Floats<'a> {
    F32(&'a [f32]),
    Bf16(&'a [bf16]),
    F16(&'a [f16]),
}

impl Floats<'_> {
    /// Elements.
    #[allow(clippy::len_without_is_empty)] // Bounds are all that is asked for.
    pub fn len(&self) -> usize {
        match self {
            Floats::F32(x) => x.len(),
            Floats::Bf16(x) => x.len(),
            Floats::F16(x) => x.len(),
        }
    }

    /// Element `i` as `f32`; exact.
    #[inline(always)]
    pub fn get(&self, i: usize) -> f32 {
        match self {
            Floats::F32(x) => x[i],
            Floats::Bf16(x) => x[i].to_f32(),
            Floats::F16(x) => x[i].to_f32(),
        }
    }
}

/// Floats to write.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum FloatsMut<'a> {
    F32(&'a mut [f32]),
    Bf16(&'a mut [bf16]),
    F16(&'a mut [f16]),
}
