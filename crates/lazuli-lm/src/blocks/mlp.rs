//! The gated MLP: `down(silu(gate(x)) * up(x))`. Shazeer, 2020 (arXiv 2002.05202).

use lazuli_core::{Array, Result, Rows};
use lazuli_nn::{Linear, Parameters, Visitor, join};

use crate::weights::Source;

/// A gated MLP.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// `hidden -> inner`.
    pub gate: Linear,
    /// `hidden -> inner`.
    pub up: Linear,
    /// `inner -> hidden`.
    pub down: Linear,
}

impl Mlp {
    /// The MLP whose parameters are under `path`.
    ///
    /// # Errors
    /// Those of building arrays.
    pub fn new(
        source: &mut dyn Source,
        hidden: usize,
        inner: usize,
        bias: bool,
        path: &str,
    ) -> Result<Mlp> {
        Ok(Mlp {
            gate: source.linear(&join(path, "gate_proj"), inner, hidden, bias)?,
            up: source.linear(&join(path, "up_proj"), inner, hidden, bias)?,
            down: source.linear(&join(path, "down_proj"), hidden, inner, bias)?,
        })
    }

    /// `x [t, hidden]`, the rows of a call, to `[t, hidden]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Array, rows: &Rows) -> Result<Array> {
        let of = |layer: &Linear, x: &Array| layer.forward_of(x, Some(rows));
        let inner = of(&self.gate, x)?.swiglu(&of(&self.up, x)?)?;
        of(&self.down, &inner)
    }
}

impl Parameters for Mlp {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        self.gate.visit(&join(path, "gate_proj"), visitor);
        self.up.visit(&join(path, "up_proj"), visitor);
        self.down.visit(&join(path, "down_proj"), visitor);
    }
}
