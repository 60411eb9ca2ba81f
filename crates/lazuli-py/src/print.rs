//! Arrays as text, as `mlx.core` prints them, and how many digits they show.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use half::{bf16, f16};
use lazuli_core::{Array, Dtype};
use pyo3::prelude::*;

use crate::call::{Entry, row};
use crate::error::OrRaise;

/// Digits after the point; negative: six significant digits.
static PRECISION: AtomicI64 = AtomicI64::new(-1);

/// Axes longer than this show their first and last three elements.
const SHOWN: usize = 6;
const EDGE: usize = 3;

/// A number with `digits` significant digits, without trailing zeros.
pub(crate) fn general(out: &mut String, value: f64, digits: usize) {
    if !value.is_finite() || value == 0.0 {
        let text = match value {
            v if v.is_nan() && v.is_sign_negative() => "-nan",
            v if v.is_nan() => "nan",
            v if v == f64::INFINITY => "inf",
            v if v == f64::NEG_INFINITY => "-inf",
            v if v.is_sign_negative() => "-0",
            _ => "0",
        };
        out.push_str(text);
        return;
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{}e{sign}{:02}", trim(mantissa), exponent.abs());
    } else {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        out.push_str(&trim(&format!("{value:.decimals$}")));
    }
}

fn float(out: &mut String, value: f64) {
    match PRECISION.load(Relaxed) {
        precision if precision >= 0 && value.is_finite() => {
            let _ = write!(out, "{value:.*}", precision as usize);
        }
        _ => general(out, value, 6),
    }
}

/// Elements of one dtype, read at a place.
struct Elements {
    bytes: Vec<u8>,
    dtype: Dtype,
}

impl Elements {
    fn write(&self, out: &mut String, at: usize) {
        macro_rules! read {
            ($ty:ty) => {{
                const SIZE: usize = size_of::<$ty>();
                let bytes = &self.bytes[at * SIZE..(at + 1) * SIZE];
                bytemuck::pod_read_unaligned::<$ty>(bytes)
            }};
        }
        macro_rules! integer {
            ($ty:ty) => {{
                let _ = write!(out, "{}", read!($ty));
            }};
        }
        match self.dtype {
            Dtype::Bool => out.push_str(if self.bytes[at] != 0 { "True" } else { "False" }),
            Dtype::U8 => integer!(u8),
            Dtype::U16 => integer!(u16),
            Dtype::U32 => integer!(u32),
            Dtype::U64 => integer!(u64),
            Dtype::I8 => integer!(i8),
            Dtype::I16 => integer!(i16),
            Dtype::I32 => integer!(i32),
            Dtype::I64 => integer!(i64),
            Dtype::F16 => float(out, f64::from(read!(f16))),
            Dtype::BF16 => float(out, f64::from(read!(bf16))),
            Dtype::F32 => float(out, f64::from(read!(f32))),
            Dtype::F64 => float(out, read!(f64)),
            Dtype::C64 => {
                let [re, im] = read!([f32; 2]);
                float(out, f64::from(re));
                if im.is_sign_positive() || im.is_nan() {
                    out.push('+');
                }
                float(out, f64::from(im));
                out.push('j');
            }
        }
    }

    fn list(&self, out: &mut String, shape: &[usize], at: usize, indent: usize) {
        let Some((&length, inner)) = shape.split_first() else {
            return self.write(out, at);
        };
        let step: usize = inner.iter().product();
        let separator = match inner {
            [] => ", ".to_owned(),
            _ => format!(",\n{}", " ".repeat(indent)),
        };
        out.push('[');
        let cut = length > SHOWN;
        let mut first = true;
        for i in 0..length {
            if cut && (EDGE..length - EDGE).contains(&i) {
                if i == EDGE {
                    let _ = write!(out, "{separator}...");
                }
                continue;
            }
            if !first {
                out.push_str(&separator);
            }
            first = false;
            self.list(out, inner, at + i * step, indent + 1);
        }
        out.push(']');
    }
}

/// The array as Python shows it.
pub(crate) fn repr(py: Python<'_>, array: &Array) -> PyResult<String> {
    let bytes = py.detach(|| array.to_bytes()).or_raise()?;
    let elements = Elements {
        bytes,
        dtype: array.dtype(),
    };
    let mut text = String::from("array(");
    if array.shape().first() == Some(&0) {
        text.push_str("[]");
    } else {
        elements.list(&mut text, array.shape(), 0, 7);
    }
    let _ = write!(text, ", dtype={})", array.dtype());
    Ok(text)
}

/// How arrays are printed.
#[pyclass(name = "PrintOptions", module = "lazuli.core")]
#[derive(Clone)]
pub(crate) struct PrintOptions {
    #[pyo3(get, set)]
    precision: i64,
}

#[pymethods]
impl PrintOptions {
    #[new]
    #[pyo3(signature = (precision = -1))]
    fn new(precision: i64) -> PrintOptions {
        PrintOptions { precision }
    }
}

/// Print options for the length of a `with` block.
#[pyclass(name = "_PrintOptionsContext", module = "lazuli.core")]
pub(crate) struct PrintOptionsContext {
    inside: i64,
    outside: i64,
}

#[pymethods]
impl PrintOptionsContext {
    #[new]
    fn new(options: PyRef<'_, PrintOptions>) -> PrintOptionsContext {
        PrintOptionsContext {
            inside: options.precision,
            outside: -1,
        }
    }
    fn __enter__(mut slf: PyRefMut<'_, Self>) -> PyRefMut<'_, Self> {
        slf.outside = PRECISION.swap(slf.inside, Relaxed);
        slf
    }
    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, pyo3::types::PyTuple>) {
        PRECISION.store(self.outside, Relaxed);
    }
}

/// Functions of the print options.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "set_printoptions",
            "(precision: int = -1) -> None",
            "Digits shown after the point; -1: six significant digits.",
            |precision: i64| PRECISION.store(precision.clamp(-1, 100), Relaxed)
        ),
        row!(
            "get_printoptions",
            "() -> PrintOptions",
            "How arrays are printed now.",
            || Python::attach(|py| {
                let options = PrintOptions {
                    precision: PRECISION.load(Relaxed),
                };
                Ok::<_, PyErr>(Py::new(py, options)?.into_any())
            })
        ),
        row!(
            "printoptions",
            "(precision: int = -1) -> _PrintOptionsContext",
            "Print options for the length of a `with` block.",
            |precision: i64| Python::attach(|py| {
                let context = PrintOptionsContext {
                    inside: precision,
                    outside: -1,
                };
                Ok::<_, PyErr>(Py::new(py, context)?.into_any())
            })
        ),
    ]
}
