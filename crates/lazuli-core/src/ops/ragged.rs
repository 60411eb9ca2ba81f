//! What the definitions of ragged operations share: from the rows table to facts about tokens.
//!
//! A definition in base operations says what an operation computes, is the oracle of its kernels, and
//! is where its derivatives come from. It is written for clarity: each token gets its own view of the
//! caches, which no kernel would do.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;

/// `0..n` as `int32`.
pub(super) fn iota(n: usize) -> Result<Array> {
    let numbers: Vec<i32> = (0..n as i32).collect();
    Array::from_slice(&numbers, [n])
}

/// Which sequences a call has, and which of its tokens belong to which.
pub(super) struct Tokens {
    /// `[sequences]`: row of the caches.
    pub(super) slot: Array,
    /// `[sequences]`: position of the first token.
    pub(super) first: Array,
    /// `[sequences]`: tokens.
    pub(super) len: Array,
    /// `[sequences]`: the call's tokens before those of the sequence.
    pub(super) start: Array,
    /// `[tokens]`: the sequence; the last one for tokens behind all sequences.
    pub(super) sequence: Array,
    /// `[tokens]`: which of the sequence's tokens in this call.
    pub(super) offset: Array,
    /// `[tokens]`: whether the token is in a sequence at all.
    pub(super) valid: Array,
}

impl Tokens {
    /// Of the table `[sequences, 4]`, for operands of `tokens` rows.
    pub(super) fn new(table: &Array, tokens: usize) -> Result<Tokens> {
        let column = |c: usize| table.narrow(1, c, c + 1)?.reshape([table.dim(0)]);
        let [slot, first, len] = [column(0)?, column(1)?, column(2)?];
        let numbers = iota(table.dim(0))?;
        let before = numbers.less(&numbers.expand_dims(1)?)?;
        let start = before.astype(Dtype::I32)?.multiply(&len)?.sum(1, false)?;
        let t = iota(tokens)?;
        // Sequences without tokens start where the next one does, which comes later and counts.
        let begun = start.less_equal(&t.expand_dims(1)?)?;
        let one = Array::scalar(1i32);
        let sequence = begun.astype(Dtype::I32)?.sum(1, false)?.subtract(&one)?;
        let offset = t.subtract(&start.take(&sequence, 0)?)?;
        let valid = offset.less(&len.take(&sequence, 0)?)?;
        Ok(Tokens {
            slot,
            first,
            len,
            start,
            sequence,
            offset,
            valid,
        })
    }

    /// A number of each token's sequence, `[tokens]`.
    pub(super) fn of(&self, per_sequence: &Array) -> Result<Array> {
        per_sequence.take(&self.sequence, 0)
    }

    /// `[tokens]`: the position in the sequence.
    pub(super) fn position(&self) -> Result<Array> {
        self.of(&self.first)?.add(&self.offset)
    }

    /// For each of `slots`: whether a sequence with tokens uses it (`[slots]`), and which.
    pub(super) fn users(&self, slots: usize) -> Result<(Array, Array)> {
        let has_tokens = self.len.greater(&Array::scalar(0i32))?;
        let same = self.slot.equal(&iota(slots)?.expand_dims(1)?)?;
        found(&same.logical_and(&has_tokens)?)
    }
}

/// Whether there is a true element along the last axis, and the first one's index.
pub(super) fn found(hits: &Array) -> Result<(Array, Array)> {
    let hits = hits.astype(Dtype::F32)?;
    let any = hits.max(-1, false)?.greater(&Array::scalar(0.0f32))?;
    Ok((any, hits.argmax(-1, false)?.astype(Dtype::I32)?))
}

/// `x` modulo `n`, of `n`'s sign: exact in `f64` for every position.
pub(super) fn remainder(x: &Array, n: u32) -> Result<Array> {
    let x = x.astype(Dtype::F64)?;
    let n = Array::scalar(f64::from(n));
    let times = x.divide(&n)?.floor()?;
    x.subtract(&times.multiply(&n)?)?.astype(Dtype::I32)
}
