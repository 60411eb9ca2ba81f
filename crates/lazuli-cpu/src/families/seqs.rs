//! The rows table of a ragged call, checked against the caches that the call uses.

use lazuli_core::error::{Error, Result};
use lazuli_core::rows::COLUMNS;

use crate::kernels::seq::Seq;
use crate::operand::Operand;

/// What the other operands of a call have room for.
pub(crate) struct Limits {
    pub(crate) slots: usize,
    pub(crate) rows: usize,
    /// One past the last position that fits.
    pub(crate) end: usize,
}

/// The sequences of a call. Sequences without rows are padding of a bucketed table.
pub(crate) fn seqs(table: &Operand<'_>, limits: &Limits) -> Result<Vec<Seq>> {
    let mut out = Vec::new();
    let mut rows = 0usize;
    for row in table.slice::<i32>().chunks_exact(COLUMNS) {
        let &[slot, first, len, generated] = row else {
            continue;
        };
        if len == 0 {
            continue;
        }
        let [Ok(slot), Ok(first), Ok(len)] = [slot, first, len].map(u32::try_from) else {
            return Err(Error::index(
                "rows",
                format!("{row:?} has a negative entry"),
            ));
        };
        rows += len as usize;
        let end = first as usize + len as usize;
        if slot as usize >= limits.slots || end > limits.end {
            return Err(Error::index(
                "rows",
                format!(
                    "slot {slot}, positions {first}..{end}: the cache has {} slots and room for {} positions",
                    limits.slots, limits.end
                ),
            ));
        }
        out.push(Seq {
            slot,
            first,
            len,
            generated: generated != 0,
        });
    }
    if rows > limits.rows {
        return Err(Error::index(
            "rows",
            format!("the table has {rows} rows, the operands {}", limits.rows),
        ));
    }
    Ok(out)
}
