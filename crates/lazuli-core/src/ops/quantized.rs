//! Quantized numbers: making them, expanding them, and products with matrices of them.
//!
//! Formats and what they have are in [`super::quantization`]; packed bits lie low bits first in
//! `uint32`, as `mlx.core` keeps them. Affine values are `q * scale + bias` per group, the others
//! `q * scale`. A global scale is a number outside the format: it multiplies before and after.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::ops::experts::GatherMatmul;
use crate::ops::gather_mm::Picked;
pub use crate::ops::quantization::{Affine, Mode, Quantization};
use crate::shape::Shape;
use crate::transforms::{batch, jvp_of_decomposition};

/// The largest product of an E2M1 value and an E4M3 scale: what a global scale is relative to.
const NVFP4_RANGE: f64 = 448.0 * 6.0;

/// `[.., k]` floats to packed values, scales and, in affine mode, biases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Quantize(pub Quantization);

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
        let scales = (
            x.shape().with(last, k / group),
            self.0.scale_dtype(x.dtype()),
        );
        let packed = (x.shape().with(last, self.0.words(k)), Dtype::U32);
        Ok(match self.0.parts() {
            3 => smallvec![packed, scales.clone(), scales],
            _ => smallvec![packed, scales],
        })
    }

    fn vjp(&self, _: &[Array], _: &[Array], _: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None])
    }

    fn jvp(&self, _: &[Array], _: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(vec![None; self.0.parts()])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (i, axis) = batch::all_to_front(inputs, axes)?;
        let outs = Array::outputs_of(*self, &[&i[0]])?;
        Ok(outs.into_iter().map(|out| (out, axis)).collect())
    }
}

/// Packed values, scales and, in affine mode, biases `[..]` to floats of this dtype.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Dequantize {
    /// The format.
    pub quantization: Quantization,
    /// The result's dtype.
    pub dtype: Dtype,
}

impl Dequantize {
    fn of(&self, parts: &[Array]) -> Result<Array> {
        let parts: SmallVec<[&Array; 3]> = parts.iter().collect();
        Array::from_op(*self, &parts)
    }

    /// The packed integers of an affine format as floats.
    fn codes(&self, packed: &Array, scales: &Array, dtype: Dtype) -> Result<Array> {
        let op = Dequantize {
            dtype: Dtype::F32,
            ..*self
        };
        let every = |value: f64| Array::full(scales.shape(), value, Dtype::F32);
        op.of(&[packed.clone(), every(1.0)?, every(0.0)?])?
            .astype(dtype)
    }

    /// `[.., k]` as `[.., k / group, group]`.
    fn grouped(&self, x: &Array, scales: &Array) -> Result<Array> {
        x.reshape(
            scales
                .shape()
                .insert(scales.rank(), self.quantization.group as usize),
        )
    }
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
            self.quantization.unpacked("dequantize", inputs)?,
            self.dtype
        )])
    }

    /// Through `float32`, for what has no kernel: results or scales of `float64`.
    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        let scales = inputs.get(1)?;
        match inputs.get(2) {
            Some(biases) if scales.dtype() == Dtype::F64 => Some((|| {
                let codes = self.codes(&inputs[0], scales, Dtype::F64)?;
                let last = scales.rank();
                let y = self
                    .grouped(&codes, scales)?
                    .multiply(&scales.expand_dims(last)?)?
                    .add(&biases.expand_dims(last)?)?;
                Ok(vec![y.reshape(codes.shape())?.astype(self.dtype)?])
            })()),
            _ if self.dtype == Dtype::F64 => Some((|| {
                let op = Dequantize {
                    dtype: Dtype::F32,
                    ..*self
                };
                Ok(vec![op.of(inputs)?.astype(Dtype::F64)?])
            })()),
            _ => None,
        }
    }

    fn vjp(&self, i: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        if i.len() < 3 {
            return Ok(vec![None; i.len()]);
        }
        let codes = self.codes(&i[0], &i[1], g[0].dtype())?;
        let summed = |x: &Array| self.grouped(x, &i[1])?.sum(-1, false);
        let to_scales = summed(&g[0].multiply(&codes)?)?;
        Ok(vec![None, Some(to_scales), Some(summed(&g[0])?)])
    }

    fn jvp(&self, i: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        if i.len() < 3 || (tangents[1].is_none() && tangents[2].is_none()) {
            return Ok(vec![None]);
        }
        let of = |t: &Option<Array>| match t {
            Some(t) => Ok(t.clone()),
            None => Array::full(i[1].shape(), 0.0, i[1].dtype()),
        };
        let parts = [i[0].clone(), of(&tangents[1])?, of(&tangents[2])?];
        Ok(vec![Some(self.of(&parts)?)])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let (parts, axis) = batch::all_to_front(inputs, axes)?;
        Ok(vec![(self.of(&parts)?, axis)])
    }
}

