//! Matrix products with weights: dense and quantized, for one row as for a thousand.
//!
//! The rule that shapes everything here is row independence (design, section 5): an output element
//! has the same bits whatever the other rows of the call are, how many there are, and how many
//! threads run. So every output is one accumulator vector over K, filled in the same order by every
//! kernel of a path and summed by the same tree; M chooses only loops, tiles and threads. That is
//! why lanes run over K and not over N, which is how a general GEMM would do it.
//!
//! The arithmetic is chosen by dtypes and, for affine weights, by the rows' role:
//! - `bf16` activations with `bf16` or quantized weights, where the path has bf16 dot products
//!   (AVX-512): weights become bf16 values (affine: `code * scale + bias` in f32, rounded once; blocks
//!   of floats exactly), and pairs of products are summed in f32.
//! - `bf16` activations of generated tokens with affine weights on the same path: activations become
//!   integers of 16 bits by group, sums within a group are exact (`avx512/digits.rs`).
//! - everything else: operands become f32 exactly (affine: `code * scale + bias` in f32), and
//!   products are summed in f32.
//!
//! One row decodes weights in registers on the way to the dot product; more rows decode a tile of
//! weight rows to L1 or L2 once and reuse it. Not chosen: repacking weights at load, which would
//! cost a copy of every mapped file.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocked;
mod blocks;
mod driver;
mod panels;
mod portable;
mod scratch;
#[cfg(target_arch = "x86_64")]
mod streams;
mod table;
mod turned;
pub mod wide;

#[cfg(test)]
mod tests;

pub use table::Table;
pub use turned::quantized_rows;

use lazuli_core::dtype::Dtype;
use lazuli_core::rows::Role;

use super::quant::floats;
pub use super::quant::{Affine, Block};
use crate::pool::Pool;

/// Weights of `[n, k]`, row-major; `[experts, n, k]` for [`gather_linear`]. Little-endian bytes of
/// any alignment.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Weight<'a> {
    F32(&'a [u8]),
    F16(&'a [u8]),
    BF16(&'a [u8]),
    Affine(Affine<'a>),
    Block(Block<'a>),
}

/// Activations: rows of `k` floats, `stride` elements apart.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Little-endian bytes of any alignment.
    pub bytes: &'a [u8],
    /// `F32`, `F16` or `BF16`.
    pub dtype: Dtype,
    /// Elements from one row to the next, at least `k`.
    pub stride: usize,
}

/// What [`linear`] computes: `out[m, n] = sum_k x[m, k] * weight[n, k]`.
#[derive(Debug)]
pub struct Linear<'a> {
    /// `m` rows.
    pub x: Rows<'a>,
    /// `[n, k]`.
    pub weight: Weight<'a>,
    /// Rows of `x`.
    pub m: usize,
    /// Rows of `weight`.
    pub n: usize,
    /// Length of both; for quantized weights a multiple of the group.
    pub k: usize,
    /// `[m, n]`, contiguous, of any alignment.
    pub out: &'a mut [u8],
    /// `F32`, `F16` or `BF16`: sums are rounded to it once.
    pub out_dtype: Dtype,
    /// The role of each row.
    pub roles: Roles<'a>,
}

/// Which rows are of generated tokens.
#[derive(Clone, Copy, Debug)]
pub enum Roles<'a> {
    /// All are of this role.
    All(Role),
    /// One number per row, 0 for a prompt's.
    Each(&'a [u8]),
}

impl Roles<'_> {
    /// What products without roles take their rows for.
    pub const PROMPT: Roles<'static> = Roles::All(Role::Prompt);

    fn of(self, row: usize) -> Role {
        match self {
            Roles::All(role) => role,
            Roles::Each(generated) if generated[row] == 0 => Role::Prompt,
            Roles::Each(_) => Role::Generated,
        }
    }

    /// The role of all of the rows, if they have one.
    fn common(self, rows: usize) -> Option<Role> {
        if let Roles::Each(generated) = self {
            assert_eq!(generated.len(), rows, "roles of {rows} rows");
        }
        let first = (rows > 0).then(|| self.of(0))?;
        (1..rows).all(|row| self.of(row) == first).then_some(first)
    }
}

/// What [`gather_linear`] computes: `out[t, s] = x[t (, s)] . weight[ids[t, s]]` transposed.
#[derive(Debug)]
pub struct GatherLinear<'a> {
    /// `tokens` rows, or `tokens * slots` if `x_per_slot`.
    pub x: Rows<'a>,
    /// Whether each slot of a token has a row of its own.
    pub x_per_slot: bool,
    /// `[experts, n, k]`.
    pub weight: Weight<'a>,
    /// `[tokens, slots]`, each below `experts`.
    pub ids: &'a [u32],
    /// Experts of each token.
    pub slots: usize,
    /// Leading axis of `weight`.
    pub experts: usize,
    /// Rows of each expert.
    pub n: usize,
    /// Length of a row; for quantized weights a multiple of the group.
    pub k: usize,
    /// `[tokens, slots, n]`, contiguous, of any alignment.
    pub out: &'a mut [u8],
    /// `F32`, `F16` or `BF16`.
    pub out_dtype: Dtype,
    /// The role of each token.
    pub roles: Roles<'a>,
}

