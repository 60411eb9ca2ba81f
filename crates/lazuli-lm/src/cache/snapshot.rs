//! A sequence's caches on their own: to be stored, and put into any slot of caches of the same kind.

use lazuli_core::ops::attention::Cached;
use lazuli_core::{Array, Result};

use super::rewind::refuse;
use super::{Caches, LayerCache, kv};

/// All that a model remembers of one sequence.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Tokens of the sequence.
    pub len: usize,
    /// What each layer remembers.
    pub layers: Vec<LayerSnapshot>,
    /// One past the highest position that the sequence ever had, which is what rings have lost.
    pub high: usize,
    /// Tokens that cannot be taken back, because they were packed together.
    pub floor: usize,
}

/// What one layer remembers of one sequence.
#[derive(Clone, Debug)]
pub enum LayerSnapshot {
    /// Keys and values `[1, kv_heads, len or ring, head_dim]`.
    Kv(Cached, Cached),
    /// States `[1, taps - 1, channels]` and `[1, value_heads, value_dim, key_dim]`.
    Recurrent(Array, Array),
}

impl Snapshot {
    /// The arrays, in a fixed order.
    pub fn arrays(&self) -> Vec<&Array> {
        let mut all = Vec::new();
        for layer in &self.layers {
            match layer {
                LayerSnapshot::Kv(k, v) => all.extend(kv::parts(k).into_iter().chain(kv::parts(v))),
                LayerSnapshot::Recurrent(conv, delta) => all.extend([conv, delta]),
            }
        }
        all
    }
}

impl Caches {
    /// A copy of what is remembered of the sequence in `slot`, which nothing later changes.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Value`] when there is no such slot.
    pub fn snapshot(&self, slot: usize) -> Result<Snapshot> {
        let Some(state) = self.slots.get(slot) else {
            return Err(refuse(format!("there is no slot {slot}")));
        };
        let layer = |layer: &LayerCache| -> Result<LayerSnapshot> {
            Ok(match layer {
                LayerCache::Kv(cache) => {
                    let (keys, values) = cache.row(slot, state.len)?;
                    LayerSnapshot::Kv(keys, values)
                }
                LayerCache::Recurrent(cache) => {
                    let (conv, delta) = cache.row(slot)?;
                    LayerSnapshot::Recurrent(conv, delta)
                }
            })
        };
        Ok(Snapshot {
            len: state.len,
            layers: self.layers.iter().map(layer).collect::<Result<_>>()?,
            high: state.high,
            floor: state.floor,
        })
    }

    /// Puts a snapshot into `slot`, in place of whatever it held.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Value`] when there is no such slot, or the snapshot is of another model or
    /// of caches with other options.
    pub fn restore(&mut self, slot: usize, snapshot: &Snapshot) -> Result<()> {
        if slot >= self.slots.len() || snapshot.layers.len() != self.layers.len() {
            return Err(refuse(format!(
                "a snapshot of {} layers does not fit slot {slot} of {} slots and {} layers",
                snapshot.layers.len(),
                self.slots.len(),
                self.layers.len()
            )));
        }
        let mut next = self.clone();
        next.forget();
        let slots = next.slots.len();
        for (layer, saved) in next.layers.iter_mut().zip(&snapshot.layers) {
            let fits = match (layer, saved) {
                (LayerCache::Kv(cache), LayerSnapshot::Kv(keys, values)) => {
                    cache.grow(slots, snapshot.len)?;
                    cache.set_row(slot, keys, values)?
                }
                (LayerCache::Recurrent(cache), LayerSnapshot::Recurrent(conv, delta)) => {
                    cache.set_row(slot, conv, delta)?
                }
                _ => false,
            };
            if !fits {
                return Err(refuse("the snapshot is of other caches".to_owned()));
            }
        }
        next.serial += 1;
        let serial = next.serial;
        if let Some(state) = next.slots.get_mut(slot) {
            state.restart(serial);
            state.len = snapshot.len;
            (state.high, state.floor) = (snapshot.high, snapshot.floor);
        }
        *self = next;
        Ok(())
    }
}
