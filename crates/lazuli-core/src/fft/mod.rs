//! Fourier transforms, as `mlx.core.fft` and NumPy name them.
//!
//! Every transform is computed in single precision: the result is `complex64`, or `float32` of the
//! inverse of a real transform. An axis is cut or padded with zeros at its end to the length asked for.

mod short_time;

use smallvec::SmallVec;

pub use short_time::ShortTime;

use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::ops::fft::{Fft, Kind};

/// Which direction of a pair is scaled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Norm {
    /// The inverse, by `1 / n`.
    #[default]
    Backward,
    /// Both, by `1 / sqrt(n)`.
    Ortho,
    /// The forward one, by `1 / n`.
    Forward,
}

impl Norm {
    fn scale(self, inverse: bool, n: usize) -> f32 {
        match (self, inverse) {
            (Norm::Ortho, _) => (1.0 / (n as f64).sqrt()) as f32,
            (Norm::Backward, true) | (Norm::Forward, false) => (1.0 / n as f64) as f32,
            _ => 1.0,
        }
    }
}

/// A transform as it is asked for.
#[derive(Clone, Copy)]
enum Ask {
    Complex { inverse: bool },
    FromReal,
    ToReal,
}

/// `sizes`: lengths along `axes` (none: what the array has there). `axes` none: all.
fn transform(
    name: &'static str,
    ask: Ask,
    x: &Array,
    sizes: Option<&[usize]>,
    axes: Option<&[isize]>,
    norm: Norm,
) -> Result<Array> {
    x.check()?;
    let axes = match (axes, sizes) {
        (Some(axes), _) => ordered(name, x, axes)?,
        (None, None) => (0..x.rank()).collect(),
        (None, Some(_)) => {
            return Err(Error::value(
                name,
                "lengths are given: say which axes have them",
            ));
        }
    };
    if sizes.is_some_and(|s| s.len() != axes.len()) {
        return Err(Error::value(
            name,
            format!(
                "{} lengths for {} axes",
                sizes.map_or(0, <[_]>::len),
                axes.len()
            ),
        ));
    }
    let Some(&last) = axes.last() else {
        return match x.rank() {
            0 => Err(Error::shape(name, "a scalar has no axis to transform")),
            _ => Ok(x.clone()),
        };
    };
    let mut lengths: SmallVec<[usize; 4]> = match sizes {
        Some(sizes) => SmallVec::from_slice(sizes),
        None => axes.iter().map(|&axis| x.dim(axis)).collect(),
    };
    let line = match (ask, sizes, lengths.last_mut()) {
        // The default is even: half a spectrum does not say.
        (Ask::ToReal, None, Some(last)) => {
            *last = last.saturating_sub(1) * 2;
            *last
        }
        (_, _, Some(last)) => *last,
        _ => 0,
    };
    if let Some(at) = lengths.iter().position(|&n| n == 0) {
        return Err(Error::shape(
            name,
            format!("axis {} would have no elements to transform", axes[at]),
        ));
    }
    let elements = lengths.iter().fold(1, |n: usize, &d| n.saturating_mul(d));
    let (kind, inverse, dtype) = match ask {
        Ask::Complex { inverse } => (Kind::Complex { inverse }, inverse, Dtype::C64),
        Ask::FromReal => (Kind::FromReal, false, Dtype::F32),
        Ask::ToReal => (Kind::ToReal(line), true, Dtype::C64),
    };
    let mut x = x.astype(dtype)?;
    for (&axis, &n) in axes.iter().zip(&lengths) {
        let n = match ask {
            Ask::ToReal if axis == last => n / 2 + 1,
            _ => n,
        };
        x = fitted(&x, axis, n)?;
    }
    let op = Fft {
        kind,
        axes: axes.iter().map(|&axis| axis as u8).collect(),
        scale: norm.scale(inverse, elements).into(),
    };
    Array::from_op(Box::new(op), &[&x])
}

/// The axes in the order in which they are named.
fn ordered(name: &'static str, x: &Array, axes: &[isize]) -> Result<SmallVec<[usize; 4]>> {
    let mut out = SmallVec::new();
    for &axis in axes {
        let at = x.shape().axis(name, axis)?;
        if out.contains(&at) {
            let what = format!("axis {at} is named twice in {axes:?}");
            return Err(Error::shape(name, what));
        }
        out.push(at);
    }
    Ok(out)
}

/// `x` cut, or padded with zeros, to `n` elements along `axis`.
fn fitted(x: &Array, axis: usize, n: usize) -> Result<Array> {
    let len = x.dim(axis);
    if n < len {
        return x.narrow(axis as isize, 0, n);
    }
    if n == len {
        return Ok(x.clone());
    }
    let zeros = Array::full(x.shape().with(axis, n - len), 0.0, x.dtype())?;
    Array::concatenate(&[x.clone(), zeros], axis as isize)
}

