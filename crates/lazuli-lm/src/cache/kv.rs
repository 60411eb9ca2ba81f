//! Keys and values of one layer: floats or packed, every position or a ring of the latest.
//!
//! One type serves all four: what differs is the form of the arrays and where a position lives, and
//! both are operands of the same two operations. Plain caches grow in chunks, so that shapes change
//! once in 256 tokens; a ring has its full size from the start.

use lazuli_core::ops::attention::{Cached, Reach};
use lazuli_core::ops::cache::Ring;
use lazuli_core::ops::quantized::{Affine, QuantizedArray};
use lazuli_core::{Array, Dtype, Result, Rows};

use super::rows;

/// Positions by which a plain cache grows.
const CHUNK: usize = 256;

/// Keys and values of one layer.
#[derive(Clone, Debug)]
pub struct KvCache {
    pub(super) keys: Cached,
    pub(super) values: Cached,
    /// What a token sees of the past; none: everything.
    pub(super) window: Option<u32>,
    pub(super) ring: Option<Ring>,
    pub(super) dtype: Dtype,
}

impl KvCache {
    /// An empty cache for `[slots, kv_heads, head_dim]`.
    pub(super) fn new(
        [slots, heads, dim]: [usize; 3],
        dtype: Dtype,
        affine: Option<Affine>,
        window: Option<u32>,
        ring: Option<Ring>,
    ) -> Result<KvCache> {
        let capacity = ring.map_or(CHUNK, |r| (r.keep + r.len) as usize);
        // Two arrays, not one shared: each is written in place.
        let zeros = || Array::zeroed([slots, heads, capacity, dim], dtype);
        let mut cache = KvCache {
            keys: Cached::Float(zeros()?),
            values: Cached::Float(zeros()?),
            window,
            ring,
            dtype,
        };
        if let Some(affine) = affine {
            cache.pack(affine)?;
        }
        Ok(cache)
    }

    /// Keys, `[slots, kv_heads, capacity, head_dim]`.
    pub fn keys(&self) -> &Cached {
        &self.keys
    }

    /// Values, likewise.
    pub fn values(&self) -> &Cached {
        &self.values
    }

