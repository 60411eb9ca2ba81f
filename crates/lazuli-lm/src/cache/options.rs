//! What caches a user asks for.

use lazuli_core::ops::cache::Ring;
use lazuli_core::ops::quantized::Affine;
use lazuli_core::{Error, Result};

use crate::config::{Config, LayerKind};

/// How far a ring can always go back.
const ROLLBACK: usize = 64;
/// Attention splits keys at multiples of this position; a ring is a multiple of it, so that no split
/// straddles its seam.
const SPLIT: usize = 512;
/// First positions that a bounded cache never drops: attention gathers there.
const KEEP: usize = 4;

/// Options of [`super::Caches`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheOptions {
    /// Sequences to make room for at first; more appear when a call names them.
    pub slots: usize,
    /// Bits of packed keys and values; none: floats in the compute dtype.
    pub kv_bits: Option<usize>,
    /// Values that share a scale in packed keys and values.
    pub kv_group_size: usize,
    /// Length from which on keys and values are packed. Other than 0 needs a single slot: a cache is
    /// packed whole, and a sequence must not depend on its neighbours' lengths.
    pub quantized_kv_start: usize,
    /// Positions that attention layers without a window of their own see at most: the first 4 and the
    /// latest.
    pub max_kv_size: Option<usize>,
    /// The longest call that rings are made for.
    pub prefill_step: usize,
}

impl Default for CacheOptions {
    fn default() -> CacheOptions {
        CacheOptions {
            slots: 1,
            kv_bits: None,
            kv_group_size: 64,
            quantized_kv_start: 0,
            max_kv_size: None,
            prefill_step: 2048,
        }
    }
}

impl CacheOptions {
    /// Checks the options; the packed format, and the length from which on it is used.
    pub(crate) fn packing(&self, config: &Config) -> Result<Option<(Affine, usize)>> {
        let refuse = |message: String| Err(Error::value("cache", message));
        if self.slots == 0 {
            return refuse("slots must be at least 1".to_owned());
        }
        if let Some(size) = self.max_kv_size
            && size <= KEEP
        {
            return refuse(format!("max_kv_size must be more than {KEEP}, not {size}"));
        }
        let Some(bits) = self.kv_bits else {
            return Ok(None);
        };
        let affine = Affine::new(bits, self.kv_group_size)?;
        if !config.head_dim.is_multiple_of(self.kv_group_size) {
            return refuse(format!(
                "kv_group_size {} does not divide head_dim {}",
                self.kv_group_size, config.head_dim
            ));
        }
        let from = self.quantized_kv_start;
        if from > 0 && self.slots > 1 {
            return refuse(format!(
                "quantized_kv_start {from} needs a single slot, there are {}: use 0",
                self.slots
            ));
        }
        Ok(Some((affine, from)))
    }

    /// The window of a layer's cache, and how it is laid out as a ring.
    pub(super) fn window(&self, config: &Config, kind: LayerKind) -> (Option<u32>, Option<Ring>) {
        let (window, keep) = match (kind, config.sliding_window, self.max_kv_size) {
            (LayerKind::Sliding, Some(window), _) => (window, 0),
            (LayerKind::Full, _, Some(size)) => (size - KEEP, KEEP),
            _ => return (None, None),
        };
        let len = (window + self.prefill_step.max(ROLLBACK)).next_multiple_of(SPLIT);
        let ring = Ring {
            keep: keep as u32,
            len: len as u32,
        };
        (Some(window as u32), Some(ring))
    }
}