/// `x [.., k]` times a packed matrix: the transpose of `[n, k]`, or `[k, n]`; `[.., n]` in `x`'s dtype.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct QuantizedMatmul {
    /// The matrix's format; groups lie along its last axis.
    pub quantization: Quantization,
    /// Whether the matrix is transposed.
    pub transpose: bool,
}

impl QuantizedMatmul {
    fn of(&self, x: &Array, parts: &[Array]) -> Result<Array> {
        let operands: SmallVec<[&Array; 4]> = std::iter::once(x).chain(parts).collect();
        Array::from_op(*self, &operands)
    }

    fn expand(&self, dtype: Dtype) -> Dequantize {
        Dequantize {
            quantization: self.quantization,
            dtype,
        }
    }
}

impl Family for QuantizedMatmul {
    fn name(&self) -> &'static str {
        "quantized_matmul"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        let w = self
            .quantization
            .unpacked("quantized_matmul", &inputs[1..])?;
        let last = x.rank().wrapping_sub(1);
        let (k, n) = match (&w[..], self.transpose) {
            (&[n, k], true) | (&[k, n], false) => (k, n),
            _ => (usize::MAX, 0),
        };
        if x.rank() == 0 || x.dim(last) != k || !x.dtype().is_float() {
            let turned = if self.transpose { " transposed" } else { "" };
            return Err(Error::shape(
                "quantized_matmul",
                format!("inner dimensions differ: {x:?} x {w}{turned}"),
            ));
        }
        Ok(smallvec![(x.shape().with(last, n), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let x = &inputs[0];
            let wide = x.dtype().accumulator();
            let mut w = self.expand(wide).of(&inputs[1..])?;
            if self.transpose {
                w = w.matrix_transpose()?;
            }
            let y = x.astype(wide)?.matmul(&w)?;
            Ok(vec![y.astype(x.dtype())?])
        })())
    }

    fn vjp(&self, i: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let (x, g) = (&i[0], &g[0]);
        let turned = QuantizedMatmul {
            transpose: !self.transpose,
            ..*self
        };
        let mut all = vec![Some(turned.of(g, &i[1..])?)];
        // The gradient of the expanded matrix, for scales and biases; never computed if unused.
        let rows = |a: &Array| -> Result<Array> {
            let last = a.dim(a.rank() - 1);
            let rows: usize = a.shape()[..a.rank() - 1].iter().product();
            a.reshape([rows, last])
        };
        let (left, right) = match self.transpose {
            true => (rows(g)?, rows(x)?),
            false => (rows(x)?, rows(g)?),
        };
        let to_w = left.matrix_transpose()?.matmul(&right)?;
        all.extend(self.expand(to_w.dtype()).vjp(&i[1..], &[], &[to_w])?);
        Ok(all)
    }

    fn jvp(&self, i: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        if tangents[1..].iter().any(Option::is_some) {
            let expanded = |i: &[Array]| match self.decompose(i) {
                Some(y) => y,
                None => Ok(vec![self.of(&i[0], &i[1..])?]),
            };
            return jvp_of_decomposition(&expanded, i, tangents);
        }
        let of = |t: &Array| self.of(t, &i[1..]);
        Ok(vec![tangents[0].as_ref().map(of).transpose()?])
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        match axes {
            [Some(axis), rest @ ..] if rest.iter().all(Option::is_none) => {
                let x = batch::to_front(&inputs[0], *axis)?;
                Ok(vec![(self.of(&x, &inputs[1..])?, Some(0))])
            }
            _ => crate::transforms::vmap_of_decomposition(
                self.name(),
                &|i| self.decompose(i),
                inputs,
                axes,
            ),
        }
    }
}

/// Floats rounded to a format and expanded again. Its gradient is that of the identity (the
/// straight-through estimate; Bengio and others, 2013, arXiv 1308.3432).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct FakeQuantize(pub Quantization);