    /// Writes the keys and values `[t, kv_heads, head_dim]` of a call's rows, packing them if the cache
    /// is packed.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn append(&mut self, keys: &Array, values: &Array, rows: &Rows) -> Result<()> {
        self.keys = append(&self.keys, keys, rows, self.ring)?;
        self.values = append(&self.values, values, rows, self.ring)?;
        Ok(())
    }

    /// Attention of `q [t, heads, head_dim]`, whose keys and values have been appended.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn attend(&self, q: &Array, rows: &Rows, scale: f32) -> Result<Array> {
        let (window, ring) = (self.window, self.ring);
        let reach = Reach { window, ring };
        q.attention(&self.keys, &self.values, rows, scale, reach, None)
    }

    /// The ring and its window, if there is one.
    pub(super) fn ring(&self) -> Option<(Ring, usize)> {
        Some((self.ring?, self.window? as usize))
    }

    pub(super) fn arrays(&self) -> Vec<Array> {
        let both = [&self.keys, &self.values];
        both.into_iter().flat_map(parts).cloned().collect()
    }

    /// Room for `slots` sequences and, unless it is a ring, for positions below `end`.
    pub(super) fn grow(&mut self, slots: usize, end: usize) -> Result<()> {
        let capacity = match self.ring {
            Some(_) => 0,
            None => end.next_multiple_of(CHUNK),
        };
        let keys = parts(&self.keys)[0];
        if keys.dim(0) >= slots && keys.dim(2) >= capacity {
            return Ok(());
        }
        self.change(|a| rows::extend(&rows::extend(a, 0, slots)?, 2, capacity))?;
        // Now, and not with the other layers: what one had is given back before the next one grows.
        lazuli_core::eval(&self.arrays().iter().collect::<Vec<_>>())?;
        lazuli_core::memory::clear_cache();
        Ok(())
    }

    /// Packs what the cache holds, and from now on what is appended.
    pub(super) fn pack(&mut self, affine: Affine) -> Result<()> {
        for cached in [&mut self.keys, &mut self.values] {
            if let Cached::Float(floats) = cached {
                *cached = Cached::Quantized(floats.quantize(affine)?);
            }
        }
        Ok(())
    }

    /// Empties the cache; it holds floats again.
    pub(super) fn clear(&mut self) -> Result<()> {
        let (slots, heads, dim) = match &self.keys {
            Cached::Float(k) => (k.dim(0), k.dim(1), k.dim(3)),
            Cached::Quantized(q) => {
                let shape = q.shape();
                (q.scales.dim(0), q.scales.dim(1), shape[3])
            }
        };
        let shape = [slots, heads, dim];
        *self = KvCache::new(shape, self.dtype, None, self.window, self.ring)?;
        Ok(())
    }

    /// Keys and values of `slot` alone; all of a ring, the first `len` positions of a plain cache.
    pub(super) fn row(&self, slot: usize, len: usize) -> Result<(Cached, Cached)> {
        let cut = |a: &Array| -> Result<Array> {
            let row = rows::row(a, slot)?;
            match self.ring {
                Some(_) => row.copy(),
                None => row.narrow(2, 0, len.min(row.dim(2)))?.copy(),
            }
        };
        Ok((map(&self.keys, cut)?, map(&self.values, cut)?))
    }

    /// Puts what [`Self::row`] gave into `slot`. False when it has another form.
    pub(super) fn set_row(&mut self, slot: usize, keys: &Cached, values: &Cached) -> Result<bool> {
        let both = with_row(&self.keys, keys, slot)?.zip(with_row(&self.values, values, slot)?);
        let Some((keys, values)) = both else {
            return Ok(false);
        };
        (self.keys, self.values) = (keys, values);
        Ok(true)
    }

    fn change(&mut self, f: impl Fn(&Array) -> Result<Array>) -> Result<()> {
        self.keys = map(&self.keys, &f)?;
        self.values = map(&self.values, &f)?;
        Ok(())
    }
}

fn append(cache: &Cached, new: &Array, rows: &Rows, ring: Option<Ring>) -> Result<Cached> {
    Ok(match cache {
        Cached::Float(a) => Cached::Float(a.cache_append(&new.astype(a.dtype())?, rows, ring)?),
        Cached::Quantized(q) => {
            let new = new.quantize(q.quantization)?;
            Cached::Quantized(q.zip(&new, |cache, new| cache.cache_append(new, rows, ring))?)
        }
    })
}

/// The arrays that make up keys or values.
pub(super) fn parts(cached: &Cached) -> Vec<&Array> {
    match cached {
        Cached::Float(a) => vec![a],
        Cached::Quantized(q) => q.parts(),
    }
}

fn map(cached: &Cached, f: impl Fn(&Array) -> Result<Array>) -> Result<Cached> {
    Ok(match cached {
        Cached::Float(a) => Cached::Float(f(a)?),
        Cached::Quantized(q) => Cached::Quantized(q.map(f)?),
    })
}

/// `cache` with `row`, extended to the capacity, in place of the row of `slot`; none if they differ in
/// form.
fn with_row(cache: &Cached, row: &Cached, slot: usize) -> Result<Option<Cached>> {
    let format = |c: &Cached| match c {
        Cached::Float(_) => None,
        Cached::Quantized(q) => Some(q.quantization),
    };
    if format(cache) != format(row) {
        return Ok(None);
    }
    let mut new = Vec::with_capacity(3);
    for (a, row) in parts(cache).into_iter().zip(parts(row)) {
        let row = rows::extend(row, 2, a.dim(2))?;
        match rows::replace(a, slot, &row)? {
            Some(array) => new.push(array),
            None => return Ok(None),
        }
    }
    Ok(match format(cache) {
        None => new.pop().map(Cached::Float),
        Some(format) => Some(Cached::Quantized(QuantizedArray::from_parts(format, new)?)),
    })
}
