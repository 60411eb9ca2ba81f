//! Caches of layers as trees of arrays, which a compiled function takes and gives back.
//!
//! The arrays are those that hold tokens, and what recurrent layers keep of a call. Where a position
//! lives, how numbers are packed and what is kept are structure: other ones are another trace.

use lazuli_core::ops::attention::Cached;
use lazuli_core::ops::quantized::QuantizedArray;
use lazuli_core::tree::{Arrays, Leaves, Tree};
use lazuli_core::{Array, Result};

use super::LayerCache;
use super::kv::{KvCache, parts};
use super::recurrent::{Kept, Memory, RecurrentCache};
use crate::blocks::DeltaRows;

impl Tree for LayerCache {
    fn flatten(&self, leaves: &mut Leaves) {
        match self {
            LayerCache::Kv(cache) => cache.flatten(leaves),
            LayerCache::Recurrent(cache) => cache.flatten(leaves),
        }
    }

    fn unflatten(&self, arrays: &mut Arrays) -> Result<LayerCache> {
        Ok(match self {
            LayerCache::Kv(cache) => LayerCache::Kv(cache.unflatten(arrays)?),
            LayerCache::Recurrent(cache) => LayerCache::Recurrent(cache.unflatten(arrays)?),
        })
    }
}

impl Tree for KvCache {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(2);
        leaves.number(self.dtype as u64);
        for number in [
            self.window,
            self.ring.map(|r| r.keep),
            self.ring.map(|r| r.len),
        ] {
            leaves.number(number.map_or(u64::MAX, u64::from));
        }
        flatten_cached(&self.keys, leaves);
        flatten_cached(&self.values, leaves);
    }

    fn unflatten(&self, arrays: &mut Arrays) -> Result<KvCache> {
        Ok(KvCache {
            keys: unflatten_cached(&self.keys, arrays)?,
            values: unflatten_cached(&self.values, arrays)?,
            ..self.clone()
        })
    }
}

fn flatten_cached(cached: &Cached, leaves: &mut Leaves) {
    let parts = parts(cached);
    leaves.node(parts.len());
    if let Cached::Quantized(q) = cached {
        let format = q.quantization;
        let numbers = [format.mode as u64, format.bits.into(), format.group.into()];
        numbers.into_iter().for_each(|n| leaves.number(n));
    }
    parts.into_iter().for_each(|a| leaves.leaf(a));
}

fn unflatten_cached(cached: &Cached, arrays: &mut Arrays) -> Result<Cached> {
    Ok(match cached {
        Cached::Float(_) => Cached::Float(arrays.take()?),
        Cached::Quantized(q) => {
            let new = parts(cached).into_iter().map(|_| arrays.take());
            let new = new.collect::<Result<Vec<Array>>>()?;
            Cached::Quantized(QuantizedArray::from_parts(q.quantization, new)?)
        }
    })
}

impl Tree for RecurrentCache {
    fn flatten(&self, leaves: &mut Leaves) {
        leaves.node(3);
        leaves.leaf(&self.conv);
        leaves.leaf(&self.delta);
        match &self.memory {
            Memory::Nothing => leaves.number(0),
            Memory::Asked => leaves.number(1),
            Memory::Kept(kept) => {
                leaves.node(5);
                kept.arrays().into_iter().for_each(|a| leaves.leaf(a));
            }
        }
    }

    fn unflatten(&self, arrays: &mut Arrays) -> Result<RecurrentCache> {
        Ok(RecurrentCache {
            conv: arrays.take()?,
            delta: arrays.take()?,
            memory: match &self.memory {
                Memory::Nothing => Memory::Nothing,
                Memory::Asked => Memory::Asked,
                Memory::Kept(kept) => Memory::Kept(Box::new(Kept {
                    // Parameters of the layer: the same at each call.
                    core: kept.core.clone(),
                    conv: arrays.take()?,
                    delta: arrays.take()?,
                    input: DeltaRows {
                        qkv: arrays.take()?,
                        a: arrays.take()?,
                        b: arrays.take()?,
                    },
                })),
            },
        })
    }
}
