//! Affine quantization in MLX's format: `w = q * scale + bias` per group along the last axis, packed
//! low bits first into `uint32`.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::shape::Shape;

/// Bits of a value and values that share a scale.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Affine {
    /// 2, 3, 4, 5, 6 or 8.
    pub bits: u8,
    /// 32, 64 or 128.
    pub group: u16,
}

impl Affine {
    /// The format, if there is such a one.
    ///
    /// # Errors
    /// [`Error::Value`] for other bits or groups.
    pub fn new(bits: usize, group: usize) -> Result<Affine> {
        if !matches!(bits, 2 | 3 | 4 | 5 | 6 | 8) {
            return Err(Error::value(
                "quantize",
                format!("bits must be 2, 3, 4, 5, 6 or 8, not {bits}"),
            ));
        }
        if !matches!(group, 32 | 64 | 128) {
            return Err(Error::value(
                "quantize",
                format!("group size must be 32, 64 or 128, not {group}"),
            ));
        }
        Ok(Affine {
            bits: bits as u8,
            group: group as u16,
        })
    }

    /// `uint32` words that hold `k` values.
    pub fn words(self, k: usize) -> usize {
        k * self.bits as usize / 32
    }

    /// Checks packed values, scales and biases against one another; the unpacked shape.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Dtype`] when they do not fit.
    pub fn unpacked(self, op: &'static str, parts: &[Array]) -> Result<Shape> {
        let [packed, scales, biases] = parts else {
            return Err(Error::value(op, "needs packed values, scales and biases"));
        };
        if packed.dtype() != Dtype::U32
            || !scales.dtype().is_float()
            || scales.dtype() != biases.dtype()
        {
            return Err(Error::dtype(
                op,
                format!(
                    "needs uint32 values and float scales and biases of one dtype: {packed:?}, {scales:?}, {biases:?}"
                ),
            ));
        }
        let rank = scales.rank();
        let k = scales.dim(rank.wrapping_sub(1)) * self.group as usize;
        let fits = rank > 0
            && scales.shape() == biases.shape()
            && packed.rank() == rank
            && packed.shape()[..rank - 1] == scales.shape()[..rank - 1]
            && packed.dim(rank - 1) == self.words(k);
        if !fits {
            return Err(Error::shape(
                op,
                format!(
                    "values {}, scales {}, biases {} do not fit {} bits in groups of {}",
                    packed.shape(),
                    scales.shape(),
                    biases.shape(),
                    self.bits,
                    self.group
                ),
            ));
        }
        Ok(scales.shape().with(rank - 1, k))
    }
}

/// `[.., k]` floats to packed values `[.., k*bits/32]`, scales and biases `[.., k/group]` of the same dtype.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Quantize(pub Affine);

impl Family for Quantize {
    fn name(&self) -> &'static str {
        "quantize"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        let last = x.rank().wrapping_sub(1);
        let (k, group) = (x.dim(last), self.0.group as usize);
        if x.rank() == 0 || k % group != 0 || !x.dtype().is_float() || x.dtype() == Dtype::F64 {
            return Err(Error::shape(
                "quantize",
                format!(
                    "the last axis must hold float16, bfloat16 or float32 in groups of {group}: {x:?}"
                ),
            ));
        }
        let scales = (x.shape().with(last, k / group), x.dtype());
        let packed = (x.shape().with(last, self.0.words(k)), Dtype::U32);
        Ok(smallvec![packed, scales.clone(), scales])
    }

    fn vjp(&self, _: &[Array], _: &[Array], _: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }
}

/// Packed values, scales and biases `[..]` to floats of this dtype.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Dequantize {
    /// The format.
    pub affine: Affine,
    /// The result's dtype.
    pub dtype: Dtype,
}

impl Family for Dequantize {
    fn name(&self) -> &'static str {
        "dequantize"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        if !self.dtype.is_float() {
            return Err(Error::dtype(
                "dequantize",
                format!("gives floats, not {}", self.dtype),
            ));
        }
        Ok(smallvec![(
            self.affine.unpacked("dequantize", inputs)?,
            self.dtype
        )])
    }
}

/// `x [.., k]` times the transpose of a packed matrix `[n, k]`: `[.., n]` in `x`'s dtype.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct QuantizedMatmul {
    /// The matrix's format.
    pub affine: Affine,
}

impl Family for QuantizedMatmul {
    fn name(&self) -> &'static str {
        "quantized_matmul"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        let w = self.affine.unpacked("quantized_matmul", &inputs[1..])?;
        let last = x.rank().wrapping_sub(1);
        if x.rank() == 0 || w.len() != 2 || x.dim(last) != w[1] || !x.dtype().is_float() {
            return Err(Error::shape(
                "quantized_matmul",
                format!("inner dimensions differ: {x:?} x {w} transposed"),
            ));
        }
        Ok(smallvec![(x.shape().with(last, w[0]), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let x = &inputs[0];
            let op = Dequantize {
                affine: self.affine,
                dtype: Dtype::F32,
            };
            let w = Array::from_op(op, &[&inputs[1], &inputs[2], &inputs[3]])?;
            let y = x.astype(Dtype::F32)?.matmul(&w.matrix_transpose()?)?;
            Ok(vec![y.astype(x.dtype())?])
        })())
    }
}

/// A quantized matrix or table: packed values, scales and biases.
#[derive(Clone, Debug)]
pub struct QuantizedArray {
    /// The format.
    pub affine: Affine,
    /// Packed values, `uint32`.
    pub packed: Array,
    /// Scale of each group.
    pub scales: Array,
    /// Bias of each group.
    pub biases: Array,
}

impl QuantizedArray {
    /// The floats in `dtype`.
    ///
    /// # Errors
    /// When the parts do not fit.
    pub fn dequantize(&self, dtype: Dtype) -> Result<Array> {
        let op = Dequantize {
            affine: self.affine,
            dtype,
        };
        Array::from_op(op, &[&self.packed, &self.scales, &self.biases])
    }

    /// The slices at `indices` along the first axis.
    ///
    /// # Errors
    /// When the indices are not integers.
    pub fn take(&self, indices: &Array) -> Result<QuantizedArray> {
        Ok(QuantizedArray {
            affine: self.affine,
            packed: self.packed.take(indices, 0)?,
            scales: self.scales.take(indices, 0)?,
            biases: self.biases.take(indices, 0)?,
        })
    }
}

impl Array {
    /// The array in affine-quantized form, exactly as `mlx.core.quantize` on the CPU.
    ///
    /// # Errors
    /// [`Error::Shape`] when the last axis is not a multiple of the group.
    pub fn quantize(&self, affine: Affine) -> Result<QuantizedArray> {
        let mut outs = Array::outputs_of(Quantize(affine), &[self])?.into_iter();
        match (outs.next(), outs.next(), outs.next()) {
            (Some(packed), Some(scales), Some(biases)) => Ok(QuantizedArray {
                affine,
                packed,
                scales,
                biases,
            }),
            _ => Err(Error::value("quantize", "the operation has three outputs")),
        }
    }

    /// `self [.., k]` times the transpose of a quantized matrix `[n, k]`, accumulated in `f32`.
    ///
    /// # Errors
    /// [`Error::Shape`] when the inner dimensions differ.
    pub fn quantized_matmul(&self, w: &QuantizedArray) -> Result<Array> {
        let op = QuantizedMatmul { affine: w.affine };
        Array::from_op(op, &[self, &w.packed, &w.scales, &w.biases])
    }
}
