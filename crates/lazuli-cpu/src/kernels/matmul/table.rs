//! The kernels of each dispatch path, as data.
//!
//! A path is one or two arithmetics; an arithmetic is a set of functions that produce and consume
//! weight elements in the same order, so that any of them can stand in for another.

use lazuli_core::dtype::Dtype;

use super::{Matrix, Weight, portable};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::isa::Isa;

/// Weight rows that a kernel takes at a time.
pub(super) const ROWS: usize = 4;

/// Most activation rows that any dot kernel takes at a time.
pub(super) const MAX_COLUMNS: usize = 6;

/// The matmul kernels of one dispatch path.
pub struct Table {
    pub(super) isa: Isa,
    pub(super) f32: Arithmetic,
    pub(super) bf16: Option<Arithmetic>,
}

/// How weight elements are represented, produced and multiplied.
pub(super) struct Arithmetic {
    /// `F32` or `BF16`: the type of decoded weights and packed activations.
    pub(super) element: Dtype,
    /// The functions for a kind of weight.
    pub(super) decoder: fn(&Weight<'_>) -> Decoder,
    /// `dot[c - 1]` takes `c` activation rows.
    pub(super) dot: &'static [Dot],
}

/// What depends on the kind of weight.
#[derive(Clone, Copy)]
pub(super) struct Decoder {
    /// Rows of elements are zero-padded to a multiple of this.
    pub(super) block: usize,
    pub(super) expand: Expand,
    /// `fused[c - 1]` takes `c` activation rows; more go through `expand` and `dot`.
    pub(super) fused: &'static [Fused],
    /// Puts a padded row of activations into the order in which the weights are decoded.
    pub(super) reorder: Option<Reorder>,
}

/// Reorders the elements of a padded row in place.
///
/// # Safety
/// The path is available.
pub(super) type Reorder = unsafe fn(row: &mut [u8]);

/// Decodes rows of a matrix to `dst`, each padded with zeros to a multiple of the block.
///
/// # Safety
/// The path is available, the rows are in the matrix, and the matrix is of the kind that the
/// function was chosen for. `dst` has room for four padded rows.
pub(super) type Expand = unsafe fn(matrix: &Matrix<'_>, rows: [usize; ROWS], dst: &mut [u8]);

/// Multiplies rows of a matrix, decoded in registers, with as many activation rows as `sums` has.
///
/// # Safety
/// As for [`Expand`] and [`Dot`].
pub(super) type Fused = unsafe fn(
    matrix: &Matrix<'_>,
    rows: [usize; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    sums: &mut [[f32; ROWS]],
);

/// Multiplies decoded weight rows with as many activation rows as `sums` has: `sums[c][r]` is
/// `x[c]` times `weights[r]`.
///
/// # Safety
/// The path is available, `sums.len()` is the function's number of columns and at most `x.len()`,
/// and each pointer is to a readable row of `k` elements, a multiple of the lanes.
pub(super) type Dot = unsafe fn(
    weights: [*const u8; ROWS],
    x: &[*const u8; MAX_COLUMNS],
    k: usize,
    sums: &mut [[f32; ROWS]],
);

static PORTABLE: Table = Table {
    isa: Isa::Portable,
    f32: portable::ARITHMETIC,
    bf16: None,
};

#[cfg(target_arch = "x86_64")]
static AVX2: Table = Table {
    isa: Isa::Avx2,
    f32: avx2::ARITHMETIC,
    bf16: None,
};

#[cfg(target_arch = "x86_64")]
static AVX512: Table = Table {
    isa: Isa::Avx512,
    f32: avx512::F32,
    bf16: Some(avx512::BF16),
};

impl Table {
    /// The kernels of a path.
    ///
    /// # Panics
    /// If this machine cannot run the path: ask [`Isa::available`] first.
    pub fn new(isa: Isa) -> &'static Table {
        assert!(isa.available(), "this machine has no {isa}");
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &AVX2,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &AVX512,
            _ => &PORTABLE,
        }
    }

    /// The path of the kernels.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The arithmetic for these dtypes; nothing else may choose it.
    pub(super) fn arithmetic(&self, x: Dtype, weight: &Weight<'_>) -> &Arithmetic {
        match (&self.bf16, x, weight) {
            (Some(bf16), Dtype::BF16, Weight::BF16(_) | Weight::Affine(_) | Weight::Block(_)) => {
                bf16
            }
            _ => &self.f32,
        }
    }
}
