//! Quantized arrays: packed values, scales and biases as arrays of their own.

use lazuli_core::ops::quantization::{Mode, Quantization};
use lazuli_core::ops::quantized::QuantizedArray;
use lazuli_core::{Array, Dtype};
use pyo3::PyResult;

use crate::argument::{FromArgument, dims};
use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};

/// A mode by its name.
struct Named(Mode);

impl FromArgument for Named {
    fn from_argument(value: &pyo3::Bound<'_, pyo3::PyAny>) -> PyResult<Self> {
        let name = String::from_argument(value)?;
        Mode::from_name(&name).map(Named).ok_or_else(|| {
            let known = Mode::ALL.map(Mode::name).join(", ");
            value_error("quantize", format!("no mode `{name}`; there are {known}"))
        })
    }
}

type Size = Option<isize>;

fn format(mode: Named, group: Size, bits: Size) -> PyResult<Quantization> {
    let size = |n: Size| -> PyResult<Option<usize>> {
        Ok(n.map(|n| dims(&[n])).transpose()?.map(|n| n[0]))
    };
    Quantization::new(mode.0, size(bits)?, size(group)?).or_raise()
}

/// The parts of a quantized array, checked against one another.
fn quantized(
    format: Quantization,
    packed: Array,
    scales: Array,
    biases: Option<Array>,
    global_scale: Option<Array>,
) -> PyResult<QuantizedArray> {
    let parts = [packed, scales].into_iter().chain(biases);
    let whole = QuantizedArray::from_parts(format, parts).or_raise()?;
    Ok(QuantizedArray {
        global_scale,
        ..whole
    })
}

fn quantize(
    w: Array,
    group: Size,
    bits: Size,
    mode: Named,
    global_scale: Option<Array>,
) -> PyResult<Vec<Array>> {
    let format = format(mode, group, bits)?;
    if w.rank() < 2 {
        let message = format!("takes arrays of two axes or more, not {w:?}");
        return Err(value_error("quantize", message));
    }
    let made = match global_scale {
        Some(scale) => w.quantize_scaled(format, &scale),
        None => w.quantize(format),
    };
    Ok(made.or_raise()?.parts().into_iter().cloned().collect())
}

#[allow(clippy::too_many_arguments)]
fn dequantize(
    w: Array,
    scales: Array,
    biases: Option<Array>,
    group: Size,
    bits: Size,
    mode: Named,
    global_scale: Option<Array>,
    dtype: Option<Dtype>,
) -> PyResult<Array> {
    let whole = quantized(format(mode, group, bits)?, w, scales, biases, global_scale)?;
    whole.dequantize(dtype.unwrap_or(whole.dtype())).or_raise()
}

#[allow(clippy::too_many_arguments)]
fn quantized_matmul(
    x: Array,
    w: Array,
    scales: Array,
    biases: Option<Array>,
    transpose: bool,
    group: Size,
    bits: Size,
    mode: Named,
) -> PyResult<Array> {
    let whole = quantized(format(mode, group, bits)?, w, scales, biases, None)?;
    let dtype = promoted(&x, &whole);
    x.astype(dtype)
        .and_then(|x| x.quantized_product(&whole, transpose))
        .or_raise()
}

/// The dtype of a product: that of the scales counts where it is one of floats.
fn promoted(x: &Array, w: &QuantizedArray) -> Dtype {
    match w.biases {
        Some(_) => x.dtype().promote(w.scales.dtype()),
        None => x.dtype(),
    }
}

#[allow(clippy::too_many_arguments)]
fn gather_qmm(
    x: Array,
    w: Array,
    scales: Array,
    biases: Option<Array>,
    lhs_indices: Option<Array>,
    rhs_indices: Option<Array>,
    transpose: bool,
    group: Size,
    bits: Size,
    mode: Named,
    global_scale: Option<Array>,
) -> PyResult<Array> {
    let whole = quantized(format(mode, group, bits)?, w, scales, biases, global_scale)?;
    let dtype = promoted(&x, &whole);
    let (left, right) = (lhs_indices.as_ref(), rhs_indices.as_ref());
    x.astype(dtype)
        .and_then(|x| x.gather_qmm(&whole, left, right, transpose))
        .or_raise()
}

