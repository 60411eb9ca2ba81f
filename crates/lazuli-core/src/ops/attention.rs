//! Attention of ragged rows over caches, causal by position.
//!
//! Never materialises the score matrix. Keys are visited in tiles at fixed positions, so a row's bits
//! depend on nothing but its own sequence (design, section 5). Quantized caches are read as they are.
//! Dao and others, 2022 (arXiv 2205.14135); Milakov and Gimelshein, 2018 (arXiv 1805.02867).

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{F32, Family, Outs};
use crate::ops::cache::Ring;
use crate::ops::quantized::{Affine, Quantization, QuantizedArray};
use crate::ops::ragged::{self, Tokens};
use crate::rows::{self, Rows};

/// `q [t, heads, d]` over `k, v [slots, kv_heads, capacity, d]`: `[t, heads, d]`.
///
/// Operands: `q`, the parts of `k`, the parts of `v` (one each, or three if quantized), the rows table,
/// and, with `sinks`, a logit per query head.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
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
            Some(affine) => Quantization::from(affine).unpacked("attention", x),
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

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some(self.in_base_operations(inputs).map(|out| vec![out]))
    }
}

impl Attention {
    fn in_base_operations(&self, inputs: &[Array]) -> Result<Array> {
        let parts = self.parts();
        let q = &inputs[0];
        let [heads, d] = [q.dim(1), q.dim(2)];
        let tokens = Tokens::new(&inputs[1 + 2 * parts], q.dim(0))?;
        let slot = tokens.of(&tokens.slot)?;
        // Each token's slot of a cache: [t, kv_heads, capacity, d].
        let own = |x: &[Array]| match self.affine {
            Some(affine) => QuantizedArray::from_parts(affine, x.iter().cloned())?
                .take(&slot)?
                .dequantize(Dtype::F32),
            None => x[0].take(&slot, 0)?.astype(Dtype::F32),
        };
        let (k, v) = (
            own(&inputs[1..1 + parts])?,
            own(&inputs[1 + parts..1 + 2 * parts])?,
        );
        let (kv_heads, capacity) = (k.dim(1), k.dim(2));
        let visible = self.visible(&tokens, capacity)?; // [t, capacity]
        let zero = Array::scalar(0.0f32);
        // What is not visible may be anything, NaN included.
        let hide =
            |x: &Array| Array::select(&visible.reshape([q.dim(0), 1, capacity, 1])?, x, &zero);
        let (k, v) = (hide(&k)?, hide(&v)?);
        let grouped = [q.dim(0), kv_heads, heads / kv_heads, d];
        let q32 = q.astype(Dtype::F32)?.reshape(grouped)?;
        let scores = q32
            .matmul(&k.matrix_transpose()?)?
            .multiply(&Array::scalar(self.scale.get()))?;
        let nothing = Array::scalar(f32::NEG_INFINITY);
        let visible = visible.reshape([q.dim(0), 1, 1, capacity])?;
        let scores = Array::select(&visible, &scores, &nothing)?;
        let mut most = scores.max(-1, true)?;
        let sinks = match self.sinks {
            true => Some(inputs[2 + 2 * parts].astype(Dtype::F32)?.reshape([
                1,
                kv_heads,
                heads / kv_heads,
                1,
            ])?),
            false => None,
        };
        if let Some(sinks) = &sinks {
            most = most.maximum(sinks)?;
        }
        // A row that sees nothing has no maximum, and gives zeros.
        let most = Array::select(&most.equal(&nothing)?, &zero, &most)?;
        let weights = scores.subtract(&most)?.exp()?;
        let mut sum = weights.sum(-1, true)?;
        if let Some(sinks) = &sinks {
            sum = sum.add(&sinks.subtract(&most)?.exp()?)?;
        }
        let sum = Array::select(&sum.equal(&zero)?, &Array::scalar(1.0f32), &sum)?;
        let out = weights.divide(&sum)?.matmul(&v)?;
        out.reshape(q.shape())?.astype(q.dtype())
    }

    /// Whether a token sees what its slot of the cache holds at an index: `[tokens, capacity]`.
    fn visible(&self, tokens: &Tokens, capacity: usize) -> Result<Array> {
        let number = |n: u32| Array::scalar(n as i32);
        let (index, at) = (ragged::iota(capacity)?, tokens.position()?.expand_dims(1)?);
        let mut held = index.clone();
        let mut present = index.greater_equal(&number(0))?;
        let mut kept = index.less(&number(0))?;
        if let Some(ring) = self.ring {
            // The ring holds the latest position that falls on an index.
            let end = tokens.of(&tokens.first.add(&tokens.len)?)?.expand_dims(1)?;
            let last = end.subtract(&number(1))?;
            let latest = last.subtract(&ragged::remainder(&last.subtract(&index)?, ring.len)?)?;
            kept = index.less(&number(ring.keep))?;
            held = Array::select(&kept, &index, &latest)?;
            let in_ring = held.greater_equal(&number(ring.keep))?;
            present = kept
                .logical_or(&in_ring.logical_and(&index.less(&number(ring.keep + ring.len))?)?)?;
        }
        let mut visible = present.logical_and(&held.less_equal(&at)?)?;
        if let Some(window) = self.window {
            let near = held.greater(&at.subtract(&number(window))?)?;
            visible = visible.logical_and(&near.logical_or(&kept)?)?;
        }
        visible.logical_and(&tokens.valid.expand_dims(1)?)
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
            Cached::Quantized(q) => q.parts(),
        }
    }

    fn affine(&self) -> Result<Option<Affine>> {
        let Cached::Quantized(q) = self else {
            return Ok(None);
        };
        match q.quantization.affine() {
            Some(affine) => Ok(Some(affine)),
            None => Err(Error::unsupported(
                "attention",
                format!("reads caches in mode affine, not {}", q.quantization),
            )),
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
        let affine = k.affine()?;
        if affine != v.affine()? {
            return Err(Error::value(
                "attention",
                "keys and values differ in format",
            ));
        }
        let op = Attention {
            scale: scale.into(),
            window: reach.window,
            ring: reach.ring,
            affine,
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
