//! Attention of ragged rows over float or packed caches.

use std::borrow::Cow;

use lazuli_core::error::{Error, Result};
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Family, Op, Shape};

use super::elementwise::strides as strides_of;
use crate::call::{Call, Run};
use crate::families::seqs::{Limits, seqs};
use crate::kernels::attention::{Affine, Cache, Call as Attend, Ring, Strides};
use crate::kernels::floats::{Floats, FloatsMut};
use crate::kernels::seq::Seq;
use crate::operand::{FloatSlice, Operand, Output};

fn floats(s: &Spec) -> bool {
    matches!(s.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    let caches = &inputs[1..];
    (floats(&inputs[0]) && caches.iter().all(|s| s.dtype != Dtype::F64)).then_some(run)
}

impl FloatSlice<'_> {
    pub(crate) fn view(&self) -> Floats<'_> {
        match self {
            FloatSlice::F32(x) => Floats::F32(x),
            FloatSlice::Bf16(x) => Floats::Bf16(x),
            FloatSlice::F16(x) => Floats::F16(x),
        }
    }
}

impl Output<'_> {
    pub(crate) fn floats(&mut self) -> FloatsMut<'_> {
        match self.dtype() {
            Dtype::BF16 => FloatsMut::Bf16(self.slice()),
            Dtype::F16 => FloatsMut::F16(self.slice()),
            _ => FloatsMut::F32(self.slice()),
        }
    }
}

fn strides(shape: &Shape) -> Strides {
    Strides::contiguous(shape[1], shape[2], shape[3])
}

/// Owners of the aligned slices that a [`Cache`] borrows.
enum Stored<'a> {
    Dense(FloatSlice<'a>, Strides),
    Affine {
        packed: Cow<'a, [u32]>,
        scales: FloatSlice<'a>,
        biases: FloatSlice<'a>,
        strides: Strides,
        group_strides: Strides,
    },
}

