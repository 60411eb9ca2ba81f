//! Mixture of experts: choice, products with the chosen matrices, and the weighted sum.
//!
//! The sum runs in ascending expert order, in `f32`, by the row's owner: no atomics, so a row's bits do
//! not depend on who else chose its experts. Shazeer and others, 2017 (arXiv 1701.06538).

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::ops::gather_mm::ScatterOuter;
use crate::ops::quantized::{Quantization, QuantizedArray};
use crate::ops::ragged;
use crate::transforms::{jvp_of_decomposition, vjp_of_decomposition};

/// `logits [t, e]` to the `k` best experts `[t, k]` (`uint32`) and their softmax weights (`f32`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Route {
    /// Experts per token.
    pub k: u32,
    /// Whether the chosen weights are scaled to sum to 1.
    pub normalize: bool,
}

impl Family for Route {
    fn name(&self) -> &'static str {
        "route"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let x = &inputs[0];
        let k = self.k as usize;
        if x.rank() != 2 || !x.dtype().is_float() || k == 0 || k > x.dim(1) {
            return Err(Error::shape(
                "route",
                format!("{x:?} has no {k} experts per row"),
            ));
        }
        let shape = x.shape().with(1, k);
        Ok(smallvec![(shape.clone(), Dtype::U32), (shape, Dtype::F32)])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let p = inputs[0].astype(Dtype::F32)?.softmax(-1)?;
            let experts = ragged::iota(p.dim(1))?.astype(Dtype::U32)?;
            // Below every weight.
            let taken = Array::scalar(-1.0f32);
            let mut left = p.clone();
            let (mut ids, mut weights) = (Vec::new(), Vec::new());
            for _ in 0..self.k {
                let best = left.argmax(1, true)?;
                let hit = experts.equal(&best)?;
                weights.push(Array::select(&hit, &p, &Array::scalar(0.0f32))?.sum(1, true)?);
                left = Array::select(&hit, &taken, &left)?;
                ids.push(best);
            }
            let mut weights = Array::concatenate(&weights, 1)?;
            if self.normalize {
                weights = weights.divide(&weights.sum(1, true)?)?;
            }
            Ok(vec![Array::concatenate(&ids, 1)?, weights])
        })())
    }
}

/// `x [t, k]` or `[t, s, k]`, expert ids `[t, s]`, matrices `[e, n, k]` to `[t, s, n]`: each row times
/// the transpose of its expert's matrix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct GatherMatmul {
    /// Format of the matrices; none: floats.
    pub quantization: Option<Quantization>,
}

impl Family for GatherMatmul {
    fn name(&self) -> &'static str {
        "gather_matmul"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, ids) = (&inputs[0], &inputs[1]);
        let w = match self.quantization {
            Some(format) => format.unpacked("gather_matmul", &inputs[2..])?,
            None => inputs[2].shape().clone(),
        };
        let fits = w.len() == 3
            && ids.rank() == 2
            && ids.dtype() == Dtype::U32
            && x.dtype().is_float()
            && (self.quantization.is_some() || inputs[2].dtype().is_float())
            && (x.rank() == 2 || (x.rank() == 3 && x.dim(1) == ids.dim(1)))
            && x.dim(0) == ids.dim(0)
            && x.dim(x.rank() - 1) == w[2];
        if !fits {
            return Err(Error::shape(
                "gather_matmul",
                format!("x {x:?}, ids {ids:?} and matrices {w} do not fit"),
            ));
        }
        Ok(smallvec![(ids.shape().insert(2, w[1]), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let (x, ids) = (&inputs[0], &inputs[1]);
            let wide = x.dtype().accumulator();
            let picked = match self.quantization {
                Some(format) => QuantizedArray::from_parts(format, inputs[2..].iter().cloned())?
                    .take(ids)?
                    .dequantize(wide)?,
                None => inputs[2].take(ids, 0)?.astype(wide)?,
            };
            let rows = if x.rank() == 2 {
                x.expand_dims(1)?
            } else {
                x.clone()
            };
            let rows = rows.astype(wide)?.expand_dims(2)?;
            let rows = rows.broadcast_to(rows.shape().with(1, ids.dim(1)))?;
            let y = rows.matmul(&picked.matrix_transpose()?)?;
            let y = y.reshape(ids.shape().insert(2, picked.dim(2)))?;
            Ok(vec![y.astype(x.dtype())?])
        })())
    }

    fn vjp(&self, i: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        if self.quantization.is_some() {
            // The matrices whole: the gradient of what is picked would be as many matrices as rows.
            return vjp_of_decomposition(&|i| self.expanded(i), i, g);
        }
        let (x, ids, w) = (&i[0], &i[1], &i[2]);
        let (slots, n) = (ids.dim(1), w.dim(1));
        let back = Array::from_op(*self, &[&g[0], ids, &w.matrix_transpose()?])?;
        let to_x = match x.rank() {
            2 => back.sum(1, false)?,
            _ => back,
        };
        let picks = ids.elements();
        let rows = match x.rank() {
            2 => x
                .expand_dims(1)?
                .broadcast_to([x.dim(0), slots, x.dim(1)])?,
            _ => x.clone(),
        };
        let op = ScatterOuter { experts: w.dim(0) };
        let y = g[0].reshape([picks, n])?;
        let rows = rows.reshape([picks, w.dim(2)])?;
        let to_w = Array::from_op(op, &[&y, &rows, &ids.reshape([picks])?])?;
        Ok(vec![Some(to_x), None, Some(to_w)])
    }

    fn jvp(&self, i: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        if self.quantization.is_some() {
            return jvp_of_decomposition(&|i| self.expanded(i), i, tangents);
        }
        let of = |x: &Array, w: &Array| Array::from_op(*self, &[x, &i[1], w]);
        let left = tangents[0].as_ref().map(|t| of(t, &i[2])).transpose()?;
        let right = tangents[2].as_ref().map(|t| of(&i[0], t)).transpose()?;
        Ok(vec![match (left, right) {
            (Some(l), Some(r)) => Some(l.add(&r)?),
            (l, r) => l.or(r),
        }])
    }
}

