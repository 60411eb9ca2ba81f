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
    /// Bytes of weights, and of activations, that a thread keeps where many rows meet: a quarter to half
    /// of the L2 of machines with this path.
    pub(super) kept_bytes: usize,
}

/// Products by blocks of [`BLOCK`] by [`BLOCK`] sums: one operand by its rows as they lie, the other laid
/// out as a panel. Which is which changes no bit.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    /// Readies this thread for panels and products.
    pub(super) begin: unsafe fn(),
    /// Undoes `begin`.
    pub(super) end: unsafe fn(),
    pub(super) panel: Panel,
    pub(super) product: BlockProduct,
}

/// Rows of a block, and of a panel.
pub(super) const BLOCK: usize = 32;

/// Lays out up to [`BLOCK`] rows of `k` elements, a multiple of a block's, as a panel, with zeros for
/// missing rows.
///
/// # Safety
/// The path is available, the rows are readable, and `panel` has room for [`BLOCK`] of them.
pub(super) type Panel = unsafe fn(rows: &[*const u8], k: usize, panel: &mut [u8]);

/// Multiplies the rows of a block with those of a panel, and stores the sums rounded.
///
/// # Safety
/// The path is available and `begin` was called on this thread; [`BLOCK`] rows and the panel have `k`
/// elements, a multiple of a block's; the places are writable and nobody else's.
pub(super) type BlockProduct = unsafe fn(block: &Block<'_>, places: &Places);

/// The operands of a block.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    /// [`BLOCK`] rows, `stride` bytes apart.
    pub(super) rows: *const u8,
    pub(super) stride: usize,
    pub(super) panel: &'a [u8],
    /// Elements of each.
    pub(super) k: usize,
    /// Whether the rows are of weights and the panel of activations.
    pub(super) turned: bool,
    /// Memory that will be wanted later, and how many bytes of it.
    pub(super) ahead: Option<(*const u8, usize)>,
}

/// Where the sums of a block go.
pub(super) struct Places {
    /// Of each activation row, the place of the block's first weight row.
    pub(super) rows: [*mut u8; BLOCK],
    /// Activation rows.
    pub(super) count: usize,
    /// Weight rows.
    pub(super) width: usize,
    pub(super) dtype: Dtype,
}

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
