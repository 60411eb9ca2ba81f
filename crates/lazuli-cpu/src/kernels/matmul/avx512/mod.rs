//! The AVX-512 path: bf16 dot products where dtypes allow, f32 fused multiply-add elsewhere.
//!
//! Both arithmetics run the same three kernels over two traits: [`Element`] says how a vector is
//! multiplied, [`Decode`] how the rows of a kind of weight become vectors. A decoder is a stream, so
//! that one row of activations consumes it in registers and several consume it from a tile.

mod affine;
mod bf16;
mod digits;
mod f32;
mod kernels;
mod nibbles;
mod scales;

use std::arch::x86_64::*;

use super::Matrix;
use super::streams::AffineRows;
use super::table::{ArrangeRow, Fused};

pub(super) use bf16::ARITHMETIC as BF16;
pub(super) use f32::ARITHMETIC as F32;

/// How a vector of elements is loaded, stored and multiplied.
trait Element {
    type Vector: Copy;

    /// Elements of a vector.
    const LANES: usize;

    /// # Safety
    /// AVX-512 is available and the block is readable.
    unsafe fn load(row: *const u8, block: usize) -> Self::Vector;

    /// # Safety
    /// AVX-512 is available and the block is writable.
    unsafe fn store(row: *mut u8, block: usize, vector: Self::Vector);

    /// `sum` plus the products of the lanes.
    ///
    /// # Safety
    /// AVX-512 is available.
    unsafe fn multiply(sum: __m512, w: Self::Vector, x: Self::Vector) -> __m512;
}

/// The vector type of a decoder.
type VectorOf<D> = <<D as Decode>::Element as Element>::Vector;

/// One kind of weight as vectors of elements.
trait Decode: Sized {
    type Element: Element;

    /// Rows are decoded in blocks of this many elements.
    const BLOCK: usize = Self::Element::LANES;

    /// The order in which the elements are decoded, unless it is the natural one.
    const REORDER: Option<ArrangeRow> = None;

    /// The kernels that decode in registers. Decoding to memory costs a store and a load of each
    /// vector, which the common formats avoid for as many rows as leave registers to the decoder.
    const FUSED: &'static [Fused] = &[kernels::fused::<Self, 1>];

    /// Calls `sink(i, vectors)` for each vector `i` of the padded length, ascending, with one vector
    /// for each of `rows`.
    ///
    /// # Safety
    /// AVX-512 is available, and the matrix is of this kind and has the rows.
    unsafe fn rows<const R: usize>(
        matrix: &Matrix<'_>,
        rows: [usize; R],
        sink: impl FnMut(usize, [VectorOf<Self>; R]),
    );
}
