//! What a model remembers of its sequences: keys and values, or recurrent states, per layer and slot.
//!
//! A slot holds one sequence. Every kind of cache goes back exactly or says that it cannot: keys and
//! values by length (what lies beyond is never read), rings as far as nothing needed is overwritten,
//! recurrent states by running the kept inputs of the last call again ([`Caches::reserve`]) or from a
//! [`Checkpoint`]. Not chosen: undoing a recurrence by arithmetic, which does not give the same bits.
//!
//! Arrays are functional, so a copy of [`Caches`] is a handful of handles, and an old handle is a
//! snapshot; the price is that a handle kept makes the next append copy instead of writing in place.

mod kv;
mod options;
mod recurrent;
mod rewind;
mod rows;
mod slot;
mod snapshot;
mod tree;

use lazuli_core::ops::cache::Ring;
use lazuli_core::ops::quantized::Affine;
use lazuli_core::{Array, Dtype, Error, Result, Role, Rows, Sequence};

use crate::config::{Config, LayerKind};
use slot::Slot;

pub use kv::KvCache;
pub use options::CacheOptions;
pub use recurrent::RecurrentCache;
pub use rewind::Checkpoint;
pub use snapshot::{LayerSnapshot, Snapshot};

/// The cache of one layer.
#[derive(Clone, Debug)]
pub enum LayerCache {
    /// Keys and values; floats or packed, all positions or a ring.
    Kv(KvCache),
    /// Convolution and delta states.
    Recurrent(RecurrentCache),
}

/// The caches of a model.
#[derive(Clone, Debug)]
pub struct Caches {
    layers: Vec<LayerCache>,
    slots: Vec<Slot>,
    /// Format of packed keys and values, and the length from which on they are packed.
    packing: Option<(Affine, usize)>,
    /// Whether floats were packed when the sequence reached that length.
    packed: bool,
    /// How many tokens of the last call can be taken back from recurrent states.
    depth: usize,
    /// The last call, if recurrent layers kept its inputs, and how many rows of each sequence remain.
    last: Vec<(Sequence, usize)>,
    /// Counts what changes the meaning of checkpoints.
    serial: u64,
}

impl Caches {
    /// Empty caches for a model that computes in `dtype`.
    ///
    /// # Errors
    /// [`Error::Value`] when the options do not fit the model or each other.
    pub fn new(config: &Config, options: &CacheOptions, dtype: Dtype) -> Result<Caches> {
        let packing = options.packing(config)?;
        let at_once = packing.filter(|(_, from)| *from == 0).map(|(a, _)| a);
        let layer = |kind: &LayerKind| -> Result<LayerCache> {
            let (window, ring) = options.window(config, *kind);
            Ok(match (kind, &config.gated_delta) {
                (LayerKind::Linear, Some(shape)) => {
                    LayerCache::Recurrent(RecurrentCache::new(options.slots, shape, dtype)?)
                }
                _ => {
                    let shape = [options.slots, config.kv_heads, config.head_dim];
                    LayerCache::Kv(KvCache::new(shape, dtype, at_once, window, ring)?)
                }
            })
        };
        Ok(Caches {
            layers: config.layers.iter().map(layer).collect::<Result<_>>()?,
            slots: vec![Slot::default(); options.slots],
            packing,
            packed: at_once.is_some(),
            depth: 0,
            last: Vec::new(),
            serial: 0,
        })
    }

