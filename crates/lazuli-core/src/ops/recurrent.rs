//! Layers that carry a state from token to token: causal convolution and the gated delta rule.
//!
//! A sequence whose first position is 0 starts from zeros, whatever its slot held. Generated tokens run
//! in the one-step form, prompts in blocks that end at multiples of 64 positions; only here does the
//! role of a token choose the arithmetic.

use smallvec::smallvec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::{Family, Outs};
use crate::rows::{self, Rows};

/// Depthwise: `x [t, c]`, `weight [c, k]`, `state [slots, k - 1, c]` to `y [t, c]` and the new state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CausalConv {
    /// Whether `silu` follows.
    pub silu: bool,
}

impl Family for CausalConv {
    fn name(&self) -> &'static str {
        "causal_conv"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, weight, state) = (&inputs[0], &inputs[1], &inputs[2]);
        rows::check_table("causal_conv", &inputs[3])?;
        let fits = x.rank() == 2
            && weight.rank() == 2
            && state.rank() == 3
            && weight.dim(0) == x.dim(1)
            && state.dim(2) == x.dim(1)
            && state.dim(1) + 1 == weight.dim(1)
            && x.dtype().is_float()
            && x.dtype() == weight.dtype()
            && x.dtype() == state.dtype();
        if !fits {
            return Err(Error::shape(
                "causal_conv",
                format!("x {x:?}, weight {weight:?} and state {state:?} do not fit"),
            ));
        }
        let spec = |a: &Array| (a.shape().clone(), a.dtype());
        Ok(smallvec![spec(x), spec(state)])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(1, 2)]
    }
}

/// Gated delta rule. Yang, Kautz and Hatamizadeh, 2024 (arXiv 2412.06464).
///
/// Operands: `qkv [t, 2 key_heads dk + value_heads dv]`, `a` and `b [t, value_heads]`, `a_log` and
/// `dt_bias [value_heads]` (`f32`), `state [slots, value_heads, dv, dk]` (`f32`), the rows table.
/// Results: `y [t, value_heads, dv]` and the new state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GatedDelta {
    /// Heads of queries and keys.
    pub key_heads: u32,
    /// Size of a query or key.
    pub key_dim: u32,
}

impl Family for GatedDelta {
    fn name(&self) -> &'static str {
        "gated_delta"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let [qkv, a, b, a_log, dt_bias, state, table] = inputs else {
            return Err(Error::value("gated_delta", "needs seven operands"));
        };
        rows::check_table("gated_delta", table)?;
        let (hk, dk) = (self.key_heads as usize, self.key_dim as usize);
        let (hv, dv) = (state.dim(1), state.dim(2));
        let t = qkv.dim(0);
        let fits = qkv.rank() == 2
            && state.rank() == 4
            && state.dim(3) == dk
            && state.dtype() == Dtype::F32
            && hk > 0
            && hv % hk == 0
            && qkv.dim(1) == 2 * hk * dk + hv * dv
            && **a.shape() == [t, hv]
            && **b.shape() == [t, hv]
            && **a_log.shape() == [hv]
            && **dt_bias.shape() == [hv]
            && a_log.dtype() == Dtype::F32
            && dt_bias.dtype() == Dtype::F32
            && qkv.dtype().is_float()
            && qkv.dtype() == a.dtype()
            && qkv.dtype() == b.dtype();
        if !fits {
            return Err(Error::shape(
                "gated_delta",
                format!(
                    "operands do not fit {hk} key heads of {dk}: {qkv:?}, {a:?}, {b:?}, {a_log:?}, {dt_bias:?}, {state:?}"
                ),
            ));
        }
        Ok(smallvec![
            ([t, hv, dv].into(), qkv.dtype()),
            (state.shape().clone(), Dtype::F32)
        ])
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(1, 5)]
    }
}

fn pair(outs: Vec<Array>) -> Result<(Array, Array)> {
    match <[Array; 2]>::try_from(outs) {
        Ok([y, state]) => Ok((y, state)),
        Err(_) => Err(Error::value("recurrent", "the operation has two outputs")),
    }
}

impl Array {
    /// Depthwise causal convolution of `self [t, c]` with `weight [c, k]`, continued from
    /// `state [slots, k - 1, c]` (oldest first); the result and the new state.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    pub fn causal_conv(
        &self,
        weight: &Array,
        state: &Array,
        rows: &Rows,
        silu: bool,
    ) -> Result<(Array, Array)> {
        pair(Array::outputs_of(
            CausalConv { silu },
            &[self, weight, state, rows.table()],
        )?)
    }

    /// The gated delta rule over `self [t, 2 key_heads dk + value_heads dv]` (queries, keys, values side
    /// by side), with gates from `a`, `b`, `a_log` and `dt_bias`; the result and the new state.
    ///
    /// Queries and keys are l2-normalised (1e-6 added to the sum of squares), queries scaled by `dk^-½`.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit.
    #[allow(clippy::too_many_arguments)]
    pub fn gated_delta(
        &self,
        a: &Array,
        b: &Array,
        a_log: &Array,
        dt_bias: &Array,
        state: &Array,
        rows: &Rows,
        op: GatedDelta,
    ) -> Result<(Array, Array)> {
        pair(Array::outputs_of(
            op,
            &[self, a, b, a_log, dt_bias, state, rows.table()],
        )?)
    }
}