impl<'a> Stored<'a> {
    fn of(parts: &[Operand<'a>]) -> Stored<'a> {
        match parts {
            [packed, scales, biases] => Stored::Affine {
                packed: packed.slice(),
                scales: scales.floats(),
                biases: biases.floats(),
                strides: strides(packed.shape()),
                group_strides: strides(scales.shape()),
            },
            parts => Stored::Dense(parts[0].floats(), strides(parts[0].shape())),
        }
    }

    fn cache(&self, format: Option<lazuli_core::ops::quantized::Affine>) -> Cache<'_> {
        match (self, format) {
            (
                Stored::Affine {
                    packed,
                    scales,
                    biases,
                    strides,
                    group_strides,
                },
                Some(format),
            ) => Cache::Affine(Affine {
                packed,
                strides: *strides,
                scales: scales.view(),
                biases: biases.view(),
                group_strides: *group_strides,
                bits: format.bits.into(),
                group: format.group.into(),
            }),
            (
                Stored::Affine {
                    scales: x,
                    group_strides: s,
                    ..
                },
                None,
            )
            | (Stored::Dense(x, s), _) => Cache::Dense {
                values: x.view(),
                strides: *s,
            },
        }
    }
}

fn run(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Op::Attention(op) = op else { return Ok(()) };
    let parts = op.parts();
    let q = &call.inputs[0];
    let (keys, values) = (
        &call.inputs[1..1 + parts],
        &call.inputs[1 + parts..1 + 2 * parts],
    );
    let table = &call.inputs[1 + 2 * parts];
    let [slots, kv_heads, capacity, _] = keys[0].shape()[..] else {
        return Ok(());
    };
    let ring = op.ring.map(|r| Ring {
        keep: r.keep,
        len: r.len,
    });
    let limits = Limits {
        slots,
        rows: q.shape()[0],
        end: if ring.is_some() { usize::MAX } else { capacity },
    };
    let seqs = seqs(table, &limits)?;
    if let Some(ring) = op.ring {
        let reach = op.window.map_or(usize::MAX, |w| w as usize);
        for s in &seqs {
            let wraps = s.end() > (ring.keep + ring.len) as usize;
            if wraps && reach.saturating_add(s.len as usize - 1) > ring.len as usize {
                return Err(Error::index(
                    "attention",
                    format!(
                        "a ring of {} no longer holds what {} rows with a window of {reach} see",
                        ring.len, s.len
                    ),
                ));
            }
        }
    }
    let sinks = op.sinks.then(|| call.inputs[2 + 2 * parts].slice::<f32>());
    let (queries, keys, values) = (q.floats(), Stored::of(keys), Stored::of(values));
    let d = q.shape()[2];
    let attend = Attend {
        q: queries.view(),
        keys: keys.cache(op.affine),
        values: values.cache(op.affine),
        seqs: &seqs,
        heads: q.shape()[1],
        kv_heads,
        key_dim: d,
        value_dim: d,
        scale: op.scale.get(),
        causal: true,
        window: op.window,
        sink_tokens: op.ring.map_or(0, |r| r.keep),
        ring,
        sinks: sinks.as_deref(),
    };
    let (kernels, pool) = (&call.cpu.kernels, &call.cpu.pool);
    kernels
        .attention
        .run(pool, &attend, call.outputs[0].floats());
    Ok(())
}

/// Keys and values may be views whose rows have no gaps, as heads that were split from a row are.
pub(crate) fn scaled_dot_product_kernel(inputs: &[Spec]) -> Option<Run> {
    let gapless = |s: &Spec| {
        let strides = strides_of(s);
        (strides[3] == 1 || s.shape[3] == 1) && strides.iter().all(|&stride| stride >= 0)
    };
    let row_major = |s: &Spec| s.strides.is_none();
    let takes = inputs.iter().all(floats)
        && inputs[1..3].iter().all(gapless)
        && row_major(&inputs[0])
        && inputs[3..].iter().all(row_major);
    takes.then_some(run_scaled_dot_product)
}

/// A cache of one slot for each batch.
fn view(operand: &Operand<'_>) -> Strides {
    let strides = strides_of(operand.spec());
    let [slot, head, position] = [0, 1, 2].map(|axis| strides[axis] as usize);
    Strides {
        slot,
        head,
        position,
    }
}

fn run_scaled_dot_product(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::ScaledDotProduct(op), [q, k, v, sinks @ ..]) = (op, call.inputs) else {
        return Ok(());
    };
    let ([batch, queries, heads, d], [_, kv_heads, keys, _]) = (&q.shape()[..], &k.shape()[..])
    else {
        return Ok(());
    };
    let short = |n: usize| {
        u32::try_from(n)
            .map_err(|_| Error::value(op.name(), format!("{n} positions do not fit 32 bits")))
    };
    if call.outputs[0].shape().elements() == 0 {
        return Ok(());
    }
    if *keys == 0 {
        call.outputs[0].bytes().fill(0);
        return Ok(());
    }
    let (batch, queries, keys) = (short(*batch)?, short(*queries)?, short(*keys)?);
    // The last query's position is the last key's. Where all see all keys it does not matter, so more
    // queries than keys are several sequences.
    let seqs: Vec<Seq> = (0..batch)
        .flat_map(|slot| {
            (0..queries).step_by(keys as usize).map(move |row| {
                let len = keys.min(queries - row);
                Seq {
                    slot,
                    first: keys - len,
                    len,
                    generated: false,
                }
            })
        })
        .collect();
    let sinks = sinks.first().map(|s| s.as_f32());
    let (queries, stored) = (
        q.floats(),
        [k, v].map(|x| Stored::Dense(x.floats_between(), view(x))),
    );
    let attend = Attend {
        q: queries.view(),
        keys: stored[0].cache(None),
        values: stored[1].cache(None),
        seqs: &seqs,
        heads: *heads,
        kv_heads: *kv_heads,
        key_dim: *d,
        value_dim: v.shape()[3],
        scale: op.scale.get(),
        causal: op.causal,
        window: None,
        sink_tokens: 0,
        ring: None,
        sinks: sinks.as_deref(),
    };
    let (kernels, pool) = (&call.cpu.kernels, &call.cpu.pool);
    kernels
        .attention
        .run(pool, &attend, call.outputs[0].floats());
    Ok(())
}
