//! Rotary position embedding. Su and others, 2021 (arXiv 2104.09864).
//!
//! The angles of a call are computed once and shared by its layers: a rotation takes their cosines and
//! sines. Not chosen: angles inside each rotation, which computes the same sines in every layer.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};

/// Rotates the first `2 r` dims of `x [t, heads, d]` by `cos, sin [t, r]` (`f32`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Rope {
    /// Pairs are neighbours `(2i, 2i + 1)` rather than halves `(i, i + r)`.
    pub interleaved: bool,
}

impl Family for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, cos, sin) = (&inputs[0], &inputs[1], &inputs[2]);
        let fits = x.rank() == 3
            && x.dtype().is_float()
            && cos.shape() == sin.shape()
            && cos.rank() == 2
            && cos.dtype() == Dtype::F32
            && sin.dtype() == Dtype::F32
            && cos.dim(0) == x.dim(0)
            && 2 * cos.dim(1) <= x.dim(2);
        if !fits {
            return Err(Error::shape(
                "rope",
                format!(
                    "x [t, heads, d] and cos, sin [t, r <= d/2] f32 do not fit: {x:?}, {cos:?}, {sin:?}"
                ),
            ));
        }
        Ok(smallvec![(x.shape().clone(), x.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let (t, heads, d) = (inputs[0].dim(0), inputs[0].dim(1), inputs[0].dim(2));
            let r = inputs[1].dim(1);
            let wide = inputs[0].astype(inputs[0].dtype().accumulator())?;
            let (cos, sin) = (inputs[1].expand_dims(1)?, inputs[2].expand_dims(1)?);
            let turned = wide.narrow(2, 0, 2 * r)?;
            let (pairs, axis) = if self.interleaved {
                ([r, 2], 3)
            } else {
                ([2, r], 2)
            };
            let pairs = turned.reshape([t, heads, pairs[0], pairs[1]])?;
            let part = |i| pairs.narrow(axis, i, i + 1)?.reshape([t, heads, r]);
            let (a, b) = (part(0)?, part(1)?);
            let x = a.multiply(&cos)?.subtract(&b.multiply(&sin)?)?;
            let y = b.multiply(&cos)?.add(&a.multiply(&sin)?)?;
            let turned = Array::stack(&[x, y], axis)?.reshape([t, heads, 2 * r])?;
            let rest = wide.narrow(2, 2 * r, d)?;
            let out = Array::concatenate(&[turned, rest], 2)?;
            Ok(vec![out.astype(inputs[0].dtype())?])
        })())
    }
}

impl Array {
    /// `x [t, heads, d]` with its first `2 r` dims rotated by angles whose cosines and sines are
    /// `[t, r]` `f32`; `interleaved` pairs neighbours instead of halves. Returned in `x`'s dtype.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn rope(&self, cos: &Array, sin: &Array, interleaved: bool) -> Result<Array> {
        Array::from_op(Rope { interleaved }, &[self, cos, sin])
    }
}

/// The frequencies of a rotary embedding.
#[derive(Clone, Copy, Debug)]
pub enum Frequencies<'a> {
    /// Pair `i` of `r` turns by `base^(-i / r)` a position.
    Base(f32),
    /// `[r]`: the positions in which a pair turns by one radian.
    Wavelengths(&'a Array),
}

impl Array {
    /// Rotary embedding of `self [b, .., t, d]`: the first `dims` of the last axis, rotated by the
    /// positions `scale * (offset + 0..t)`.
    ///
    /// `offset`: an integer array, a scalar or `[b]`. `interleaved` pairs neighbours instead of halves.
    /// Angles are computed in `f32`.
    ///
    /// # Errors
    /// [`Error::Shape`] when there are fewer than three axes or `dims`, `offset` or the wavelengths do
    /// not fit; [`Error::Dtype`] when `self` is not of floats.
    pub fn rotary(
        &self,
        dims: usize,
        interleaved: bool,
        frequencies: Frequencies<'_>,
        scale: f32,
        offset: &Array,
    ) -> Result<Array> {
        let shape = self.shape();
        let rank = shape.len();
        if rank < 3 || dims > shape[rank - 1] || !dims.is_multiple_of(2) {
            return Err(Error::shape(
                "rope",
                format!("{self:?} has no even {dims} dims of [b, .., t, d] to rotate"),
            ));
        }
        let (b, t, d, r) = (shape[0], shape[rank - 2], shape[rank - 1], dims / 2);
        let per_position = match frequencies {
            Frequencies::Base(base) => {
                let step = f64::from(base).ln() / r as f64;
                let turns: Vec<f32> = (0..r).map(|i| (-step * i as f64).exp() as f32).collect();
                Array::from_slice(&turns, [r])?
            }
            Frequencies::Wavelengths(lengths) if **lengths.shape() == [r] => {
                Array::scalar(1.0f32).divide(&lengths.astype(Dtype::F32)?)?
            }
            Frequencies::Wavelengths(lengths) => {
                return Err(Error::shape(
                    "rope",
                    format!("needs [{r}] frequencies, not {lengths:?}"),
                ));
            }
        };
        if !(offset.rank() == 0 || **offset.shape() == [b] || **offset.shape() == [1]) {
            return Err(Error::shape(
                "rope",
                format!("the offset must be a scalar or [{b}], not {offset:?}"),
            ));
        }
        let offset = offset.astype(Dtype::F32)?.reshape([offset.elements(), 1])?;
        let steps = super::ragged::iota(t)?.astype(Dtype::F32)?;
        let positions = offset.add(&steps)?.multiply(&Array::scalar(scale))?;
        let angles = positions.expand_dims(2)?.multiply(&per_position)?; // [b or 1, t, r]
        let heads: usize = shape[1..rank - 2].iter().product();
        let angles = angles
            .reshape([angles.dim(0), 1, t, r])?
            .broadcast_to([b, heads, t, r])?;
        let angles = angles.reshape([b * heads * t, r])?;
        let rows = self.reshape([b * heads * t, 1, d])?;
        rows.rope(&angles.cos()?, &angles.sin()?, interleaved)?
            .reshape(shape)
    }
}
