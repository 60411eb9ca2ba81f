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
use crate::ops::ragged::{self, Tokens};
use crate::rows::{self, Rows};
use crate::shape::Shape;

/// Depthwise: `x [t, c]`, `weight [c, k]`, `state [slots, k - 1, c]` to `y [t, c]` and the new state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
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

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some(self.in_base_operations(inputs))
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(1, 2)]
    }
}

impl CausalConv {
    fn in_base_operations(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let (x, weight, state) = (&inputs[0], &inputs[1], &inputs[2]);
        let (t, channels, past, slots) = (x.dim(0), x.dim(1), state.dim(1), state.dim(0));
        if t == 0 || inputs[3].dim(0) == 0 {
            return Ok(vec![x.clone(), state.clone()]);
        }
        let tokens = Tokens::new(&inputs[3], t)?;
        let zero = Array::scalar(0i32);
        let fresh = tokens.first.equal(&zero)?; // [sequences]
        // The inputs at `offset` of sequences `of`, from before the call where it is negative: [n, channels].
        let input = |of: &Array, offset: &Array| -> Result<Array> {
            let n = offset.dim(0);
            let now = x.take(&tokens.start.take(of, 0)?.add(&offset.maximum(&zero)?)?, 0)?;
            if past == 0 {
                return Ok(now);
            }
            let slot = tokens.slot.take(of, 0)?;
            let back = offset
                .minimum(&Array::scalar(-1i32))?
                .add(&Array::scalar(past as i32))?;
            let flat = slot.multiply(&Array::scalar(past as i32))?.add(&back)?;
            let before = state.reshape([slots * past, channels])?.take(&flat, 0)?;
            let none = Array::scalar_of(0.0, x.dtype());
            let before = Array::select(&fresh.take(of, 0)?.reshape([n, 1])?, &none, &before)?;
            Array::select(
                &offset.greater_equal(&zero)?.reshape([n, 1])?,
                &now,
                &before,
            )
        };
        let mut y = Array::scalar(0.0f32);
        for tap in 0..=past {
            let offset = tokens
                .offset
                .subtract(&Array::scalar((past - tap) as i32))?;
            let w = weight.narrow(1, tap, tap + 1)?.reshape([channels])?;
            let part = input(&tokens.sequence, &offset)?
                .astype(Dtype::F32)?
                .multiply(&w.astype(Dtype::F32)?)?;
            y = y.add(&part)?;
        }
        if self.silu {
            y = y.multiply(&y.sigmoid()?)?;
        }
        let (used, user) = tokens.users(slots)?;
        let mut next = Vec::with_capacity(past);
        for i in 0..past {
            let offset = tokens
                .len
                .take(&user, 0)?
                .subtract(&Array::scalar((past - i) as i32))?;
            next.push(input(&user, &offset)?);
        }
        let next = match past {
            0 => state.clone(),
            _ => Array::select(
                &used.reshape([slots, 1, 1])?,
                &Array::stack(&next, 1)?,
                state,
            )?,
        };
        Ok(vec![y.astype(x.dtype())?, next])
    }
}

/// Gated delta rule. Yang, Kautz and Hatamizadeh, 2024 (arXiv 2412.06464).
///
/// Operands: `qkv [t, 2 key_heads dk + value_heads dv]`, `a` and `b [t, value_heads]`, `a_log` and
/// `dt_bias [value_heads]` (`f32`), `state [slots, value_heads, dv, dk]` (`f32`), the rows table.
/// Results: `y [t, value_heads, dv]` and the new state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
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

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        Some(self.in_base_operations(inputs))
    }

    fn in_place(&self) -> &'static [(usize, usize)] {
        &[(1, 5)]
    }
}