#[allow(clippy::too_many_arguments)]
fn qqmm(
    x: Array,
    w: Array,
    scales: Option<Array>,
    group: Size,
    bits: Size,
    mode: Named,
    global_scale_x: Option<Array>,
    global_scale_w: Option<Array>,
) -> PyResult<Array> {
    let format = format(mode, group, bits)?;
    match scales {
        Some(scales) => {
            let whole = quantized(format, w, scales, None, global_scale_w)?;
            x.qqmm(&whole, global_scale_x.as_ref()).or_raise()
        }
        None if w.dtype().is_float() => {
            let (of_x, of_w) = (global_scale_x.as_ref(), global_scale_w.as_ref());
            x.qqmm_of(&w, format, of_x, of_w).or_raise()
        }
        None => Err(value_error("qqmm", "quantized `w` needs `scales`")),
    }
}

#[allow(clippy::too_many_arguments)]
fn gather_qqmm(
    x: Array,
    w: Array,
    scales: Option<Array>,
    lhs_indices: Option<Array>,
    rhs_indices: Option<Array>,
    group: Size,
    bits: Size,
    mode: Named,
    global_scale_x: Option<Array>,
    global_scale_w: Option<Array>,
) -> PyResult<Array> {
    let format = format(mode, group, bits)?;
    let whole = match (scales, global_scale_w) {
        (Some(scales), scale) => quantized(format, w, scales, None, scale)?,
        (None, _) if !w.dtype().is_float() => {
            return Err(value_error("gather_qqmm", "quantized `w` needs `scales`"));
        }
        (None, Some(scale)) => w.quantize_scaled(format, &scale).or_raise()?,
        (None, None) => w.quantize(format).or_raise()?,
    };
    let (left, right) = (lhs_indices.as_ref(), rhs_indices.as_ref());
    x.gather_qqmm(&whole, left, right, global_scale_x.as_ref())
        .or_raise()
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "quantize",
            "(w: array, /, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', *, global_scale: array | None = None, stream: StreamOrDevice = None) -> Any",
            "Rows as packed values and their scales and, in affine mode, biases.",
            quantize
        ),
        row!(
            "dequantize",
            "(w: array, /, scales: array, biases: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', global_scale: array | None = None, dtype: Dtype | None = None, *, stream: StreamOrDevice = None) -> array",
            "The floats that packed values stand for.",
            dequantize
        ),
        row!(
            "quantized_matmul",
            "(x: array, w: array, /, scales: array, biases: array | None = None, transpose: bool = True, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', *, stream: StreamOrDevice = None) -> array",
            "The product with a quantized matrix, transposed unless said otherwise.",
            quantized_matmul
        ),
        row!(
            "gather_qmm",
            "(x: array, w: array, /, scales: array, biases: array | None = None, lhs_indices: array | None = None, rhs_indices: array | None = None, transpose: bool = True, group_size: int | None = None, bits: int | None = None, mode: str = 'affine', global_scale: array | None = None, *, sorted_indices: bool = False, stream: StreamOrDevice = None) -> array",
            "Products with quantized matrices that indices pick.",
            gather_qmm
        ),
        row!(
            "qqmm",
            "(x: array, w: array, scales: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'nvfp4', global_scale_x: array | None = None, global_scale_w: array | None = None, *, stream: StreamOrDevice = None) -> array",
            "The product with a transposed matrix, both rounded to a mode of floats.",
            qqmm
        ),
        row!(
            "gather_qqmm",
            "(x: array, w: array, /, scales: array | None = None, lhs_indices: array | None = None, rhs_indices: array | None = None, group_size: int | None = None, bits: int | None = None, mode: str = 'nvfp4', global_scale_x: array | None = None, global_scale_w: array | None = None, *, sorted_indices: bool = False, stream: StreamOrDevice = None) -> array",
            "Products with transposed matrices that indices pick, both rounded to a mode of floats.",
            gather_qqmm
        ),
        row!(
            "to_fp8",
            "(x: array, *, stream: StreamOrDevice = None) -> array",
            "Floats as bytes of the E4M3 kind.",
            |x: Array| x.to_fp8()
        ),
        row!(
            "from_fp8",
            "(x: array, dtype: Dtype = bfloat16, *, stream: StreamOrDevice = None) -> array",
            "The floats of bytes of the E4M3 kind.",
            |x: Array, dtype: Dtype| x.from_fp8(dtype)
        ),
    ]
}