    /// Tokens of the sequence in `slot`; 0 if there is no such slot yet.
    pub fn len(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, |s| s.len)
    }

    /// Whether no slot holds a sequence.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|s| s.len == 0)
    }

    /// Slots that exist; more appear when a call names them.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// From now on, recurrent layers keep what it takes to go back `depth` tokens within the last call
    /// of generated tokens. 0, as at first: nothing.
    pub fn reserve(&mut self, depth: usize) {
        self.depth = depth;
        if depth == 0 {
            self.forget();
        }
    }

    /// The most tokens that one call may add to a sequence of `first` tokens: a ring must still hold
    /// what the call's first token sees, and packing starts between calls.
    pub fn chunk_limit(&self, first: usize) -> usize {
        let rings = self.rings().map(|(ring, window)| {
            let oldest = (ring.keep as usize).max((first + 1).saturating_sub(window));
            oldest + ring.len as usize - first.min(oldest + ring.len as usize)
        });
        let packing = self.packing.filter(|_| !self.packed);
        let until_packed = packing.and_then(|(_, from)| from.checked_sub(first).filter(|n| *n > 0));
        rings.chain(until_packed).min().unwrap_or(usize::MAX)
    }

    /// Bytes that the caches take.
    pub fn bytes(&self) -> usize {
        self.arrays().iter().map(|a| a.bytes()).sum()
    }

    /// The caches, layer by layer.
    pub fn layers(&self) -> &[LayerCache] {
        &self.layers
    }

    /// Computes `outputs` and the caches with them: one pass, after which the caches keep no graph.
    ///
    /// # Errors
    /// The first error of the graph.
    pub fn eval_with(&self, outputs: &[&Array]) -> Result<()> {
        let caches = self.arrays();
        let mut all: Vec<&Array> = outputs.to_vec();
        all.extend(caches.iter().filter(|a| !a.is_evaluated()));
        lazuli_core::eval(&all)
    }

    fn arrays(&self) -> Vec<Array> {
        let of = |layer: &LayerCache| match layer {
            LayerCache::Kv(cache) => cache.arrays(),
            LayerCache::Recurrent(cache) => cache.arrays(),
        };
        self.layers.iter().flat_map(of).collect()
    }

    pub(crate) fn layers_mut(&mut self) -> &mut [LayerCache] {
        &mut self.layers
    }

    /// The layers, to be given back as a call left them ([`Caches::set_layers`]).
    pub(crate) fn take_layers(&mut self) -> Vec<LayerCache> {
        std::mem::take(&mut self.layers)
    }

    pub(crate) fn set_layers(&mut self, layers: Vec<LayerCache>) {
        self.layers = layers;
    }

    fn kv(&self) -> impl Iterator<Item = &KvCache> {
        self.layers.iter().filter_map(|layer| match layer {
            LayerCache::Kv(cache) => Some(cache),
            LayerCache::Recurrent(_) => None,
        })
    }

    fn recurrent_mut(&mut self) -> impl Iterator<Item = &mut RecurrentCache> {
        self.layers.iter_mut().filter_map(|layer| match layer {
            LayerCache::Recurrent(cache) => Some(cache),
            LayerCache::Kv(_) => None,
        })
    }

    fn has_recurrent(&self) -> bool {
        let recurrent = |layer: &LayerCache| matches!(layer, LayerCache::Recurrent(_));
        self.layers.iter().any(recurrent)
    }

    /// Rings and the windows that they hold.
    fn rings(&self) -> impl Iterator<Item = (Ring, usize)> {
        self.kv().filter_map(KvCache::ring)
    }

    fn forget(&mut self) {
        self.last.clear();
        self.recurrent_mut().for_each(RecurrentCache::forget);
    }

    /// Makes room for a call, which must continue each sequence where it ends, or start it anew.
    pub(crate) fn begin(&mut self, rows: &Rows) -> Result<()> {
        for s in rows.sequences() {
            let len = self.len(s.slot);
            if s.first != len && s.first != 0 {
                return Err(Error::value(
                    "cache",
                    format!(
                        "slot {} holds {len} tokens, the call starts at position {}: it must continue or start anew",
                        s.slot, s.first
                    ),
                ));
            }
            if s.first == 0 && self.packed && self.packing.is_some_and(|(_, from)| from > 0) {
                self.kv_mut().try_for_each(KvCache::clear)?;
                self.packed = false;
            }
            let limit = self.chunk_limit(s.first);
            if s.len > limit {
                return Err(Error::value(
                    "cache",
                    format!(
                        "the call adds {} tokens at position {}, at most {limit} fit at once",
                        s.len, s.first
                    ),
                ));
            }
        }
        let slots = rows.slots().max(self.slots.len());
        if slots > 1
            && let Some((_, from @ 1..)) = self.packing
        {
            return Err(Error::value(
                "cache",
                format!(
                    "quantized_kv_start {from} needs a single slot, the call has slot {}: use 0",
                    slots - 1
                ),
            ));
        }
        self.slots.resize_with(slots, Slot::default);
        for layer in &mut self.layers {
            match layer {
                LayerCache::Kv(cache) => cache.grow(slots, rows.end())?,
                LayerCache::Recurrent(cache) => cache.grow(slots)?,
            }
        }
        self.pack_when_due(rows)?;
        let generated = |s: &Sequence| s.role == Role::Generated;
        let keep = self.depth > 0 && rows.sequences().iter().any(generated);
        self.forget();
        if keep && self.has_recurrent() {
            self.last = rows.sequences().iter().map(|s| (*s, s.len)).collect();
            self.recurrent_mut().for_each(RecurrentCache::remember);
        }
        Ok(())
    }

    /// Takes note of the rows that the layers have taken in.
    pub(crate) fn commit(&mut self, rows: &Rows) {
        self.serial += 1;
        for s in rows.sequences() {
            if let Some(slot) = self.slots.get_mut(s.slot) {
                if s.first == 0 {
                    slot.restart(self.serial);
                }
                slot.advance(s.first + s.len);
            }
        }
    }

    fn pack_when_due(&mut self, rows: &Rows) -> Result<()> {
        let Some((affine, from)) = self.packing.filter(|_| !self.packed) else {
            return Ok(());
        };
        if rows.sequences().iter().any(|s| s.first >= from) {
            for cache in self.kv_mut() {
                cache.pack(affine)?;
            }
            self.packed = true;
            for slot in &mut self.slots {
                slot.floor = slot.len;
            }
        }
        Ok(())
    }

    fn kv_mut(&mut self) -> impl Iterator<Item = &mut KvCache> {
        self.layers.iter_mut().filter_map(|layer| match layer {
            LayerCache::Kv(cache) => Some(cache),
            LayerCache::Recurrent(_) => None,
        })
    }
}
