//! The kernels of each dispatch path, as data.
//!
//! A path is one or two arithmetics; an arithmetic is a set of functions that produce and consume
//! weight elements in the same order, so that any of them can stand in for another.

use lazuli_core::dtype::Dtype;
use lazuli_core::rows::Role;

use super::{Matrix, Weight, portable};
#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, avx512};
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
    /// The functions for a kind of weight and a role.
    pub(super) decoder: fn(&Weight<'_>, Role) -> Decoder,
    /// `dot[c - 1]` takes `c` activation rows.
    pub(super) dot: &'static [Dot],
    /// What takes the place of `dot`, and of `fused` where rows can be decoded to memory: so that a
    /// row meets the same instruction in any company.
    pub(super) blocks: Option<Blocks>,
}

/// Products of blocks: of weight rows that were decoded to memory with panels of activations.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    /// Lays out as many activation rows as there are pointers, at most [`BLOCK_COLUMNS`], as a panel.
    pub(super) panel: Panel,
    pub(super) product: BlockProduct,
}

/// Weight rows of a block.
pub(super) const BLOCK_ROWS: usize = 32;

/// Activation rows of a panel.
pub(super) const BLOCK_COLUMNS: usize = 32;

/// Lays out rows of `k` elements, a multiple of a block, as a panel, with zeros for missing rows.
///
/// # Safety
/// The path is available, the rows are readable, and `panel` has room for [`BLOCK_COLUMNS`] of them.
pub(super) type Panel = unsafe fn(rows: &[*const u8], k: usize, panel: &mut [u8]);

/// `sums[c][r]` of row `c` of a panel with row `r` of [`BLOCK_ROWS`] weight rows, `stride` bytes apart.
///
/// # Safety
/// The path is available, all weight rows and the panel have `k` elements, a multiple of a block.
pub(super) type BlockProduct = unsafe fn(
    weights: *const u8,
    stride: usize,
    panel: &[u8],
    k: usize,
    sums: &mut [[f32; BLOCK_ROWS]; BLOCK_COLUMNS],
);

/// What depends on the kind of weight.
#[derive(Clone, Copy)]
pub(super) struct Decoder {
    /// Rows of elements are zero-padded to a multiple of this.
    pub(super) block: usize,
    /// None where any number of rows goes through `fused`.
    pub(super) expand: Option<Expand>,
    /// `fused[c - 1]` takes `c` activation rows; more go through `expand` and `dot`.
    pub(super) fused: &'static [Fused],
    /// What is done to a padded row of activations before the kernels read it.
    pub(super) arrange: Option<Arrange>,
}

/// Puts a row of activations into the form in which the kernels of a kind of weight read it.
#[derive(Clone, Copy)]
pub(super) struct Arrange {
    /// Elements that share a scale, for `extra` and `row`.
    pub(super) group: usize,
    /// Bytes that follow the padded row of `k` elements.
    pub(super) extra: fn(k: usize, group: usize) -> usize,
    /// Changes a padded row of `k` elements, with its extra bytes behind it, in place.
    pub(super) row: ArrangeRow,
}

/// # Safety
/// The path is available.
pub(super) type ArrangeRow = unsafe fn(row: &mut [u8], k: usize, group: usize);

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

#[cfg(target_arch = "x86_64")]
static AMX: Table = Table {
    isa: Isa::Amx,
    f32: avx512::F32,
    bf16: Some(amx::BF16),
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
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => &AMX,
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
