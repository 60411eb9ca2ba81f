//! `fast`: operations of language models that have kernels of their own.

use lazuli_core::Array;
use lazuli_core::ops::rope::Frequencies;
use lazuli_core::ops::scaled_dot_product::Mask;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::argument::{FromArgument, wrong};
use crate::array::PyArray;
use crate::call::{Arguments, Entry, row, row_over};
use crate::error::{OrRaise, value_error};
use crate::operand::Operand;

/// None, `"causal"`, or an array.
enum Masking {
    None,
    Causal,
    Array(Array),
}

impl FromArgument for Masking {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Masking::None);
        }
        if let Ok(array) = value.cast::<PyArray>() {
            return Ok(Masking::Array(array.get().value()));
        }
        match value.cast::<PyString>().map_err(|_| wrong())?.to_str()? {
            "causal" => Ok(Masking::Causal),
            other => Err(value_error(
                "scaled_dot_product_attention",
                format!("no mask `{other}`; there are `causal` and arrays"),
            )),
        }
    }
}

fn attention(
    q: Array,
    k: Array,
    v: Array,
    scale: f64,
    mask: Masking,
    sinks: Option<Array>,
    _force_fused: bool,
) -> lazuli_core::Result<Array> {
    let mask = match &mask {
        Masking::None => Mask::None,
        Masking::Causal => Mask::Causal,
        Masking::Array(array) => Mask::Array(array),
    };
    q.scaled_dot_product_attention(&k, &v, scale as f32, mask, sinks.as_ref())
}

fn delta(
    q: Array,
    k: Array,
    v: Array,
    gamma: Array,
    beta: Array,
    state: Option<Array>,
    mask: Option<Array>,
) -> lazuli_core::Result<Vec<Array>> {
    let (y, state) = q.gated_delta_update(&k, &v, &gamma, &beta, state.as_ref(), mask.as_ref())?;
    Ok(vec![y, state])
}

#[allow(clippy::too_many_arguments)]
fn rope(
    a: Array,
    width: isize,
    traditional: bool,
    base: Option<f64>,
    scale: f64,
    offset: Operand,
    freqs: Option<Array>,
) -> PyResult<Array> {
    let width = usize::try_from(width).map_err(|_| value_error("rope", format!("{width} dims")))?;
    let frequencies = match (base, &freqs) {
        (Some(base), None) => Frequencies::Base(base as f32),
        (None, Some(freqs)) => Frequencies::Wavelengths(freqs),
        _ => return Err(value_error("rope", "takes `base` or `freqs`, one of them")),
    };
    let offset = offset.to_array()?;
    a.rotary(width, traditional, frequencies, scale as f32, &offset)
        .or_raise()
}

/// Kernels from source text of another system cannot run here.
fn no_kernels(arguments: &Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
    Err(PyRuntimeError::new_err(format!(
        "{}: this build runs no kernels written for GPUs; write the operation with the functions of \
         lazuli.core (lazuli.core.compile fuses them), or in Rust with the kernel toolkit",
        arguments.function.name
    )))
}

/// The rows.
pub(super) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "rms_norm",
            "(x: array, weight: array | None, eps: float, *, stream: StreamOrDevice = None) -> array",
            "The last axis divided by the root of its mean square, times a weight.",
            |x: Array, weight: Option<Array>, eps: f64| x.rms_norm(weight.as_ref(), eps as f32)
        ),
        row!(
            "layer_norm",
            "(x: array, weight: array | None, bias: array | None, eps: float, *, stream: StreamOrDevice = None) -> array",
            "The last axis with mean zero and variance one, times a weight, plus a bias.",
            |x: Array, weight: Option<Array>, bias: Option<Array>, eps: f64| {
                x.layer_norm(weight.as_ref(), bias.as_ref(), eps as f32)
            }
        ),
        row!(
            "rope",
            "(a: array, dims: int, *, traditional: bool, base: float | None, scale: float, offset: int | array, freqs: array | None = None, stream: StreamOrDevice = None) -> array",
            "The first `dims` of the last axis rotated by positions.",
            rope
        ),
        row!(
            "scaled_dot_product_attention",
            "(q: array, k: array, v: array, *, scale: float, mask: None | str | array = None, sinks: array | None = None, force_fused: bool = False, stream: StreamOrDevice = None) -> array",
            "Attention of queries to keys and values, `[batch, heads, length, size]`.",
            attention
        ),
        row!(
            "cross_entropy",
            "(logits: array, targets: array, *, stream: StreamOrDevice = None) -> array",
            "The cross entropy of logits over the last axis with classes as targets, `float32`.",
            |logits: Array, targets: Array| logits.cross_entropy(&targets)
        ),
        row!(
            "gated_delta_update",
            "(q: array, k: array, v: array, gamma: array, beta: array, initial_state: array | None = None, mask: array | None = None, stream: StreamOrDevice = None) -> list[array]",
            "The gated delta rule from token to token: what the queries read, and the last state.",
            delta
        ),
        row_over!(
            "metal_kernel",
            "(name: str, input_names: Sequence[str], output_names: Sequence[str], source: str, header: str = '', ensure_row_contiguous: bool = True, atomic_outputs: bool = False, compile_options: object | None = None) -> object",
            "Raises: kernels for Metal do not run here.",
            |arguments| no_kernels(arguments)
        ),
        row_over!(
            "cuda_kernel",
            "(name: str, input_names: Sequence[str], output_names: Sequence[str], source: str, header: str = '', ensure_row_contiguous: bool = True, shared_memory: int = 0) -> object",
            "Raises: kernels for CUDA do not run here.",
            |arguments| no_kernels(arguments)
        ),
        row_over!(
            "precompiled_cuda_kernel",
            "(*, name: str, compiled_source: bytes, inputs: Sequence[Any], output_shapes: Sequence[Any], output_dtypes: Sequence[Dtype], scalars: Sequence[object], grid: tuple[int, int, int], threadgroup: tuple[int, int, int], shared_memory: int = 0, init_value: float | None = None, ensure_row_contiguous: bool = False, stream: StreamOrDevice = None) -> list[array]",
            "Raises: kernels for CUDA do not run here.",
            |arguments| no_kernels(arguments)
        ),
    ]
}