macro_rules! along_one {
    ($($(#[$doc:meta])* $name:ident => $ask:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// `n`: the length of the transform (none: what the axis has).
        ///
        /// # Errors
        /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when there is nothing along it to transform.
        pub fn $name(x: &Array, n: Option<usize>, axis: isize, norm: Norm) -> Result<Array> {
            let n = n.as_ref().map(std::slice::from_ref);
            transform(stringify!($name), $ask, x, n, Some(&[axis]), norm)
        }
    )*};
}

macro_rules! along_many {
    ($($(#[$doc:meta])* $name:ident => $ask:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// `s`: lengths along `axes` (none: what they have); `axes`: in any order, negative ones from
        /// the end (none: all).
        ///
        /// # Errors
        /// [`Error::Index`] when there is no such axis; [`Error::Shape`] when one is named twice, or there is
        /// nothing along it to transform; [`Error::Value`] when `s` is given without as many `axes`.
        pub fn $name(
            x: &Array,
            s: Option<&[usize]>,
            axes: Option<&[isize]>,
            norm: Norm,
        ) -> Result<Array> {
            transform(stringify!($name), $ask, x, s, axes, norm)
        }
    )*};
}

macro_rules! along_two {
    ($($(#[$doc:meta])* $name:ident => $ask:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// `s`: lengths along the two (none: what they have).
        ///
        /// # Errors
        /// [`Error::Index`] when there are not two axes, [`Error::Shape`] when there is nothing along them to transform.
        pub fn $name(x: &Array, s: Option<[usize; 2]>, norm: Norm) -> Result<Array> {
            let s = s.as_ref().map(|s| &s[..]);
            transform(stringify!($name), $ask, x, s, Some(&[-2, -1]), norm)
        }
    )*};
}

along_one! {
    /// The discrete Fourier transform along an axis, `complex64`.
    fft => Ask::Complex { inverse: false };
    /// The inverse of [`fft`], `complex64`.
    ifft => Ask::Complex { inverse: true };
    /// The transform of a real array: the `n / 2 + 1` frequencies that are not negative, `complex64`.
    /// Of a complex array, the real part is taken.
    rfft => Ask::FromReal;
    /// The inverse of [`rfft`], `float32`; without `n` it has an even length.
    irfft => Ask::ToReal;
}

along_many! {
    /// The discrete Fourier transform along axes, `complex64`.
    fftn => Ask::Complex { inverse: false };
    /// The inverse of [`fftn`], `complex64`.
    ifftn => Ask::Complex { inverse: true };
    /// The transform of a real array, `complex64`; the last of the axes keeps the frequencies that are
    /// not negative.
    rfftn => Ask::FromReal;
    /// The inverse of [`rfftn`], `float32`; without `s` the last of the axes has an even length.
    irfftn => Ask::ToReal;
}

along_two! {
    /// [`fftn`] along the last two axes.
    fft2 => Ask::Complex { inverse: false };
    /// [`ifftn`] along the last two axes.
    ifft2 => Ask::Complex { inverse: true };
    /// [`rfftn`] along the last two axes.
    rfft2 => Ask::FromReal;
    /// [`irfftn`] along the last two axes.
    irfft2 => Ask::ToReal;
}

/// The zero frequency moved from the start of `axes` to the middle.
///
/// # Errors
/// [`Error::Index`] when there is no such axis, [`Error::Shape`] when one is named twice.
pub fn fftshift(x: &Array, axes: impl Into<Axes>) -> Result<Array> {
    rotate("fftshift", x, axes.into(), |len| len / 2)
}

/// The inverse of [`fftshift`].
///
/// # Errors
/// As [`fftshift`].
pub fn ifftshift(x: &Array, axes: impl Into<Axes>) -> Result<Array> {
    rotate("ifftshift", x, axes.into(), |len| len.div_ceil(2))
}

/// Each axis moved on by a part of its length.
fn rotate(
    name: &'static str,
    x: &Array,
    axes: Axes,
    shift: impl Fn(usize) -> usize,
) -> Result<Array> {
    x.check()?;
    let axes = axes.resolve(name, x.rank())?;
    axes.into_iter().try_fold(x.clone(), |x, axis| {
        x.roll(&[shift(x.dim(axis)) as isize], axis)
    })
}

/// The frequencies of [`fft`] of `n` samples `d` apart, `float32`: from zero up, then the negative ones.
///
/// # Errors
/// [`Error::Value`] when `n` or `d` is zero.
pub fn fftfreq(n: usize, d: f64) -> Result<Array> {
    let count = n.div_ceil(2);
    let cycle = |k: usize| k as f64 - if k < count { 0.0 } else { n as f64 };
    frequencies("fftfreq", n, d, (0..n).map(cycle))
}

/// The frequencies of [`rfft`] of `n` samples `d` apart, `float32`.
///
/// # Errors
/// [`Error::Value`] when `n` or `d` is zero.
pub fn rfftfreq(n: usize, d: f64) -> Result<Array> {
    frequencies("rfftfreq", n, d, (0..n / 2 + 1).map(|k| k as f64))
}

fn frequencies(
    name: &'static str,
    n: usize,
    d: f64,
    cycles: impl Iterator<Item = f64>,
) -> Result<Array> {
    if n == 0 || d == 0.0 {
        let which = if n == 0 { "n" } else { "d" };
        return Err(Error::value(name, format!("{which} must not be zero")));
    }
    let values: Vec<f32> = cycles.map(|c| (c / (n as f64 * d)) as f32).collect();
    Array::from_slice(&values, [values.len()])
}