impl Family for FakeQuantize {
    fn name(&self) -> &'static str {
        "fake_quantize"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        Quantize(self.0).infer(inputs)?;
        Ok(smallvec![(inputs[0].shape().clone(), inputs[0].dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let x = &inputs[0];
            Ok(vec![x.quantize(self.0)?.dequantize(x.dtype())?])
        })())
    }

    fn vjp(&self, _: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![Some(g[0].clone())])
    }

    fn jvp(&self, _: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        Ok(vec![tangents[0].clone()])
    }
}

/// A quantized matrix or table: packed values, scales, and what the format has besides.
#[derive(Clone, Debug)]
pub struct QuantizedArray {
    /// The format.
    pub quantization: Quantization,
    /// Packed values, `uint32`.
    pub packed: Array,
    /// Scale of each group.
    pub scales: Array,
    /// Bias of each group, in affine mode.
    pub biases: Option<Array>,
    /// What the numbers were multiplied by `2688 /` before, a scalar; `nvfp4` only.
    pub global_scale: Option<Array>,
}

impl QuantizedArray {
    /// Of packed values, scales and, in affine mode, biases.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Dtype`] when they do not fit; [`Error::Value`] when there are too few.
    pub fn from_parts(
        quantization: impl Into<Quantization>,
        parts: impl IntoIterator<Item = Array>,
    ) -> Result<QuantizedArray> {
        let quantization = quantization.into();
        let parts: SmallVec<[Array; 3]> = parts.into_iter().collect();
        quantization.unpacked("quantized array", &parts)?;
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(packed), Some(scales)) => Ok(QuantizedArray {
                quantization,
                packed,
                scales,
                biases: parts.next(),
                global_scale: None,
            }),
            _ => Err(Error::value("quantized array", "needs values and scales")),
        }
    }

    /// Packed values, scales and, in affine mode, biases.
    pub fn parts(&self) -> Vec<&Array> {
        let two = [&self.packed, &self.scales];
        two.into_iter().chain(&self.biases).collect()
    }

    /// With `f` of each part.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn map(&self, mut f: impl FnMut(&Array) -> Result<Array>) -> Result<QuantizedArray> {
        Ok(QuantizedArray {
            quantization: self.quantization,
            packed: f(&self.packed)?,
            scales: f(&self.scales)?,
            biases: self.biases.as_ref().map(f).transpose()?,
            global_scale: self.global_scale.clone(),
        })
    }

    /// With `f` of each part and the other's.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Value`] when the formats differ.
    pub fn zip(
        &self,
        other: &QuantizedArray,
        f: impl Fn(&Array, &Array) -> Result<Array>,
    ) -> Result<QuantizedArray> {
        if self.quantization != other.quantization {
            return Err(Error::value(
                "quantized array",
                format!(
                    "formats differ: {} and {}",
                    self.quantization, other.quantization
                ),
            ));
        }
        let others = other.parts();
        let mut others = others.iter();
        self.map(|part| match others.next() {
            Some(other) => f(part, other),
            None => Err(Error::value("quantized array", "the other has fewer parts")),
        })
    }

    /// The shape of the floats.
    pub fn shape(&self) -> Shape {
        match self.scales.rank().checked_sub(1) {
            Some(last) => {
                let k = self.scales.dim(last) * self.quantization.group as usize;
                self.scales.shape().with(last, k)
            }
            None => Shape::default(),
        }
    }

    /// The dtype of the floats unless another is asked for: that of affine scales, else `bfloat16`.
    pub fn dtype(&self) -> Dtype {
        match self.biases {
            Some(_) => self.scales.dtype(),
            None => Dtype::BF16,
        }
    }

    /// The floats in `dtype`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Dtype`] when the parts do not fit.
    pub fn dequantize(&self, dtype: Dtype) -> Result<Array> {
        let of = |dtype: Dtype| {
            let op = Dequantize {
                quantization: self.quantization,
                dtype,
            };
            Array::from_op(op, &self.parts())
        };
        match &self.global_scale {
            None => of(dtype),
            Some(scale) => rescaled(&of(Dtype::F32)?, scale)?.astype(dtype),
        }
    }

    /// The slices at `indices` along the first axis.
    ///
    /// # Errors
    /// As [`Array::take`].
    pub fn take(&self, indices: &Array) -> Result<QuantizedArray> {
        self.map(|part| part.take(indices, 0))
    }
}

