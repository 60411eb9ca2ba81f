//! A call of generated tokens as one plan.
//!
//! The function that is traced takes tokens, the arrays of [`Rows`] and the caches, and gives logits
//! and the caches after them. Weights are captured by reference; caches are state, written where they
//! lie. All that changes from token to token is in arrays, so a trace serves until a cache grows or is
//! packed. Calls of prompts are not planned: their shapes hardly ever come again, and beside their
//! products building a graph is nothing.

use lazuli_core::compile::Traces;
use lazuli_core::{Array, Result, Role, Rows};

use super::{Model, check_count};
use crate::cache::{Caches, LayerCache};

/// What a planned call gives: logits, and the caches after it.
type Outputs = (Array, Vec<LayerCache>);

/// The plans of a model.
pub(super) type Plans = Traces<Outputs>;

/// Plans that a model keeps: calls of up to eight tokens, as they are verified, before and after a cache
/// grew.
const KEPT: usize = 16;

pub(super) fn plans() -> Plans {
    Traces::new(false).at_most(KEPT)
}

/// Whether calls of these shapes are to be expected again.
pub(super) fn comes_again(rows: &Rows) -> bool {
    let generated = |s: &lazuli_core::Sequence| s.role == Role::Generated;
    rows.tokens() > 0 && rows.sequences().iter().all(generated)
}

impl Model {
    /// Logits `[t, vocab]` of a call, lazily, by the plan for its shapes; the caches move on.
    ///
    /// # Errors
    /// As [`Model::forward_array`].
    pub(super) fn planned(
        &self,
        tokens: &Array,
        rows: &Rows,
        caches: &mut Caches,
    ) -> Result<Array> {
        check_count(tokens, rows)?;
        let mut next = caches.clone();
        next.begin(rows)?;
        let arrays = [rows.table(), rows.positions(), rows.generated()].map(Array::clone);
        let operands = (tokens.clone(), arrays, next.take_layers());
        let (logits, layers) = self.plans.call(&operands, |(tokens, arrays, layers)| {
            let [table, positions, generated] = arrays;
            let rows = Rows::from_arrays(table, positions, generated)?;
            let mut layers = layers.clone();
            let hidden = self.through_layers(tokens, &rows, &mut layers)?;
            Ok((self.logits(&hidden)?, layers))
        })?;
        next.set_layers(layers);
        next.commit(rows);
        *caches = next;
        Ok(logits)
    }
}