impl GatherMatmul {
    /// The product with all matrices expanded to floats.
    fn expanded(&self, i: &[Array]) -> Result<Vec<Array>> {
        let Some(format) = self.quantization else {
            return Ok(vec![Array::from_op(*self, &[&i[0], &i[1], &i[2]])?]);
        };
        let w = QuantizedArray::from_parts(format, i[2..].iter().cloned())?;
        let w = w.dequantize(i[0].dtype())?;
        let op = GatherMatmul { quantization: None };
        Ok(vec![Array::from_op(op, &[&i[0], &i[1], &w])?])
    }
}

/// `y [t, s, d]`, ids `[t, s]`, weights `[t, s]` (`f32`) to `[t, d]`: the weighted sum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Combine;

impl Family for Combine {
    fn name(&self) -> &'static str {
        "combine"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (y, ids, weights) = (&inputs[0], &inputs[1], &inputs[2]);
        let fits = y.rank() == 3
            && y.dtype().is_float()
            && y.shape()[..2] == ids.shape()[..]
            && ids.shape() == weights.shape()
            && ids.dtype() == Dtype::U32
            && weights.dtype() == Dtype::F32;
        if !fits {
            return Err(Error::shape(
                "combine",
                format!("y {y:?}, ids {ids:?} and weights {weights:?} do not fit"),
            ));
        }
        Ok(smallvec![(y.shape().without(1), y.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let y = inputs[0].astype(Dtype::F32)?;
            let sum = y.multiply(&inputs[2].expand_dims(2)?)?.sum(1, false)?;
            Ok(vec![sum.astype(inputs[0].dtype())?])
        })())
    }
}

impl Array {
    /// The `k` best of the experts that `self [t, e]` scores, ties to the lower id: ids `[t, k]` and
    /// softmax weights `[t, k]` (`f32`), scaled to sum to 1 if `normalize`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are fewer than `k` experts.
    pub fn route(&self, k: usize, normalize: bool) -> Result<(Array, Array)> {
        let op = Route {
            k: k as u32,
            normalize,
        };
        match <[Array; 2]>::try_from(Array::outputs_of(op, &[self])?) {
            Ok([ids, weights]) => Ok((ids, weights)),
            Err(_) => Err(Error::value("route", "the operation has two outputs")),
        }
    }

    /// Each row of `self` (`[t, k]`, or `[t, s, k]` with a row per choice) times the transpose of the
    /// matrices `w [e, n, k]` that `ids [t, s]` names: `[t, s, n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn gather_matmul(&self, ids: &Array, w: &Array) -> Result<Array> {
        Array::from_op(GatherMatmul { quantization: None }, &[self, ids, w])
    }

    /// [`Array::gather_matmul`] with quantized matrices.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn gather_quantized_matmul(&self, ids: &Array, w: &QuantizedArray) -> Result<Array> {
        if w.global_scale.is_some() {
            return Err(Error::value(
                "gather_matmul",
                "takes no global scale: use gather_qmm",
            ));
        }
        let op = GatherMatmul {
            quantization: Some(w.quantization),
        };
        let operands: Vec<&Array> = [self, ids].into_iter().chain(w.parts()).collect();
        Array::from_op(op, &operands)
    }

    /// The sum of `self [t, s, d]` over its choices, weighted by `weights [t, s]`, in ascending order
    /// of the expert `ids [t, s]`.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn combine(&self, ids: &Array, weights: &Array) -> Result<Array> {
        Array::from_op(Combine, &[self, ids, weights])
    }
}
