//! The states of a gated delta net: the last rows that the convolution saw, and a matrix per head.

use lazuli_core::{Array, Dtype, Result, Rows, Sequence};

use super::rows;
use crate::blocks::{DeltaCore, DeltaRows};
use crate::config::GatedDelta;

/// Recurrent states of one layer.
#[derive(Clone, Debug)]
pub struct RecurrentCache {
    /// `[slots, taps - 1, channels]`, oldest first.
    pub(super) conv: Array,
    /// `[slots, value_heads, value_dim, key_dim]`, `f32`.
    pub(super) delta: Array,
    pub(super) memory: Memory,
}

/// What a cache keeps of the last call.
#[derive(Clone, Debug)]
pub(super) enum Memory {
    Nothing,
    /// Whatever the coming call brings.
    Asked,
    Kept(Box<Kept>),
}

/// The states before a call, and what its rows brought.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) core: DeltaCore,
    pub(super) conv: Array,
    pub(super) delta: Array,
    pub(super) input: DeltaRows,
}

impl Kept {
    /// What changes from call to call.
    pub(super) fn arrays(&self) -> [&Array; 5] {
        let DeltaRows { qkv, a, b } = &self.input;
        [&self.conv, &self.delta, qkv, a, b]
    }
}

impl RecurrentCache {
    pub(super) fn new(slots: usize, shape: &GatedDelta, dtype: Dtype) -> Result<RecurrentCache> {
        let (hv, dv, dk) = (shape.value_heads, shape.value_head_dim, shape.key_head_dim);
        let channels = 2 * shape.key_heads * dk + hv * dv;
        Ok(RecurrentCache {
            conv: Array::zeros([slots, shape.conv_kernel - 1, channels], dtype)?,
            delta: Array::zeros([slots, hv, dv, dk], Dtype::F32)?,
            memory: Memory::Nothing,
        })
    }

    /// Runs `core` over a call's rows and moves the states on; the result, `[t, value_heads, value_dim]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn advance(&mut self, core: &DeltaCore, input: DeltaRows, rows: &Rows) -> Result<Array> {
        let (y, conv, delta) = core.run(&input, &self.conv, &self.delta, rows)?;
        let before = (
            std::mem::replace(&mut self.conv, conv),
            std::mem::replace(&mut self.delta, delta),
        );
        if matches!(self.memory, Memory::Asked) {
            self.memory = Memory::Kept(Box::new(Kept {
                core: core.clone(),
                conv: before.0,
                delta: before.1,
                input,
            }));
        }
        Ok(y)
    }

    /// Goes back to the states after the first `kept` rows of each sequence of the last call, by running
    /// those rows again. Generated rows run one by one, so the bits are those of never having gone on.
    pub(super) fn rewind(&mut self, last: &[(Sequence, usize)]) -> Result<()> {
        let Memory::Kept(kept) = &self.memory else {
            return Ok(());
        };
        let mut remain = Vec::new();
        let mut pieces = Vec::new();
        let mut start = 0;
        for &(sequence, len) in last {
            if len > 0 {
                remain.push(Sequence { len, ..sequence });
                pieces.push((start, start + len));
            }
            start += sequence.len;
        }
        if remain.is_empty() {
            (self.conv, self.delta) = (kept.conv.clone(), kept.delta.clone());
            return Ok(());
        }
        let pick = |a: &Array| -> Result<Array> {
            let narrow = |&(from, to): &(usize, usize)| a.narrow(0, from, to);
            let parts = pieces.iter().map(narrow).collect::<Result<Vec<_>>>()?;
            Array::concatenate(&parts, 0)
        };
        let input = DeltaRows {
            qkv: pick(&kept.input.qkv)?,
            a: pick(&kept.input.a)?,
            b: pick(&kept.input.b)?,
        };
        let rows = Rows::new(&remain)?;
        let (_, conv, delta) = kept.core.run(&input, &kept.conv, &kept.delta, &rows)?;
        (self.conv, self.delta) = (conv, delta);
        Ok(())
    }

    pub(super) fn remember(&mut self) {
        self.memory = Memory::Asked;
    }

    pub(super) fn forget(&mut self) {
        self.memory = Memory::Nothing;
    }

    pub(super) fn grow(&mut self, slots: usize) -> Result<()> {
        self.conv = rows::extend(&self.conv, 0, slots)?;
        self.delta = rows::extend(&self.delta, 0, slots)?;
        Ok(())
    }

    /// The states of all slots, which a later call leaves as they are.
    pub(super) fn states(&self) -> (Array, Array) {
        (self.conv.clone(), self.delta.clone())
    }

    /// The states of one slot.
    pub(super) fn row(&self, slot: usize) -> Result<(Array, Array)> {
        Ok((
            rows::row(&self.conv, slot)?.copy()?,
            rows::row(&self.delta, slot)?.copy()?,
        ))
    }

    /// Puts states of one slot into `slot`. False when they are of another shape.
    pub(super) fn set_row(&mut self, slot: usize, conv: &Array, delta: &Array) -> Result<bool> {
        let conv = rows::replace(&self.conv, slot, conv)?;
        let delta = rows::replace(&self.delta, slot, delta)?;
        let Some((conv, delta)) = conv.zip(delta) else {
            return Ok(false);
        };
        (self.conv, self.delta) = (conv, delta);
        Ok(true)
    }

    pub(super) fn arrays(&self) -> Vec<Array> {
        let mut all = vec![self.conv.clone(), self.delta.clone()];
        if let Memory::Kept(kept) = &self.memory {
            all.extend(kept.arrays().map(Array::clone));
        }
        all
    }
}