impl GatedDelta {
    /// One step per token: the recurrence as its paper defines it.
    fn in_base_operations(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [qkv, a, b, a_log, dt_bias, state, table] = inputs else {
            return Err(Error::value("gated_delta", "needs seven operands"));
        };
        let (hk, dk) = (self.key_heads as usize, self.key_dim as usize);
        let (t, slots, hv, dv) = (qkv.dim(0), state.dim(0), state.dim(1), state.dim(2));
        if t == 0 || table.dim(0) == 0 {
            return Ok(vec![Array::zeros([t, hv, dv], qkv.dtype())?, state.clone()]);
        }
        let tokens = Tokens::new(table, t)?;
        let zero = Array::scalar(0.0f32);
        let wide = qkv.astype(Dtype::F32)?;
        // [t, value_heads, dk], of unit length.
        let unit = |from: usize| -> Result<Array> {
            let x = wide
                .narrow(1, from, from + hk * dk)?
                .reshape([t, hk, 1, dk])?;
            let norm = x
                .square()?
                .sum(-1, true)?
                .add(&Array::scalar(1e-6f32))?
                .rsqrt()?;
            let shared = x.multiply(&norm)?.broadcast_to([t, hk, hv / hk, dk])?;
            shared.reshape([t, hv, dk])
        };
        let q = unit(0)?.multiply(&Array::scalar((dk as f32).powf(-0.5)))?;
        let k = unit(hk * dk)?;
        let v = wide
            .narrow(1, 2 * hk * dk, 2 * hk * dk + hv * dv)?
            .reshape([t, hv, dv])?;
        let x = a.astype(Dtype::F32)?.add(dt_bias)?;
        // log(1 + e^x) that does not overflow.
        let softplus = x
            .maximum(&zero)?
            .add(&x.abs()?.negative()?.exp()?.log1p()?)?;
        let decay = a_log.exp()?.multiply(&softplus)?.negative()?.exp()?;
        let beta = b.astype(Dtype::F32)?.sigmoid()?;
        let slot = tokens.of(&tokens.slot)?;
        let fresh = tokens.position()?.equal(&Array::scalar(0i32))?;
        let mut states = state.clone();
        let mut out = Vec::with_capacity(t);
        for i in 0..t {
            let row = |x: &Array, shape: &[usize]| x.narrow(0, i, i + 1)?.reshape(shape);
            let own = row(&slot, &[1])?;
            // A fresh state is zero whatever the slot held.
            let old = states.take(&own, 0)?.reshape([hv, dv, dk])?;
            let old = Array::select(&row(&fresh, &[])?, &zero, &old)?;
            let decayed = old.multiply(&row(&decay, &[hv, 1, 1])?)?;
            let key = row(&k, &[hv, 1, dk])?;
            let read = decayed.multiply(&key)?.sum(-1, true)?;
            let delta = row(&v, &[hv, dv, 1])?
                .subtract(&read)?
                .multiply(&row(&beta, &[hv, 1, 1])?)?;
            let new = decayed.add(&delta.multiply(&key)?)?;
            out.push(new.multiply(&row(&q, &[hv, 1, dk])?)?.sum(-1, false)?);
            let here = ragged::iota(slots)?
                .equal(&own)?
                .logical_and(&row(&tokens.valid, &[1])?)?;
            states = Array::select(&here.reshape([slots, 1, 1, 1])?, &new, &states)?;
        }
        Ok(vec![Array::stack(&out, 0)?.astype(qkv.dtype())?, states])
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

    /// The gated delta rule over queries `self [b, t, key_heads, dk]`, keys of the same shape and values
    /// `[b, t, value_heads, dv]`, as they are: per token the state `[b, value_heads, dv, dk]` decays by
    /// `gamma [b, t, value_heads]` (or `[.., dk]`), moves by `beta [b, t, value_heads]` of what the value
    /// is beyond what the key reads, and is read by the query. Tokens at which `mask [b, t]` is false
    /// give zeros and leave the state alone. The result, in the dtype that queries, keys and values
    /// promote to, and the new state, `f32` at least.
    ///
    /// A composition, one step per token: [`Array::gated_delta`] has kernels.
    ///
    /// # Errors
    /// [`Error::Shape`] when the operands do not fit, [`Error::Dtype`] for complex numbers.
    pub fn gated_delta_update(
        &self,
        k: &Array,
        v: &Array,
        gamma: &Array,
        beta: &Array,
        state: Option<&Array>,
        mask: Option<&Array>,
    ) -> Result<(Array, Array)> {
        const NAME: &str = "gated_delta_update";
        let q = self;
        let operands = [q, k, v, gamma, beta].into_iter().chain(state).chain(mask);
        operands.clone().try_for_each(Array::check)?;
        let misfit = || {
            let operands: Vec<&Array> = operands.clone().collect();
            Error::shape(NAME, format!("operands do not fit: {operands:?}"))
        };
        if q.rank() != 4 || v.rank() != 4 {
            return Err(misfit());
        }
        let (b, t, hk, dk) = (q.dim(0), q.dim(1), q.dim(2), q.dim(3));
        let (hv, dv) = (v.dim(2), v.dim(3));
        let whole = Shape::from([b, hv, dv, dk]);
        let per_key = gamma.rank() == 4;
        let gates: &[usize] = if per_key {
            &[b, t, hv, dk]
        } else {
            &[b, t, hv]
        };
        let fits = k.shape() == q.shape()
            && v.shape()[..2] == [b, t]
            && hk > 0
            && hv.is_multiple_of(hk)
            && **gamma.shape() == *gates
            && **beta.shape() == [b, t, hv]
            && state.is_none_or(|s| *s.shape() == whole)
            && mask.is_none_or(|m| **m.shape() == [b, t]);
        if !fits {
            return Err(misfit());
        }
        let dtype = q.dtype().promote(k.dtype()).promote(v.dtype());
        let dtype = dtype.at_least_float();
        let wide = state
            .map_or(dtype, |s| dtype.promote(s.dtype()))
            .accumulator();
        if wide == Dtype::C64 {
            return Err(Error::dtype(NAME, "takes real numbers, not complex64"));
        }
        let shared = |x: &Array| -> Result<Array> {
            let x = x.astype(wide)?.reshape([b, t, hk, 1, dk])?;
            x.broadcast_to([b, t, hk, hv / hk, dk])?
                .reshape([b, t, hv, 1, dk])
        };
        let (q, k) = (shared(q)?, shared(k)?);
        let v = v.astype(wide)?.reshape([b, t, hv, dv, 1])?;
        let gamma = gamma.astype(wide)?;
        let gamma = gamma.reshape([b, t, hv, 1, if per_key { dk } else { 1 }])?;
        let beta = beta.astype(wide)?.reshape([b, t, hv, 1, 1])?;
        let mask = mask.map(|m| m.astype(Dtype::Bool)?.reshape([b, t, 1, 1, 1]));
        let mask = mask.transpose()?;
        let zero = Array::scalar_of(0.0, wide);
        let mut state = match state {
            Some(state) => state.astype(wide)?,
            None => zero.broadcast_to(&whole)?,
        };
        let mut out = Vec::with_capacity(t);
        for i in 0..t {
            let at = |x: &Array| x.narrow(1, i, i + 1)?.reshape(x.shape().without(1));
            let (q, k) = (at(&q)?, at(&k)?);
            let decayed = state.multiply(&at(&gamma)?)?;
            let read = decayed.multiply(&k)?.sum(-1, true)?;
            let change = at(&v)?.subtract(&read)?.multiply(&at(&beta)?)?;
            let next = decayed.add(&change.multiply(&k)?)?;
            let y = next.multiply(&q)?.sum(-1, true)?;
            let (y, next) = match &mask {
                Some(mask) => {
                    let seen = at(mask)?;
                    let y = Array::select(&seen, &y, &zero)?;
                    (y, Array::select(&seen, &next, &state)?)
                }
                None => (y, next),
            };
            out.push(y.reshape([b, hv, dv])?);
            state = next;
        }
        let y = match t {
            0 => zero.broadcast_to([b, 0, hv, dv])?,
            _ => Array::stack(&out, 1)?,
        };
        Ok((y.astype(dtype)?, state))
    }
}
