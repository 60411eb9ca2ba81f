//! Products made of the matrix product: `addmm`, `inner`, `outer`, `vecdot`, `kron`, `tensordot`.
//!
//! All are compositions, so derivatives and `vmap` come from their parts.

use smallvec::SmallVec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

impl Array {
    /// `alpha * (a @ b) + beta * c`, where `self` is `c` and broadcasts to the product.
    ///
    /// # Errors
    /// [`Error::Shape`] when the inner dimensions differ or `c` does not broadcast, [`Error::Dtype`]
    /// when the operands together are not real floats.
    pub fn addmm(&self, a: &Array, b: &Array, alpha: f64, beta: f64) -> Result<Array> {
        for x in [self, a, b] {
            x.check()?;
        }
        let dtype = self.dtype().promote(a.dtype()).promote(b.dtype());
        if !dtype.is_float() {
            return Err(Error::dtype(
                "addmm",
                format!("needs real floats, not {self:?}, {a:?} and {b:?}"),
            ));
        }
        // Half types are scaled and added before they are rounded.
        let wide = dtype.accumulator();
        let product = a.astype(dtype)?.matmul(&b.astype(dtype)?)?;
        let shape = product.shape().clone();
        if self.shape().broadcast("addmm", &shape)? != shape {
            return Err(Error::shape(
                "addmm",
                format!("{} does not broadcast to {shape}", self.shape()),
            ));
        }
        let scaled = |x: Array, by: f64| match by {
            1.0 => Ok(x),
            _ => x.multiply(&Array::scalar_of(by, wide)),
        };
        let sum = scaled(product.astype(wide)?, alpha)?;
        let sum = sum.add(&scaled(self.astype(wide)?, beta)?)?;
        sum.astype(dtype)
    }

    /// The products of all rows of `self [.., k]` with all rows of `other [.., k]`, summed over `k`;
    /// of a scalar and an array the product.
    ///
    /// # Errors
    /// [`Error::Shape`] when the last axes differ, [`Error::Dtype`] for integers.
    pub fn inner(&self, other: &Array) -> Result<Array> {
        if self.rank() == 0 || other.rank() == 0 {
            return self.multiply(other);
        }
        self.tensordot_axes(other, &[-1], &[-1])
    }

    /// The products of each element of `self` with each of `other`: `[elements, other's elements]`.
    ///
    /// # Errors
    /// The error of a poisoned array.
    pub fn outer(&self, other: &Array) -> Result<Array> {
        let column = self.reshape([self.elements(), 1])?;
        column.multiply(&other.reshape([1, other.elements()])?)
    }

    /// The sum of the products along `axis`, the first operand conjugated; the other axes broadcast.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when the shapes do not fit.
    pub fn vecdot(&self, other: &Array, axis: isize) -> Result<Array> {
        self.check()?;
        other.check()?;
        let dtype = self.dtype().promote(other.dtype());
        let (at, beside) = (
            self.shape().axis("vecdot", axis)?,
            other.shape().axis("vecdot", axis)?,
        );
        if self.dim(at) != other.dim(beside) {
            return Err(Error::shape(
                "vecdot",
                format!("{self:?} and {other:?} differ along axis {axis}"),
            ));
        }
        let wide = dtype.accumulator();
        let last = |x: &Array| x.astype(wide)?.moveaxis(axis, -1);
        let mut left = last(self)?;
        if dtype == Dtype::C64 {
            left = left.conjugate()?;
        }
        let product = left.multiply(&last(other)?)?;
        product.sum(-1, false)?.astype(dtype)
    }

    /// The Kronecker product: each element of `self` times all of `other`, as blocks.
    ///
    /// # Errors
    /// [`Error::Shape`] when the result has too many elements.
    pub fn kron(&self, other: &Array) -> Result<Array> {
        self.check()?;
        other.check()?;
        let rank = self.rank().max(other.rank());
        let padded = |x: &Array| -> SmallVec<[usize; 4]> {
            let lead = std::iter::repeat_n(1, rank - x.rank());
            lead.chain(x.shape().iter().copied()).collect()
        };
        let (a, b) = (padded(self), padded(other));
        let spread = |dims: &[usize], second: bool| -> Shape {
            dims.iter()
                .flat_map(|&d| if second { [1, d] } else { [d, 1] })
                .collect()
        };
        let a_spread = self.reshape(spread(&a, false))?;
        let product = a_spread.multiply(&other.reshape(spread(&b, true))?)?;
        product.reshape(a.iter().zip(&b).map(|(a, b)| a * b).collect::<Shape>())
    }

    /// The sum of products over the last `axes` axes of `self` and the first of `other`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are not so many axes or they differ, [`Error::Dtype`] for integers.
    pub fn tensordot(&self, other: &Array, axes: usize) -> Result<Array> {
        if axes > self.rank().min(other.rank()) {
            return Err(Error::shape(
                "tensordot",
                format!("{self:?} and {other:?} have no {axes} axes to sum over"),
            ));
        }
        let count = axes as isize;
        let last: SmallVec<[isize; 4]> = (-count..0).collect();
        let first: SmallVec<[isize; 4]> = (0..count).collect();
        self.tensordot_axes(other, &last, &first)
    }

