//! Mixture of experts: the `k` best MLPs of many for each token, and one that all share.
//!
//! Shazeer and others, 2017 (arXiv 1701.06538); shared experts: Dai and others, 2024 (arXiv 2401.06066).

use lazuli_core::{Array, Result, Rows};
use lazuli_nn::{Linear, Parameters, Visitor, join};

use super::Mlp;
use crate::config;
use crate::weights::{Experts, Source};

/// The experts of one layer.
#[derive(Clone, Debug)]
pub struct Moe {
    /// Scores of the experts, `hidden -> experts`.
    pub router: Linear,
    /// The experts.
    pub experts: Experts,
    /// An expert for every token, and the logit of its weight.
    pub shared: Option<(Mlp, Linear)>,
    /// Experts per token.
    pub top_k: usize,
    /// Whether the weights of the chosen are divided by their sum.
    pub normalize: bool,
}

impl Moe {
    /// The experts whose parameters are under `path`.
    ///
    /// # Errors
    /// Those of building arrays.
    pub fn new(
        source: &mut dyn Source,
        hidden: usize,
        moe: &config::Moe,
        path: &str,
    ) -> Result<Moe> {
        let shared = match moe.shared_intermediate {
            None => None,
            Some(inner) => Some((
                Mlp::new(source, hidden, inner, false, &join(path, "shared_expert"))?,
                source.linear(&join(path, "shared_expert_gate"), 1, hidden, false)?,
            )),
        };
        Ok(Moe {
            router: source.linear(&join(path, "gate"), moe.experts, hidden, false)?,
            experts: source.experts(path, moe.experts, hidden, moe.intermediate)?,
            shared,
            top_k: moe.top_k,
            normalize: moe.norm_topk_prob,
        })
    }

    /// `x [t, hidden]`, the rows of a call, to `[t, hidden]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Array, rows: &Rows) -> Result<Array> {
        let scores = self.router.forward_of(x, Some(rows))?;
        let (ids, weights) = scores.route(self.top_k, self.normalize)?;
        let gate = self.experts.gate.forward_of(x, &ids, rows)?;
        let inner = gate.swiglu(&self.experts.up.forward_of(x, &ids, rows)?)?;
        let each = self.experts.down.forward_of(&inner, &ids, rows)?;
        let routed = each.combine(&ids, &weights)?;
        match &self.shared {
            None => Ok(routed),
            Some((mlp, gate)) => {
                let weight = gate.forward_of(x, Some(rows))?.sigmoid()?;
                routed.add(&mlp.forward(x, rows)?.multiply(&weight)?)
            }
        }
    }
}

impl Parameters for Moe {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        self.router.visit(&join(path, "gate"), visitor);
        let switch = join(path, "switch_mlp");
        let Experts { gate, up, down } = &self.experts;
        gate.visit(&join(&switch, "gate_proj"), visitor);
        up.visit(&join(&switch, "up_proj"), visitor);
        down.visit(&join(&switch, "down_proj"), visitor);
        if let Some((mlp, gate)) = &self.shared {
            mlp.visit(&join(path, "shared_expert"), visitor);
            gate.visit(&join(path, "shared_expert_gate"), visitor);
        }
    }
}
