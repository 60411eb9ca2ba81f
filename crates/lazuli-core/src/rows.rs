//! Which tokens a call computes, and for which sequences.
//!
//! A call is ragged: the tokens of several sequences follow one another, each sequence with its own
//! length, position and role. What changes from step to step is the table's contents, never a shape
//! that a kernel was made for, so one plan serves every step.

use std::sync::Arc;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// What the tokens of a sequence are, which may choose the arithmetic (design, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Tokens of a prompt, many at a time.
    Prompt,
    /// Tokens that were generated or are verified, one or a few at a time.
    Generated,
}

/// One sequence's share of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sequence {
    /// Row of the caches that holds its past.
    pub slot: usize,
    /// Position in the sequence of its first token here.
    pub first: usize,
    /// Tokens in this call.
    pub len: usize,
    /// Prompt or generated.
    pub role: Role,
}

/// A ragged call: sequences in the order in which their tokens follow one another.
#[derive(Clone, Debug)]
pub struct Rows {
    table: Array,
    positions: Array,
    generated: Array,
    sequences: Arc<[Sequence]>,
    tokens: usize,
    end: usize,
    slots: usize,
}

/// Columns of the table: slot, first position, length, 1 if generated.
pub const COLUMNS: usize = 4;

impl Rows {
    /// The call that computes `sequences`.
    ///
    /// # Errors
    /// [`Error::Value`] when a slot appears twice or a position does not fit 31 bits.
    pub fn new(sequences: &[Sequence]) -> Result<Rows> {
        let mut table = Vec::with_capacity(sequences.len() * COLUMNS);
        let mut positions = Vec::new();
        let mut roles = Vec::new();
        let mut slots = std::collections::HashSet::new();
        let (mut end, mut last_slot) = (0, 0);
        for s in sequences {
            if !slots.insert(s.slot) {
                return Err(Error::value(
                    "rows",
                    format!("slot {} appears twice", s.slot),
                ));
            }
            let fits = s
                .first
                .checked_add(s.len)
                .and_then(|e| i32::try_from(e).ok());
            let (Some(stop), Ok(slot)) = (fits, i32::try_from(s.slot)) else {
                return Err(Error::value("rows", format!("{s:?} does not fit 31 bits")));
            };
            end = end.max(s.first + s.len);
            last_slot = last_slot.max(s.slot);
            let generated = (s.role == Role::Generated) as i32;
            table.extend([slot, s.first as i32, s.len as i32, generated]);
            positions.extend(s.first as i32..stop);
            roles.resize(positions.len(), generated as u8);
        }
        let tokens = positions.len();
        Ok(Rows {
            table: Array::from_slice(&table, [sequences.len(), COLUMNS])?,
            positions: Array::from_slice(&positions, [tokens])?,
            generated: Array::from_slice(&roles, [tokens])?,
            sequences: sequences.into(),
            tokens,
            end,
            slots: last_slot + 1,
        })
    }

    /// One sequence alone in slot 0.
    ///
    /// # Errors
    /// As [`Rows::new`].
    pub fn single(first: usize, len: usize, role: Role) -> Result<Rows> {
        Rows::new(&[Sequence {
            slot: 0,
            first,
            len,
            role,
        }])
    }

    /// A call of which the host knows the arrays only, as within a compiled function, which serves calls
    /// of other sequences too: [`Rows::sequences`] is empty, [`Rows::end`] and [`Rows::slots`] are 0.
    ///
    /// # Errors
    /// [`Error::Shape`] when the arrays are not like those of a call.
    pub fn from_arrays(table: &Array, positions: &Array, generated: &Array) -> Result<Rows> {
        check_table("rows", table)?;
        let each = [(positions, Dtype::I32), (generated, Dtype::U8)];
        let fits = |(a, dtype): &(&Array, Dtype)| a.rank() == 1 && a.dtype() == *dtype;
        if !each.iter().all(fits) || positions.shape() != generated.shape() {
            return Err(Error::shape(
                "rows",
                format!(
                    "positions must be [tokens] int32 and roles [tokens] uint8, not {positions:?} and {generated:?}"
                ),
            ));
        }
        Ok(Rows {
            table: table.clone(),
            positions: positions.clone(),
            generated: generated.clone(),
            sequences: [].into(),
            tokens: positions.elements(),
            end: 0,
            slots: 0,
        })
    }

    /// `[sequences, 4]` i32: slot, first position, length, 1 if generated.
    pub fn table(&self) -> &Array {
        &self.table
    }

    /// `[tokens]` i32: each token's position in its sequence.
    pub fn positions(&self) -> &Array {
        &self.positions
    }

    /// `[tokens]` u8: 1 for each token that was generated.
    pub fn generated(&self) -> &Array {
        &self.generated
    }

    /// The sequences, as the host knows them.
    pub fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    /// Tokens in the call.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// One past the largest position: what caches must have room for.
    pub fn end(&self) -> usize {
        self.end
    }

    /// One past the largest slot: how many rows caches must have.
    pub fn slots(&self) -> usize {
        self.slots
    }
}

/// Checks the table operand of a ragged operation.
pub(crate) fn check_table(op: &'static str, table: &Array) -> Result<()> {
    let shape: &Shape = table.shape();
    if table.dtype() == Dtype::I32 && shape.len() == 2 && shape[1] == COLUMNS {
        return Ok(());
    }
    Err(Error::shape(
        op,
        format!("the rows table must be [sequences, {COLUMNS}] int32, not {table:?}"),
    ))
}