/// `x` times a global scale relative to the range of the format.
fn rescaled(x: &Array, global: &Array) -> Result<Array> {
    let factor = global.astype(x.dtype())?;
    x.multiply(&factor.multiply(&Array::scalar_of(1.0 / NVFP4_RANGE, x.dtype()))?)
}

/// Checks a global scale.
fn check_global(op: &'static str, quantization: Quantization, scale: &Array) -> Result<()> {
    scale.check()?;
    let fits = quantization.mode == Mode::Nvfp4 && scale.elements() == 1;
    if fits && scale.dtype().is_float() {
        return Ok(());
    }
    Err(Error::value(
        op,
        format!(
            "a global scale is one float and of mode nvfp4 only, not {scale:?} of {quantization}"
        ),
    ))
}

impl Array {
    /// The array in quantized form: affine exactly as `mlx.core.quantize` on the CPU; the modes of
    /// floats with scales rounded up to a power of two (E8M0) and values rounded to even.
    ///
    /// # Errors
    /// [`Error::Shape`] when the last axis is not a multiple of the group.
    pub fn quantize(&self, quantization: impl Into<Quantization>) -> Result<QuantizedArray> {
        let quantization = quantization.into();
        let parts = Array::outputs_of(Quantize(quantization), &[self])?;
        QuantizedArray::from_parts(quantization, parts)
    }

    /// As [`Array::quantize`] in mode `nvfp4`, for numbers up to `global_scale`, a scalar.
    ///
    /// # Errors
    /// As [`Array::quantize`]; [`Error::Value`] for another mode or when the scale is no scalar.
    pub fn quantize_scaled(
        &self,
        quantization: Quantization,
        global_scale: &Array,
    ) -> Result<QuantizedArray> {
        let scaled = self.to_range("quantize", quantization, global_scale)?;
        Ok(QuantizedArray {
            global_scale: Some(global_scale.reshape(Shape::default())?),
            ..scaled.quantize(quantization)?
        })
    }

    /// The numbers as `float32`, those up to `global_scale` within the range of the format.
    fn to_range(
        &self,
        op: &'static str,
        quantization: Quantization,
        global_scale: &Array,
    ) -> Result<Array> {
        check_global(op, quantization, global_scale)?;
        let scale = global_scale.reshape(Shape::default())?.astype(Dtype::F32)?;
        let factor = Array::scalar_of(NVFP4_RANGE, Dtype::F32).divide(&scale)?;
        self.astype(Dtype::F32)?.multiply(&factor)
    }

    /// The array rounded to what the format holds, in its own dtype. The gradient passes unchanged.
    ///
    /// # Errors
    /// As [`Array::quantize`]; [`Error::Value`] when a global scale does not belong.
    pub fn fake_quantize(
        &self,
        quantization: Quantization,
        global_scale: Option<&Array>,
    ) -> Result<Array> {
        let Some(scale) = global_scale else {
            return Array::from_op(FakeQuantize(quantization), &[self]);
        };
        let scaled = self.to_range("fake_quantize", quantization, scale)?;
        let rounded = Array::from_op(FakeQuantize(quantization), &[&scaled])?;
        rescaled(&rounded, &scale.reshape(Shape::default())?)?.astype(self.dtype())
    }

    /// `self [.., k]` times the transpose of a quantized matrix `[n, k]`, accumulated in `f32`.
    ///
    /// # Errors
    /// [`Error::Shape`] when the inner dimensions differ.
    pub fn quantized_matmul(&self, w: &QuantizedArray) -> Result<Array> {
        self.quantized_product(w, true)
    }

