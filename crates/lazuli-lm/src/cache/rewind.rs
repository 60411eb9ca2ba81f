//! Going back: cutting sequences, and checkpoints to return to.

use lazuli_core::{Array, Error, Result, Role};

use super::{Caches, LayerCache};

/// A point of one sequence to which caches can return as long as it stays part of the sequence.
///
/// Costs a copy of the recurrent states at the next step, and nothing for keys and values.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    slot: usize,
    len: usize,
    serial: u64,
    /// States of the recurrent layers, in order, of all slots.
    states: Vec<(Array, Array)>,
}

impl Checkpoint {
    /// Tokens of the sequence at that point.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the sequence had not begun.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Caches {
    /// Takes the last `tokens` tokens of the sequence in `slot` back.
    ///
    /// # Errors
    /// As [`Caches::truncate`].
    pub fn rollback(&mut self, slot: usize, tokens: usize) -> Result<()> {
        match self.len(slot).checked_sub(tokens) {
            Some(len) => self.truncate(&[(slot, len)]),
            None => Err(refuse(format!(
                "slot {slot} holds {} tokens, not {tokens} to take back",
                self.len(slot)
            ))),
        }
    }

    /// Cuts sequences, given as `(slot, tokens that remain)`. Afterwards everything is bit for bit as
    /// if the tokens cut off had never been; after an error, as if it had not been called.
    ///
    /// # Errors
    /// [`Error::Value`] when a sequence is shorter, or when a cache cannot go back so far: recurrent
    /// states go back within the last call, if it was of generated tokens and [`Caches::reserve`] asked
    /// for as many; rings at least 64 tokens; packing is not undone.
    pub fn truncate(&mut self, cuts: &[(usize, usize)]) -> Result<()> {
        let mut last = self.last.clone();
        let mut rewind = false;
        for &(slot, len) in cuts {
            if !self.check_cut(slot, len)? || !self.has_recurrent() {
                continue;
            }
            let from = self.len(slot);
            let here = last.iter_mut().find(|(s, _)| s.slot == slot);
            match here {
                // A sequence that starts anew finds zeros whatever the states are.
                None if len == 0 => (),
                Some((_, kept)) if len == 0 => (*kept, rewind) = (0, true),
                Some((s, kept))
                    if s.role == Role::Generated && s.first <= len && from - len <= self.depth =>
                {
                    (*kept, rewind) = (len - s.first, true);
                }
                _ => {
                    return Err(refuse(format!(
                        "slot {slot} holds {from} tokens; recurrent states go back at most {} tokens \
                         within the last call of generated tokens, not to {len}",
                        self.depth
                    )));
                }
            }
        }
        if rewind {
            let mut next = self.clone();
            for cache in next.recurrent_mut() {
                cache.rewind(&last)?;
            }
            next.last = last;
            *self = next;
        }
        self.serial += 1;
        for &(slot, len) in cuts {
            let serial = self.serial;
            if let Some(slot) = self.slots.get_mut(slot).filter(|s| s.len != len) {
                slot.cut(len, serial);
            }
        }
        Ok(())
    }

    /// Whether a cut changes anything; an error if keys and values do not allow it.
    fn check_cut(&self, slot: usize, len: usize) -> Result<bool> {
        let Some(state) = self.slots.get(slot) else {
            return Err(refuse(format!("there is no slot {slot}")));
        };
        if len > state.len {
            return Err(refuse(format!(
                "slot {slot} holds {} tokens, it cannot be cut to {len}",
                state.len
            )));
        }
        if len == state.len {
            return Ok(false);
        }
        if len > 0 && len < state.floor {
            return Err(refuse(format!(
                "slot {slot} cannot be cut to {len}: its first {} tokens were packed as one",
                state.floor
            )));
        }
        for (ring, window) in self.rings() {
            let oldest = (ring.keep as usize).max((len + 1).saturating_sub(window));
            if len > 0 && state.high > oldest + ring.len as usize {
                return Err(refuse(format!(
                    "slot {slot} holds {} tokens in rings of {}, it cannot be cut to {len}",
                    state.len, ring.len
                )));
            }
        }
        Ok(true)
    }

    /// A point to return to with [`Caches::return_to`].
    ///
    /// # Errors
    /// [`Error::Value`] when there is no such slot.
    pub fn checkpoint(&self, slot: usize) -> Result<Checkpoint> {
        if slot >= self.slots.len() {
            return Err(refuse(format!("there is no slot {slot}")));
        }
        let states = |layer: &LayerCache| match layer {
            LayerCache::Recurrent(cache) => Some(cache.states()),
            LayerCache::Kv(_) => None,
        };
        Ok(Checkpoint {
            slot,
            len: self.len(slot),
            serial: self.serial,
            states: self.layers.iter().filter_map(states).collect(),
        })
    }

    /// Returns to a checkpoint: everything is bit for bit as it was for that sequence; others stay as
    /// they are. What [`Caches::reserve`] kept of the last call is gone.
    ///
    /// # Errors
    /// [`Error::Value`] when the sequence has been cut below the checkpoint since, or keys and values
    /// cannot go back so far.
    pub fn return_to(&mut self, point: &Checkpoint) -> Result<()> {
        let &Checkpoint { slot, len, .. } = point;
        let state = self.slots.get(slot);
        let unchanged = state.map_or(0, |s| s.unchanged_since(point.serial));
        if unchanged < len || self.len(slot) < len {
            return Err(refuse(format!(
                "slot {slot} has been cut to {} since its checkpoint at {len}",
                unchanged.min(self.len(slot))
            )));
        }
        self.check_cut(slot, len)?;
        let mut next = self.clone();
        next.forget();
        for (cache, (conv, delta)) in next.recurrent_mut().zip(&point.states) {
            let row = |a: &Array| super::rows::row(a, slot);
            if !cache.set_row(slot, &row(conv)?, &row(delta)?)? {
                return Err(refuse("the checkpoint is of other caches".to_owned()));
            }
        }
        next.serial += 1;
        let serial = next.serial;
        if let Some(slot) = next.slots.get_mut(slot) {
            slot.cut(len, serial);
        }
        *self = next;
        Ok(())
    }
}

pub(super) fn refuse(message: String) -> Error {
    Error::value("cache", message)
}
