//! Attention of a batch of queries over keys and values of one length: what a layer in training calls.
//!
//! The engine's ragged form, over caches and with positions, is [`super::attention`]; both share the
//! kernels, which never store the score matrix. A mask that is an array has no kernel: its scores are
//! as many bytes as the matrix that a kernel would avoid. Vaswani and others, 2017 (arXiv 1706.03762).

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{F32, Family, Outs};

/// `softmax(scale * q k^T) v` for `q [b, t, heads, d]`, `k [b, kv_heads, s, d]` and
/// `v [b, kv_heads, s, dv]`: `[b, t, heads, dv]`. A third operand has a logit per head that joins the
/// denominator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct ScaledDotProduct {
    /// Multiplies the scores.
    pub scale: F32,
    /// Whether the last query sees all keys, the one before it all but the last, and so on.
    pub causal: bool,
}

/// Which keys a query sees.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mask<'a> {
    /// All of them.
    #[default]
    None,
    /// Those up to its own, the last query's being the last key.
    Causal,
    /// Where a truth value says so; or the floats are added to the scores. Broadcasts to
    /// `[b, heads, t, s]`.
    Array(&'a Array),
}

impl Family for ScaledDotProduct {
    fn name(&self) -> &'static str {
        "scaled_dot_product_attention"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (q, k, v) = (&inputs[0], &inputs[1], &inputs[2]);
        let fits = [q, k, v]
            .iter()
            .all(|x| x.rank() == 4 && x.dtype().is_float() && x.dtype() == q.dtype())
            && k.dim(0) == q.dim(0)
            && k.shape()[..3] == v.shape()[..3]
            && k.dim(3) == q.dim(3)
            && k.dim(1) > 0
            && q.dim(2) % k.dim(1) == 0
            && k.dim(3) > 0
            && v.dim(3) > 0
            && (!self.causal || q.dim(1) <= k.dim(2))
            && inputs
                .get(3)
                .is_none_or(|s| **s.shape() == [q.dim(2)] && s.dtype().is_float());
        if !fits {
            let rest = inputs
                .get(3)
                .map_or(String::new(), |s| format!(", sinks {s:?}"));
            return Err(Error::shape(
                self.name(),
                format!(
                    "q [b, t, heads, d] {q:?}, k {k:?} and v {v:?} [b, kv_heads, s, d]{rest} do not fit"
                ),
            ));
        }
        Ok(smallvec![(q.shape().with(3, v.dim(3)), q.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some((|| {
            let (q, k) = (inputs[0].moveaxis(1, 2)?, &inputs[1]);
            let (queries, keys) = (q.dim(2), k.dim(2));
            let causal = match self.causal {
                true => Some(causal_mask(queries, keys)?),
                false => None,
            };
            let out = composed(
                &q,
                k,
                &inputs[2],
                self.scale.get(),
                causal.as_ref(),
                inputs.get(3),
            )?;
            Ok(vec![out.moveaxis(2, 1)?])
        })())
    }
}

/// `[queries, keys]`: whether a query sees a key.
fn causal_mask(queries: usize, keys: usize) -> Result<Array> {
    let index = super::ragged::iota(keys)?;
    let last = super::ragged::iota(queries)?.add(&Array::scalar(keys as i32 - queries as i32))?;
    index.less_equal(&last.expand_dims(1)?)
}

/// The formula with the whole score matrix, for `q [b, heads, t, d]`.
fn composed(
    q: &Array,
    k: &Array,
    v: &Array,
    scale: f32,
    mask: Option<&Array>,
    sinks: Option<&Array>,
) -> Result<Array> {
    let wide = q.dtype().accumulator();
    let (b, heads, t, d) = (q.dim(0), q.dim(1), q.dim(2), q.dim(3));
    let (kv_heads, s) = (k.dim(1), k.dim(2));
    let group = heads / kv_heads;
    // Query heads that share a key head are rows of one product.
    let rows = q.astype(wide)?.reshape([b, kv_heads, group * t, d])?;
    let factor = Array::scalar_of(f64::from(scale), wide);
    let scores = rows
        .multiply(&factor)?
        .matmul(&k.astype(wide)?.matrix_transpose()?)?;
    let mut scores = scores.reshape([b, heads, t, s])?;
    let nothing = Array::scalar_of(f64::NEG_INFINITY, wide);
    match mask {
        Some(seen) if seen.dtype() == Dtype::Bool => {
            scores = Array::select(seen, &scores, &nothing)?
        }
        Some(added) => scores = scores.add(&added.astype(wide)?)?,
        None => {}
    }
    let mut most = scores.max(-1, true)?;
    let sinks = sinks
        .map(|x| x.astype(wide)?.reshape([heads, 1, 1]))
        .transpose()?;
    if let Some(sinks) = &sinks {
        most = most.maximum(sinks)?;
    }
    // A query that sees nothing has no maximum, and gives zeros.
    let zero = Array::scalar_of(0.0, wide);
    let most = Array::select(&most.equal(&nothing)?, &zero, &most)?;
    let weights = scores.subtract(&most)?.exp()?;
    let mut sum = weights.sum(-1, true)?;
    if let Some(sinks) = &sinks {
        sum = sum.add(&sinks.subtract(&most)?.exp()?)?;
    }
    let sum = Array::select(&sum.equal(&zero)?, &Array::scalar_of(1.0, wide), &sum)?;
    let weights = weights.divide(&sum)?.reshape([b, kv_heads, group * t, s])?;
    let out = weights.matmul(&v.astype(wide)?)?;
    out.reshape([b, heads, t, v.dim(3)])?.astype(q.dtype())
}

impl Array {
    /// Attention `softmax(scale * q k^T) v` of queries `self [b, heads, t, d]` over keys
    /// `k [b, kv_heads, s, d]` and values `v [b, kv_heads, s, dv]`: `[b, heads, t, dv]`.
    ///
    /// `heads` is a multiple of `kv_heads`; `sinks [heads]` are logits that join the denominator. The
    /// softmax is computed in `f32`; operands are promoted to one dtype. A query that sees no key gives
    /// zeros.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit; [`Error::Dtype`] when the mask is neither truth
    /// values nor floats.
    pub fn scaled_dot_product_attention(
        &self,
        k: &Array,
        v: &Array,
        scale: f32,
        mask: Mask<'_>,
        sinks: Option<&Array>,
    ) -> Result<Array> {
        const NAME: &str = "scaled_dot_product_attention";
        let dtype = self.dtype().promote(k.dtype()).promote(v.dtype());
        if self.rank() != 4 {
            return Err(Error::shape(
                NAME,
                format!("q must be [b, heads, t, d], not {self:?}"),
            ));
        }
        let [q, k, v] = [self.astype(dtype)?, k.astype(dtype)?, v.astype(dtype)?];
        let op = ScaledDotProduct {
            scale: scale.into(),
            causal: matches!(mask, Mask::Causal),
        };
        let rows = q.moveaxis(2, 1)?;
        let operands: Vec<&Array> = [&rows, &k, &v].into_iter().chain(sinks).collect();
        let Mask::Array(mask) = mask else {
            return Array::from_op(op, &operands)?.moveaxis(2, 1);
        };
        let operands: Vec<Array> = operands.into_iter().cloned().collect();
        op.infer(&operands)?;
        if mask.dtype() != Dtype::Bool && !mask.dtype().is_float() {
            return Err(Error::dtype(
                NAME,
                format!("the mask must be bool or float, not {mask:?}"),
            ));
        }
        let scores = [q.dim(0), q.dim(1), q.dim(2), k.dim(2)];
        let mask = mask.broadcast_to(scores).map_err(|_| {
            Error::shape(
                NAME,
                format!("the mask {mask:?} does not broadcast to {scores:?}"),
            )
        })?;
        composed(&q, &k, &v, scale, Some(&mask), sinks)
    }
}