    /// `self [.., m, k]` times quantized matrices `[.., k, n]`, or transposed ones `[.., n, k]`, in the
    /// dtype of `self`, accumulated in `f32`. Leading axes broadcast.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn quantized_product(&self, w: &QuantizedArray, transpose: bool) -> Result<Array> {
        self.check()?;
        if let Some(scale) = &w.global_scale {
            return self.without_global(w, scale, |x, w| x.quantized_product(w, transpose));
        }
        if w.scales.rank() > 2 {
            return match self.rank() {
                1 => {
                    let y = self.expand_dims(0)?.quantized_product(w, transpose)?;
                    y.reshape(y.shape().without(y.rank() - 2))
                }
                _ => self.gather_qmm(w, None, None, transpose),
            };
        }
        let op = QuantizedMatmul {
            quantization: w.quantization,
            transpose,
        };
        let operands: SmallVec<[&Array; 4]> = std::iter::once(self).chain(w.parts()).collect();
        Array::from_op(op, &operands)
    }

    /// A product with a matrix that has a global scale: it multiplies the `f32` result.
    fn without_global(
        &self,
        w: &QuantizedArray,
        scale: &Array,
        product: impl Fn(&Array, &QuantizedArray) -> Result<Array>,
    ) -> Result<Array> {
        let plain = QuantizedArray {
            global_scale: None,
            ..w.clone()
        };
        let wide = self.dtype().accumulator();
        rescaled(&product(&self.astype(wide)?, &plain)?, scale)?.astype(self.dtype())
    }

    /// The products of matrices of `self [.., m, k]` with quantized matrices `[.., n, k]` (transposed)
    /// or `[.., k, n]` that indices into the flattened leading axes pick; as [`Array::gather_mm`].
    ///
    /// # Errors
    /// As [`Array::gather_mm`].
    pub fn gather_qmm(
        &self,
        w: &QuantizedArray,
        lhs_indices: Option<&Array>,
        rhs_indices: Option<&Array>,
        transpose: bool,
    ) -> Result<Array> {
        self.check()?;
        if let Some(scale) = &w.global_scale {
            return self.without_global(w, scale, |x, w| {
                x.gather_qmm(w, lhs_indices, rhs_indices, transpose)
            });
        }
        let shape = w.shape();
        let rank = shape.len();
        if self.rank() < 2 || rank < 2 || !self.dtype().is_float() {
            return Err(Error::shape(
                "gather_qmm",
                format!("needs float matrices and quantized ones, not {self:?} and {shape}"),
            ));
        }
        if !transpose {
            let expanded = w.dequantize(self.dtype())?;
            return self.gather_mm(&expanded, lhs_indices, rhs_indices);
        }
        let lead = &shape[..rank - 2];
        let count: usize = lead.iter().product();
        let flat = w.map(|part| {
            let last = part.dim(rank - 1);
            part.reshape([count, shape[rank - 2], last])
        })?;
        let picked = Picked::new("gather_qmm", self, lead, lhs_indices, rhs_indices)?;
        let op = GatherMatmul {
            quantization: Some(w.quantization),
        };
        let operands: SmallVec<[&Array; 5]> = [&picked.rows, &picked.ids]
            .into_iter()
            .chain(flat.parts())
            .collect();
        Array::from_op(op, &operands)?.reshape(picked.result(shape[rank - 2]))
    }

    /// `self`, rounded to the format of `w`, times its transpose. The gradient of the rounding passes
    /// unchanged.
    ///
    /// # Errors
    /// [`Error::Value`] in affine mode; else as [`Array::quantized_product`].
    pub fn qqmm(&self, w: &QuantizedArray, global_scale_x: Option<&Array>) -> Result<Array> {
        check_floating("qqmm", w.quantization)?;
        self.fake_quantize(w.quantization, global_scale_x)?
            .quantized_matmul(w)
    }

    /// `self` times the transpose of `w [n, k]`, both rounded to the format. Gradients of the rounding
    /// pass unchanged.
    ///
    /// # Errors
    /// As [`Array::qqmm`].
    pub fn qqmm_of(
        &self,
        w: &Array,
        quantization: Quantization,
        global_scale_x: Option<&Array>,
        global_scale_w: Option<&Array>,
    ) -> Result<Array> {
        check_floating("qqmm", quantization)?;
        let x = self.fake_quantize(quantization, global_scale_x)?;
        let w = w.fake_quantize(quantization, global_scale_w)?;
        x.matmul(&w.matrix_transpose()?)
    }

    /// [`Array::gather_qmm`] of `self` rounded to the format of `w`, whose matrices are transposed.
    ///
    /// # Errors
    /// [`Error::Value`] in affine mode; else as [`Array::gather_mm`].
    pub fn gather_qqmm(
        &self,
        w: &QuantizedArray,
        lhs_indices: Option<&Array>,
        rhs_indices: Option<&Array>,
        global_scale_x: Option<&Array>,
    ) -> Result<Array> {
        check_floating("gather_qqmm", w.quantization)?;
        self.fake_quantize(w.quantization, global_scale_x)?
            .gather_qmm(w, lhs_indices, rhs_indices, true)
    }
}

fn check_floating(op: &'static str, quantization: Quantization) -> Result<()> {
    match quantization.mode {
        Mode::Affine => Err(Error::value(
            op,
            "rounds to a mode of floats, not to affine",
        )),
        _ => Ok(()),
    }
}
