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

/// Rows of equal distance in a larger matrix: row `i` starts at element `i * stride`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a, T> {
    /// From the first element of the first row on.
    pub elements: &'a [T],
    /// Elements from row to row.
    pub stride: usize,
}

impl<'a, T> Strided<'a, T> {
    /// Rows of `width` without gaps.
    pub fn contiguous(elements: &'a [T], width: usize) -> Strided<'a, T> {
        Strided {
            elements,
            stride: width,
        }
    }

    /// The first `width` elements of row `i`.
    #[inline(always)]
    pub fn row(&self, i: usize, width: usize) -> &'a [T] {
        &self.elements[i * self.stride..][..width]
    }

    /// Whether `rows` rows of `width` lie within the slice.
    pub fn holds(&self, rows: usize, width: usize) -> bool {
        rows == 0 || (rows - 1) * self.stride + width <= self.elements.len()
    }
}