/// `x` times the transpose of `weight`.
///
/// # Panics
/// If the lengths do not fit together: shapes are the caller's contract.
pub fn linear(table: &Table, pool: &Pool, args: Linear<'_>) {
    let Linear {
        x,
        weight,
        m,
        n,
        k,
        out,
        out_dtype,
        roles,
    } = args;
    let matrix = Matrix::new(weight, n, k);
    x.check(m, k);
    assert!(floats::is_float(out_dtype), "linear: output of {out_dtype}");
    assert_eq!(
        out.len(),
        m * n * out_dtype.size(),
        "linear: length of the output"
    );
    let mut run = |order: Option<&[u32]>, role, groups: &[_]| {
        let job = driver::Job {
            matrix,
            n,
            x,
            x_rows: m,
            slots_per_x: 1,
            order,
            role,
        };
        driver::run(table, pool, &job, groups, out, out_dtype);
    };
    if let Some(role) = roles.common(m) {
        let group = driver::Group {
            expert: 0,
            first: 0,
            rows: m,
        };
        return run(None, role, &[group]);
    }
    scratch::with_sorting(|sorting| {
        let (order, [prompts, generated]) = sorting.sort(m, 1, |row| (roles.of(row), 0));
        run(Some(order), Role::Prompt, prompts);
        run(Some(order), Role::Generated, generated);
    });
}

/// Each row times the transpose of the expert that `ids` names for it: a mixture of experts.
///
/// Rows are grouped by expert, so each weight is read once per call. Every output has the bits that
/// [`linear`] gives for that row and expert alone.
///
/// # Panics
/// If an id is not an expert, or the lengths do not fit together: both are the caller's contract.
pub fn gather_linear(table: &Table, pool: &Pool, args: GatherLinear<'_>) {
    let GatherLinear {
        x,
        x_per_slot,
        weight,
        ids,
        slots,
        experts,
        n,
        k,
        out,
        out_dtype,
        roles,
    } = args;
    let matrix = Matrix::new(weight, experts * n, k);
    assert!(
        slots > 0 && ids.len().is_multiple_of(slots),
        "gather_linear: ids of {slots} slots"
    );
    let slots_per_x = if x_per_slot { 1 } else { slots };
    let x_rows = ids.len() / slots_per_x;
    x.check(x_rows, k);
    assert!(
        floats::is_float(out_dtype),
        "gather_linear: output of {out_dtype}"
    );
    assert_eq!(
        out.len(),
        ids.len() * n * out_dtype.size(),
        "gather_linear: length of the output"
    );
    let all = roles.common(ids.len() / slots);
    scratch::with_sorting(|sorting| {
        let role = |row: usize| all.unwrap_or_else(|| roles.of(row / slots));
        let of = |row: usize| (role(row), ids[row] as usize);
        let (order, [prompts, generated]) = sorting.sort(ids.len(), experts, of);
        for (role, groups) in [(Role::Prompt, prompts), (Role::Generated, generated)] {
            let job = driver::Job {
                matrix,
                n,
                x,
                x_rows,
                slots_per_x,
                order: Some(order),
                role,
            };
            driver::run(table, pool, &job, groups, out, out_dtype);
        }
    });
}

/// A weight whose length has been checked against its rows.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    weight: Weight<'a>,
    k: usize,
}

impl<'a> Matrix<'a> {
    fn new(weight: Weight<'a>, rows: usize, k: usize) -> Matrix<'a> {
        match weight {
            Weight::Affine(affine) => affine.check(rows, k),
            Weight::Block(block) => block.check(rows, k),
            Weight::F32(bytes) => assert!(bytes.len() >= rows * k * 4, "f32 weight is too short"),
            Weight::F16(bytes) | Weight::BF16(bytes) => {
                assert!(bytes.len() >= rows * k * 2, "16-bit weight is too short");
            }
        }
        Matrix { weight, k }
    }
}

impl Rows<'_> {
    fn check(&self, rows: usize, k: usize) {
        assert!(floats::is_float(self.dtype), "rows of {}", self.dtype);
        assert!(
            self.stride >= k || rows < 2,
            "rows of {k} with a stride of {}",
            self.stride
        );
        let elements = if rows == 0 {
            0
        } else {
            (rows - 1) * self.stride + k
        };
        assert!(
            self.bytes.len() >= elements * self.dtype.size(),
            "rows are too short"
        );
    }

    /// The bytes of row `i`.
    fn row(&self, i: usize, k: usize) -> &[u8] {
        let size = self.dtype.size();
        &self.bytes[i * self.stride * size..][..k * size]
    }
}
