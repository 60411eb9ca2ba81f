//! `fft`: Fourier transforms along one axis, two, or many.

use lazuli_core::fft::{self, Norm, ShortTime};
use lazuli_core::shaping::Pad;
use lazuli_core::{Array, Axes};
use pyo3::prelude::*;

use crate::argument::{FromArgument, dims};
use crate::call::{Entry, row};
use crate::error::{OrRaise, value_error};

/// A name of a [`Norm`].
struct Named(Norm);

impl FromArgument for Named {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        match String::from_argument(value)?.as_str() {
            "backward" => Ok(Named(Norm::Backward)),
            "ortho" => Ok(Named(Norm::Ortho)),
            "forward" => Ok(Named(Norm::Forward)),
            other => Err(value_error(
                "fft",
                format!("no norm `{other}`; there are backward, ortho and forward"),
            )),
        }
    }
}

fn length(n: isize) -> PyResult<usize> {
    match usize::try_from(n) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(value_error("fft", format!("cannot transform {n} elements"))),
    }
}

macro_rules! along_one {
    ($($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(a: array, n: int | None = None, axis: int = -1, norm: str = 'backward', stream: StreamOrDevice = None) -> array",
            $doc,
            |a: Array, n: Option<isize>, axis: isize, norm: Named| {
                fft::$method(&a, n.map(length).transpose()?, axis, norm.0).or_raise()
            }
        )),*]
    };
}

macro_rules! along_many {
    ($signature:literal: $($name:literal $method:ident $doc:literal;)*) => {
        vec![$(row!($name, $signature, $doc, |a: Array, s: Option<Vec<isize>>, axes: Option<Vec<isize>>, norm: Named| {
            let s = s.map(|s| s.into_iter().map(length).collect::<PyResult<Vec<_>>>()).transpose()?;
            fft::$method(&a, s.as_deref(), axes.as_deref(), norm.0).or_raise()
        })),*]
    };
}

/// The frames that arguments describe; `centered` says what is beyond the ends if they are centred.
fn frames(
    n_fft: isize,
    hop_length: Option<isize>,
    win_length: Option<isize>,
    window: Option<Array>,
    centered: Option<Pad>,
    norm: Named,
    onesided: Option<bool>,
) -> PyResult<ShortTime> {
    Ok(ShortTime {
        n_fft: length(n_fft)?,
        hop_length: hop_length.map(length).transpose()?,
        win_length: win_length.map(length).transpose()?,
        window,
        center: centered,
        norm: norm.0,
        onesided,
    })
}

#[allow(clippy::too_many_arguments)]
fn stft(
    x: Array,
    n_fft: isize,
    hop_length: Option<isize>,
    win_length: Option<isize>,
    window: Option<Array>,
    center: bool,
    pad_mode: String,
    norm: Named,
    onesided: Option<bool>,
) -> PyResult<Array> {
    let pad = match pad_mode.as_str() {
        "reflect" => Pad::Reflect,
        "constant" => Pad::Constant(Array::scalar(0.0f32)),
        "edge" => Pad::Edge,
        "symmetric" => Pad::Symmetric,
        other => {
            let message =
                format!("no mode `{other}`; there are constant, edge, reflect and symmetric");
            return Err(value_error("stft", message));
        }
    };
    let centered = center.then_some(pad);
    let how = frames(
        n_fft, hop_length, win_length, window, centered, norm, onesided,
    )?;
    how.transform(&x).or_raise()
}

#[allow(clippy::too_many_arguments)]
fn istft(
    spectra: Array,
    n_fft: Option<isize>,
    hop_length: Option<isize>,
    win_length: Option<isize>,
    window: Option<Array>,
    center: bool,
    norm: Named,
    onesided: Option<bool>,
    wanted: Option<isize>,
) -> PyResult<Array> {
    let n_fft = match (n_fft, spectra.rank().checked_sub(2)) {
        (Some(n), _) => n,
        // Of an even frame there is one frequency more than half its length.
        (None, Some(at)) if onesided.unwrap_or(true) => {
            2 * (spectra.dim(at) as isize).saturating_sub(1)
        }
        (None, Some(at)) => spectra.dim(at) as isize,
        (None, None) => return Err(value_error("istft", "needs frequencies and frames")),
    };
    let centered = center.then_some(Pad::Reflect);
    let how = frames(
        n_fft, hop_length, win_length, window, centered, norm, onesided,
    )?;
    let wanted = wanted.map(|n| usize::try_from(n).unwrap_or(0));
    how.inverse(&spectra, wanted).or_raise()
}

/// The rows.
pub(super) fn functions() -> Vec<Entry> {
    let mut rows = along_one! {
        "fft" fft "The discrete Fourier transform along an axis.";
        "ifft" ifft "The inverse of `fft`.";
        "rfft" rfft "The transform of real values: the frequencies that are not negative.";
        "irfft" irfft "The inverse of `rfft`.";
    };
    rows.extend(along_many! {
        "(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = [-2, -1], norm: str = 'backward', stream: StreamOrDevice = None) -> array":
        "fft2" fftn "The discrete Fourier transform along two axes.";
        "ifft2" ifftn "The inverse of `fft2`.";
        "rfft2" rfftn "The transform of real values along two axes.";
        "irfft2" irfftn "The inverse of `rfft2`.";
    });
    rows.extend(along_many! {
        "(a: array, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = 'backward', stream: StreamOrDevice = None) -> array":
        "fftn" fftn "The discrete Fourier transform along axes.";
        "ifftn" ifftn "The inverse of `fftn`.";
        "rfftn" rfftn "The transform of real values along axes.";
        "irfftn" irfftn "The inverse of `rfftn`.";
    });
    rows.extend([
        row!(
            "stft",
            "(x: array, n_fft: int = 2048, hop_length: int | None = None, win_length: int | None = None, window: array | None = None, center: bool = True, pad_mode: str = 'reflect', norm: str = 'backward', onesided: bool | None = None, stream: StreamOrDevice = None) -> array",
            "The transforms of overlapping frames of the last axis.",
            stft
        ),
        row!(
            "istft",
            "(stft_matrix: array, n_fft: int | None = None, hop_length: int | None = None, win_length: int | None = None, window: array | None = None, center: bool = True, norm: str = 'backward', onesided: bool | None = None, length: int | None = None, stream: StreamOrDevice = None) -> array",
            "The inverse of `stft`.",
            istft
        ),
        row!(
            "fftshift",
            "(a: array, axes: int | Sequence[int] | None = None, stream: StreamOrDevice = None) -> array",
            "Frequencies with zero in the middle.",
            |a: Array, axes: Axes| fft::fftshift(&a, axes)
        ),
        row!(
            "ifftshift",
            "(a: array, axes: int | Sequence[int] | None = None, stream: StreamOrDevice = None) -> array",
            "The inverse of `fftshift`.",
            |a: Array, axes: Axes| fft::ifftshift(&a, axes)
        ),
        row!(
            "fftfreq",
            "(n: int, d: float = 1.0, stream: StreamOrDevice = None) -> array",
            "The frequencies of `fft`.",
            |n: isize, d: f64| fft::fftfreq(dims(&[n])?[0], d).or_raise()
        ),
        row!(
            "rfftfreq",
            "(n: int, d: float = 1.0, stream: StreamOrDevice = None) -> array",
            "The frequencies of `rfft`.",
            |n: isize, d: f64| fft::rfftfreq(dims(&[n])?[0], d).or_raise()
        ),
    ]);
    rows
}
