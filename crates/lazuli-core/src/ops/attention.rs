//! Attention of ragged rows over caches, causal by position.
//!
//! Never materialises the score matrix. Keys are visited in tiles at fixed positions, so a row's bits
//! depend on nothing but its own sequence (design, section 5). Quantized caches are read as they are.
//! Dao and others, 2022 (arXiv 2205.14135); Milakov and Gimelshein, 2018 (arXiv 1805.02867).

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{F32, Family, Outs};
use crate::ops::cache::Ring;
use crate::ops::quantized::{Affine, QuantizedArray};
use crate::rows::{self, Rows};

/// `q [t, heads, d]` over `k, v [slots, kv_heads, capacity, d]`: `[t, heads, d]`.
///
/// Operands: `q`, the parts of `k`, the parts of `v` (one each, or three if quantized), the rows table,
/// and, with `sinks`, a logit per query head.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Attention {
    /// Multiplies the scores.
    pub scale: F32,
    /// A row at `p` sees positions above `p - window` only (and those that the ring keeps).
    pub window: Option<u32>,
    /// How the cache maps positions to indices.
    pub ring: Option<Ring>,
    /// Format of the caches; none: floats.
    pub affine: Option<Affine>,
    /// Whether a learned logit per head joins the denominator.
    pub sinks: bool,
}

impl Attention {
    /// Operands that make up each of `k` and `v`.
    pub fn parts(&self) -> usize {
        if self.affine.is_some() { 3 } else { 1 }
    }
}

impl Family for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let parts = self.parts();
        let want = 2 + 2 * parts + self.sinks as usize;
        if inputs.len() != want {
            return Err(Error::value(
                "attention",
                format!("needs {want} operands, not {}", inputs.len()),
            ));
        }
        let (q, k, v) = (
            &inputs[0],
            &inputs[1..1 + parts],
            &inputs[1 + parts..1 + 2 * parts],
        );
        rows::check_table("attention", &inputs[1 + 2 * parts])?;
        let shape_of = |x: &[Array]| match self.affine {
            Some(affine) => affine.unpacked("attention", x),
            None => Ok(x[0].shape().clone()),
        };
        let (ks, vs) = (shape_of(k)?, shape_of(v)?);
        let fits = q.rank() == 3
            && q.dtype().is_float()
            && ks == vs
            && ks.len() == 4
            && ks[3] == q.dim(2)
            && ks[1] > 0
            && q.dim(1) % ks[1] == 0
            && (self.affine.is_some() || (k[0].dtype().is_float() && k[0].dtype() == v[0].dtype()));
        if !fits {
            return Err(Error::shape(
                "attention",
                format!(
                    "q {q:?} does not fit k {ks} and v {vs}: heads must be a multiple of kv heads, head sizes equal"
                ),
            ));
        }
        if self.sinks && **inputs[want - 1].shape() != [q.dim(1)] {
            return Err(Error::shape(
                "attention",
                format!("needs one sink per head, not {:?}", inputs[want - 1]),
            ));
        }
        Ok(smallvec![(q.shape().clone(), q.dtype())])
    }
}

/// Which positions a row sees, and where the cache keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// A row at `p` sees positions above `p - window` only (and those that the ring keeps).
    pub window: Option<u32>,
    /// How the cache maps positions to indices; none: position `p` is at index `p`.
    pub ring: Option<Ring>,
}

/// Keys or values of a cache.
#[derive(Clone, Debug)]
pub enum Cached {
    /// `[slots, kv_heads, capacity, d]` floats.
    Float(Array),
    /// The same, quantized along `d`.
    Quantized(QuantizedArray),
}

impl Cached {
    fn parts(&self) -> Vec<&Array> {
        match self {
            Cached::Float(a) => vec![a],
            Cached::Quantized(q) => vec![&q.packed, &q.scales, &q.biases],
        }
    }

    fn affine(&self) -> Option<Affine> {
        match self {
            Cached::Float(_) => None,
            Cached::Quantized(q) => Some(q.affine),
        }
    }
}

impl Array {
    /// Attention of `self [t, heads, d]` over a cache into which the rows' own keys and values have
    /// been written. A row at position `p` sees positions `0..=p`, less what `reach` hides.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn attention(
        &self,
        k: &Cached,
        v: &Cached,
        rows: &Rows,
        scale: f32,
        reach: Reach,
        sinks: Option<&Array>,
    ) -> Result<Array> {
        if k.affine() != v.affine() {
            return Err(Error::value(
                "attention",
                "keys and values differ in format",
            ));
        }
        let op = Attention {
            scale: scale.into(),
            window: reach.window,
            ring: reach.ring,
            affine: k.affine(),
            sinks: sinks.is_some(),
        };
        let mut operands = vec![self];
        operands.extend(k.parts());
        operands.extend(v.parts());
        operands.push(rows.table());
        operands.extend(sinks);
        Array::from_op(op, &operands)
    }
}
