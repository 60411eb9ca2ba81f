//! Arrays as text: `array([1, 2.5], dtype=float32)`, laid out and rounded as `mlx.core` prints them.
//!
//! Printing evaluates; `Debug`, which errors are made with, does not. Above a thousand elements only
//! the ends of long axes are read and shown. (`mlx.core` does so from seven along an axis on.)

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use half::{bf16, f16};

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;

/// More elements than this are not all shown.
const ALL_SHOWN: usize = 1000;

/// Elements shown at each end of a long axis.
const EDGE: usize = 3;

static PRECISION: AtomicUsize = AtomicUsize::new(6);

/// How numbers are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrintOptions {
    /// Significant digits of a float, at least 1.
    pub precision: usize,
}

/// The options in force.
pub fn print_options() -> PrintOptions {
    PrintOptions {
        precision: PRECISION.load(Relaxed),
    }
}

/// Sets the options for the whole process; returns those that were in force.
pub fn set_print_options(options: PrintOptions) -> PrintOptions {
    PrintOptions {
        precision: PRECISION.swap(options.precision.clamp(1, 64), Relaxed),
    }
}

/// Evaluates the array; of one that cannot be, prints the error. `{:.3}` shows three digits.
impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or_else(|| print_options().precision);
        match Text::of(self, digits.max(1)) {
            Ok(text) => {
                f.write_str("array(")?;
                text.write(f, 0, 0)?;
                write!(f, ", dtype={})", self.dtype())
            }
            Err(error) => write!(f, "{error}"),
        }
    }
}

/// The elements that are shown, as words.
struct Text {
    words: Vec<String>,
    /// Lengths of the axes of `words`.
    shown: Vec<usize>,
    /// Axes whose middle is left out.
    cut: Vec<bool>,
}

impl Text {
    fn of(array: &Array, digits: usize) -> Result<Text> {
        array.check()?;
        let mut ends = array.clone();
        let long = array.elements() > ALL_SHOWN;
        let cut: Vec<bool> = array
            .shape()
            .iter()
            .map(|&d| long && d > 2 * EDGE)
            .collect();
        for axis in (0..array.rank()).filter(|&a| cut[a]) {
            let (at, len) = (axis as isize, array.dim(axis));
            let first = ends.narrow(at, 0, EDGE)?;
            let last = ends.narrow(at, len - EDGE, len)?;
            ends = Array::concatenate(&[first, last], at)?;
        }
        let size = ends.dtype().size();
        let bytes = ends.to_bytes()?;
        let word = |bytes: &[u8]| element(bytes, array.dtype(), digits);
        Ok(Text {
            words: bytes.chunks_exact(size).map(word).collect(),
            shown: ends.shape().to_vec(),
            cut,
        })
    }

    /// Writes the part from axis `axis` on, whose first word is `first`.
    fn write(&self, f: &mut fmt::Formatter<'_>, axis: usize, first: usize) -> fmt::Result {
        let Some(&len) = self.shown.get(axis) else {
            return f.write_str(self.words.get(first).map_or("", String::as_str));
        };
        let inner = axis + 1 == self.shown.len();
        let step: usize = self.shown[axis + 1..].iter().product();
        let gap = |f: &mut fmt::Formatter<'_>| match inner {
            true => f.write_str(", "),
            // Below the bracket that this axis opened.
            false => write!(f, ",\n{:1$}", "", "array(".len() + axis + 1),
        };
        f.write_char('[')?;
        for k in 0..len {
            if k > 0 {
                gap(f)?;
            }
            if self.cut[axis] && k == EDGE {
                f.write_str("...")?;
                gap(f)?;
            }
            self.write(f, axis + 1, first + k * step)?;
        }
        f.write_char(']')
    }
}

/// One element, of little-endian bytes.
fn element(bytes: &[u8], dtype: Dtype, digits: usize) -> String {
    fn of<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> T {
        bytemuck::pod_read_unaligned(bytes)
    }
    match dtype {
        Dtype::Bool if bytes[0] != 0 => "True".to_string(),
        Dtype::Bool => "False".to_string(),
        Dtype::U8 => of::<u8>(bytes).to_string(),
        Dtype::U16 => of::<u16>(bytes).to_string(),
        Dtype::U32 => of::<u32>(bytes).to_string(),
        Dtype::U64 => of::<u64>(bytes).to_string(),
        Dtype::I8 => of::<i8>(bytes).to_string(),
        Dtype::I16 => of::<i16>(bytes).to_string(),
        Dtype::I32 => of::<i32>(bytes).to_string(),
        Dtype::I64 => of::<i64>(bytes).to_string(),
        Dtype::F16 => number(of::<f16>(bytes).to_f64(), digits),
        Dtype::BF16 => number(of::<bf16>(bytes).to_f64(), digits),
        Dtype::F32 => number(of::<f32>(bytes).into(), digits),
        Dtype::F64 => number(of::<f64>(bytes), digits),
        Dtype::C64 => {
            let [re, im] = of::<[f32; 2]>(bytes).map(|x| number(x.into(), digits));
            let sign = if im.starts_with('-') { "" } else { "+" };
            format!("{re}{sign}{im}j")
        }
    }
}

/// `x` with so many significant digits, without trailing zeros: C's `%g`.
fn number(x: f64, digits: usize) -> String {
    if !x.is_finite() {
        let name = if x.is_nan() { "nan" } else { "inf" };
        let sign = if x < 0.0 { "-" } else { "" };
        return format!("{sign}{name}");
    }
    let rounded = format!("{x:.*e}", digits - 1);
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs());
    }
    let decimals = digits as i32 - 1 - exponent;
    trimmed(&format!("{x:.*}", decimals.max(0) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_c_rounds_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.0 / 3.0, "0.333333"),
            (1e-7, "1e-07"),
            (1e10, "1e+10"),
            (123456789.0, "1.23457e+08"),
            (100000.0, "100000"),
            (1e6, "1e+06"),
            (1234567.0, "1.23457e+06"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (0.00012345678, "0.000123457"),
            (99999.96, "100000"),
            (999999.5, "1e+06"),
            (1e300, "1e+300"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (x, want) in cases {
            assert_eq!(number(x, 6), want);
        }
        assert_eq!(number(1.0 / 3.0, 3), "0.333");
        assert_eq!(number(2.0 / 3.0, 1), "0.7");
    }
}
