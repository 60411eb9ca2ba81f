//! The gated delta net: linear attention whose memory is a matrix per head, of fixed size.
//!
//! Yang, Kautz and Hatamizadeh, 2024 (arXiv 2412.06464).

use lazuli_core::ops::recurrent::GatedDelta;
use lazuli_core::{Array, Dtype, Error, Result, Rows};
use lazuli_nn::{Linear, Parameter, Parameters, RmsNorm, Visitor, join};

use super::Call;
use crate::cache::RecurrentCache;
use crate::config::Config;
use crate::weights::{DeltaInputs, Source};

/// What happens between the projections: all that carries a state. A cache that must go back runs it
/// again on inputs that it kept.
#[derive(Clone, Debug)]
pub struct DeltaCore {
    /// `[channels, taps]`.
    pub conv: Array,
    /// `[value_heads]`, `f32`.
    pub a_log: Array,
    /// `[value_heads]`, `f32`.
    pub dt_bias: Array,
    /// Shape of the key heads.
    pub op: GatedDelta,
}

/// What a call's rows bring to the core.
#[derive(Clone, Debug)]
pub struct DeltaRows {
    /// `[t, channels]`: queries, keys and values before the convolution.
    pub qkv: Array,
    /// `[t, value_heads]`.
    pub a: Array,
    /// `[t, value_heads]`.
    pub b: Array,
}

impl DeltaCore {
    /// `y [t, value_heads, value_dim]`, and the states of convolution and delta rule after the rows.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn run(
        &self,
        input: &DeltaRows,
        conv: &Array,
        delta: &Array,
        rows: &Rows,
    ) -> Result<(Array, Array, Array)> {
        let (qkv, conv) = input.qkv.causal_conv(&self.conv, conv, rows, true)?;
        let DeltaRows { a, b, .. } = input;
        let (y, delta) = qkv.gated_delta(a, b, &self.a_log, &self.dt_bias, delta, rows, self.op)?;
        Ok((y, conv, delta))
    }
}

/// A gated delta net of one layer.
#[derive(Clone, Debug)]
pub struct DeltaNet {
    /// Input projections.
    pub inputs: DeltaInputs,
    /// Convolution and recurrence.
    pub core: DeltaCore,
    /// On each value head, gated.
    pub norm: RmsNorm,
    /// Output projection.
    pub out: Linear,
}

impl DeltaNet {
    /// The net whose parameters are under `path`.
    ///
    /// # Errors
    /// Those of building arrays.
    pub fn new(source: &mut dyn Source, config: &Config, path: &str) -> Result<DeltaNet> {
        let Some(shape) = &config.gated_delta else {
            return Err(Error::value("gated delta net", "the config gives no shape"));
        };
        let (dv, heads) = (shape.value_head_dim, shape.value_heads);
        let values = heads * dv;
        let channels = 2 * shape.key_heads * shape.key_head_dim + values;
        let inputs = source.delta_inputs(path, shape, config.hidden)?;
        let path = |leaf| join(path, leaf);
        Ok(DeltaNet {
            inputs,
            core: DeltaCore {
                conv: source.conv(&path("conv1d"), channels, shape.conv_kernel)?,
                a_log: source.vector(&path("A_log"), heads, Dtype::F32)?,
                dt_bias: source.vector(&path("dt_bias"), heads, Dtype::F32)?,
                op: GatedDelta {
                    key_heads: shape.key_heads as u32,
                    key_dim: shape.key_head_dim as u32,
                },
            },
            norm: source.norm(&path("norm"), dv, config.rms_norm_eps, false)?,
            out: source.linear(&path("out_proj"), config.hidden, values, false)?,
        })
    }

    /// `x [t, hidden]` to `[t, hidden]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Array, call: &Call<'_>, cache: &mut RecurrentCache) -> Result<Array> {
        let input = DeltaRows {
            qkv: self.inputs.qkv.forward_of(x, Some(call.rows))?,
            a: self.inputs.a.forward_of(x, Some(call.rows))?,
            b: self.inputs.b.forward_of(x, Some(call.rows))?,
        };
        let y = cache.advance(&self.core, input, call.rows)?;
        let gate = self
            .inputs
            .z
            .forward_of(x, Some(call.rows))?
            .reshape(y.shape())?;
        let y = self.norm.forward_gated(&y, &gate)?;
        let y = y.reshape([y.dim(0), y.dim(1) * y.dim(2)])?;
        self.out.forward_of(&y, Some(call.rows))
    }
}

impl Parameters for DeltaNet {
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>) {
        for (leaf, linear) in [
            ("in_proj_qkv", &self.inputs.qkv),
            ("in_proj_z", &self.inputs.z),
            ("in_proj_b", &self.inputs.b),
            ("in_proj_a", &self.inputs.a),
        ] {
            linear.visit(&join(path, leaf), visitor);
        }
        // As MLX stores it: the single input channel of each filter comes last.
        if let Ok(conv) = self.core.conv.expand_dims(2) {
            visitor(&join(path, "conv1d.weight"), Parameter::Array(&conv));
        }
        for (name, array) in [("A_log", &self.core.a_log), ("dt_bias", &self.core.dt_bias)] {
            visitor(&join(path, name), Parameter::Array(array));
        }
        self.norm.visit(&join(path, "norm"), visitor);
        self.out.visit(&join(path, "out_proj"), visitor);
    }
}
