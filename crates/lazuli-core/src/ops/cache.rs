//! Writing new rows into a cache.
//!
//! A cache has capacity shapes; which rows are valid is known from positions. Functional like every
//! operation: in place when the old cache is not referred to any more, else a copy.

use smallvec::smallvec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::ops::ragged::{self, Tokens};
use crate::rows::{self, Rows};

/// Where positions live in a cache that keeps only some of them.
///
/// Positions below `keep` stay at their index; position `p >= keep` is at `keep + (p - keep) % len`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Ring {
    /// First positions, which are never overwritten.
    pub keep: u32,
    /// Length of the ring behind them.
    pub len: u32,
}

impl Ring {
    /// Index of a position in the cache.
    pub fn index(self, position: usize) -> usize {
        let (keep, len) = (self.keep as usize, self.len as usize);
        if position < keep {
            position
        } else {
            keep + (position - keep) % len
        }
    }
}

/// `cache [slots, heads, capacity, width]` with the rows of `new [t, heads, width]` written at their
/// positions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct CacheAppend {
    /// None: position `p` is at index `p`.
    pub ring: Option<Ring>,
}

impl Family for CacheAppend {
    fn name(&self) -> &'static str {
        "cache_append"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (cache, new) = (&inputs[0], &inputs[1]);
        rows::check_table("cache_append", &inputs[2])?;
        let fits = cache.rank() == 4
            && new.rank() == 3
            && cache.dtype() == new.dtype()
            && cache.dim(1) == new.dim(1)
            && cache.dim(3) == new.dim(2);
        if !fits {
            return Err(Error::shape(
                "cache_append",
                format!("rows {new:?} do not fit a cache {cache:?}"),
            ));
        }
        if let Some(ring) = self.ring
            && (ring.len == 0 || (ring.keep + ring.len) as usize > cache.dim(2))
        {
            return Err(Error::value(
                "cache_append",
                format!("{ring:?} does not fit a capacity of {}", cache.dim(2)),
            ));
        }
        Ok(smallvec![(cache.shape().clone(), cache.dtype())])
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some(self.in_base_operations(inputs).map(|out| vec![out]))
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(0, 0)]
    }
}

impl CacheAppend {
    fn in_base_operations(&self, inputs: &[Array]) -> Result<Array> {
        let (cache, new) = (&inputs[0], &inputs[1]);
        let (slots, capacity) = (cache.dim(0), cache.dim(2));
        if new.dim(0) == 0 || inputs[2].dim(0) == 0 || cache.elements() == 0 {
            return Ok(cache.clone());
        }
        let tokens = Tokens::new(&inputs[2], new.dim(0))?;
        let mut index = tokens.position()?;
        if let Some(ring) = self.ring {
            let keep = Array::scalar(ring.keep as i32);
            let wrapped = ragged::remainder(&index.subtract(&keep)?, ring.len)?.add(&keep)?;
            index = Array::select(&index.less(&keep)?, &index, &wrapped)?;
        }
        // Which token is written to each place: [slots, capacity, tokens].
        let slot = tokens.of(&tokens.slot)?;
        let in_slot = slot.equal(&ragged::iota(slots)?.reshape([slots, 1, 1])?)?;
        let at_index = index.equal(&ragged::iota(capacity)?.reshape([capacity, 1])?)?;
        let written = in_slot.logical_and(&at_index)?.logical_and(&tokens.valid)?;
        let (any, token) = ragged::found(&written)?;
        let rows = new.take(&token, 0)?.moveaxis(2, 1)?;
        Array::select(&any.reshape([slots, 1, capacity, 1])?, &rows, cache)
    }
}

impl Array {
    /// The cache `self [slots, heads, capacity, width]` with `new [t, heads, width]` written at the
    /// slots and positions that `rows` gives.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit; [`Error::Index`] when evaluated with a position
    /// beyond the capacity.
    pub fn cache_append(&self, new: &Array, rows: &Rows, ring: Option<Ring>) -> Result<Array> {
        Array::from_op(CacheAppend { ring }, &[self, new, rows.table()])
    }
}