    /// The sum of products over `axes` of `self` paired with `other_axes` of `other`; the result has
    /// the remaining axes of `self`, then those of `other`.
    ///
    /// # Errors
    /// [`Error::Shape`] when an axis does not exist, is named twice or differs from its partner;
    /// [`Error::Dtype`] for integers.
    pub fn tensordot_axes(
        &self,
        other: &Array,
        axes: &[isize],
        other_axes: &[isize],
    ) -> Result<Array> {
        self.check()?;
        other.check()?;
        let a = Split::new(self, axes)?;
        let b = Split::new(other, other_axes)?;
        let lengths =
            |x: &Array, axes: &[usize]| -> Shape { axes.iter().map(|&axis| x.dim(axis)).collect() };
        let (summed, paired) = (lengths(self, &a.summed), lengths(other, &b.summed));
        if summed != paired {
            return Err(Error::shape(
                "tensordot",
                format!("{self:?} and {other:?} differ along axes {axes:?} and {other_axes:?}"),
            ));
        }
        let (rows, columns) = (lengths(self, &a.free), lengths(other, &b.free));
        let k = summed.elements();
        let left = self
            .permute(&[&a.free[..], &a.summed].concat())?
            .reshape([rows.elements(), k])?;
        let right = other
            .permute(&[&b.summed[..], &b.free].concat())?
            .reshape([k, columns.elements()])?;
        let shape: Shape = rows.iter().chain(columns.iter()).copied().collect();
        left.matmul(&right)?.reshape(shape)
    }

    /// `self @ other` by blocks of `block` rows and columns, some of which count as zero or are scaled:
    /// each mask has an element for each block of the result, of `self` and of `other`, and leading
    /// axes that broadcast to the operands'. A truth value keeps or drops a block, a number scales it.
    ///
    /// # Errors
    /// [`Error::Value`] when `block` is neither 32 nor 64; else as [`Array::matmul`].
    pub fn block_masked_mm(
        &self,
        other: &Array,
        block: usize,
        mask_out: Option<&Array>,
        mask_lhs: Option<&Array>,
        mask_rhs: Option<&Array>,
    ) -> Result<Array> {
        if mask_out.is_none() && mask_lhs.is_none() && mask_rhs.is_none() {
            return self.matmul(other);
        }
        if block != 32 && block != 64 {
            return Err(Error::value(
                "block_masked_mm",
                format!("blocks must be of 32 or 64, not {block}"),
            ));
        }
        self.check()?;
        other.check()?;
        let dtype = self.dtype().promote(other.dtype());
        if self.rank() < 2 || other.rank() < 2 {
            return Err(Error::shape(
                "block_masked_mm",
                format!("needs matrices, not {self:?} and {other:?}"),
            ));
        }
        let a = masked(&self.astype(dtype)?, block, mask_lhs)?;
        let b = masked(&other.astype(dtype)?, block, mask_rhs)?;
        masked(&a.matmul(&b)?, block, mask_out)
    }
}

/// The axes of an operand that are summed over, and the others.
struct Split {
    summed: SmallVec<[usize; 4]>,
    free: SmallVec<[usize; 4]>,
}

impl Split {
    fn new(x: &Array, axes: &[isize]) -> Result<Split> {
        let mut summed = SmallVec::new();
        for &axis in axes {
            let axis = x.shape().axis("tensordot", axis)?;
            if summed.contains(&axis) {
                return Err(Error::shape(
                    "tensordot",
                    format!("axis {axis} of {x:?} is named twice"),
                ));
            }
            summed.push(axis);
        }
        let free = (0..x.rank())
            .filter(|axis| !summed.contains(axis))
            .collect();
        Ok(Split { summed, free })
    }
}

/// The matrices of `x` with the blocks that `mask` drops zero, or scaled.
fn masked(x: &Array, block: usize, mask: Option<&Array>) -> Result<Array> {
    let Some(mask) = mask else {
        return Ok(x.clone());
    };
    mask.check()?;
    let rank = x.rank();
    let (m, n) = (x.dim(rank - 2), x.dim(rank - 1));
    let (down, across) = (m.div_ceil(block), n.div_ceil(block));
    let at = mask.rank().wrapping_sub(2);
    if mask.rank() < 2 || mask.dim(at) != down || mask.dim(at + 1) != across {
        return Err(Error::shape(
            "block_masked_mm",
            format!("{mask:?} has not {down} x {across} blocks of {block} for {x:?}"),
        ));
    }
    // [.., down, 1, across, 1] repeated to blocks, then cut to the matrix.
    let lead = &mask.shape()[..at];
    let shape = |inner: [usize; 4]| -> Shape { lead.iter().copied().chain(inner).collect() };
    let full: Shape = lead
        .iter()
        .copied()
        .chain([down * block, across * block])
        .collect();
    let each = mask
        .reshape(shape([down, 1, across, 1]))?
        .broadcast_to(shape([down, block, across, block]))?
        .reshape(full)?
        .narrow(-2, 0, m)?
        .narrow(-1, 0, n)?;
    if mask.dtype() == Dtype::Bool {
        // A dropped block is zero even where it is NaN.
        return Array::select(&each, x, &Array::scalar_of(0.0, x.dtype()));
    }
    x.multiply(&each.astype(x.dtype())?)
}
