//! The short-time Fourier transform: overlapping frames under a window, each transformed.
//!
//! A composition: frames are picked by index, and added back by shifting. Griffin and Lim, "Signal
//! estimation from modified short-time Fourier transform", 1984, for the inverse.

use super::{Norm, fft, ifft, irfft, rfft};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::shaping::Pad;

/// Below this a sum of squared windows counts as this.
const LEAST: f64 = 1e-8;

/// How a signal is cut and transformed.
#[derive(Clone, Debug)]
pub struct ShortTime {
    /// Length of a frame.
    pub n_fft: usize,
    /// From one frame to the next; none: a quarter of a frame.
    pub hop_length: Option<usize>,
    /// Length of the rectangular window, where there is no other; none: a frame.
    pub win_length: Option<usize>,
    /// The window, centred in a frame with zeros around it; none: rectangular.
    pub window: Option<Array>,
    /// What half a frame before and after the signal holds, so that frames are centred on its
    /// elements; none: frames start at its start.
    pub center: Option<Pad>,
    /// Which direction is scaled.
    pub norm: Norm,
    /// Whether there are only the frequencies that are not negative; none: of a real signal.
    pub onesided: Option<bool>,
}

impl ShortTime {
    /// Centred frames of `n_fft` elements under a rectangular window, the signal mirrored at its ends.
    pub fn new(n_fft: usize) -> ShortTime {
        ShortTime {
            n_fft,
            hop_length: None,
            win_length: None,
            window: None,
            center: Some(Pad::Reflect),
            norm: Norm::default(),
            onesided: None,
        }
    }

    fn hop(&self, name: &'static str) -> Result<usize> {
        let hop = self.hop_length.unwrap_or(self.n_fft / 4);
        if self.n_fft == 0 || hop == 0 {
            return Err(Error::value(
                name,
                format!(
                    "frames of {} elements, {hop} apart: both must be positive",
                    self.n_fft
                ),
            ));
        }
        Ok(hop)
    }

    /// The window in a frame.
    fn framed_window(&self, name: &'static str) -> Result<Array> {
        let window = match &self.window {
            Some(window) => window.astype(Dtype::F32)?,
            None => Array::full([self.win_length.unwrap_or(self.n_fft)], 1.0, Dtype::F32)?,
        };
        if window.rank() != 1 || window.dim(0) > self.n_fft {
            return Err(Error::shape(
                name,
                format!(
                    "a window of shape {} does not fit frames of {}",
                    window.shape(),
                    self.n_fft
                ),
            ));
        }
        let around = self.n_fft - window.dim(0);
        let zero = Pad::Constant(Array::scalar(0.0f32));
        window.pad(&[(around / 2, around - around / 2)], &zero)
    }

    /// The transform of the last axis: `[.., n]` to `[.., frequencies, frames]`, `complex64`.
    ///
    /// # Errors
    /// [`Error::Value`] when a length is zero, [`Error::Shape`] when the signal or the window does not
    /// fit a frame.
    pub fn transform(&self, x: &Array) -> Result<Array> {
        const NAME: &str = "stft";
        x.check()?;
        let (hop, window) = (self.hop(NAME)?, self.framed_window(NAME)?);
        if x.rank() == 0 {
            return Err(Error::shape(NAME, "a scalar has no axis to transform"));
        }
        let complex = x.dtype() == Dtype::C64;
        let mut x = if complex {
            x.clone()
        } else {
            x.astype(Dtype::F32)?
        };
        if let Some(mode) = &self.center {
            let mut widths = vec![(0, 0); x.rank()];
            widths[x.rank() - 1] = (self.n_fft / 2, self.n_fft / 2);
            x = x.pad(&widths, mode)?;
        }
        let len = x.dim(x.rank() - 1);
        let Some(more) = len.checked_sub(self.n_fft) else {
            return Err(Error::shape(
                NAME,
                format!("{len} elements do not fill a frame of {}", self.n_fft),
            ));
        };
        let starts = Array::counting(more / hop + 1)?.multiply(&Array::scalar(hop as i64))?;
        let places = starts.expand_dims(1)?.add(&Array::counting(self.n_fft)?)?;
        let frames = x.take(&places, -1)?.multiply(&window)?;
        let onesided = self.onesided.unwrap_or(!complex);
        let spectra = match onesided {
            true => rfft(&frames, None, -1, self.norm)?,
            false => fft(&frames, None, -1, self.norm)?,
        };
        spectra.moveaxis(-1, -2)
    }

    /// The signal, `float32`, whose [`ShortTime::transform`] is nearest to `spectra`,
    /// `[.., frequencies, frames]`: frames added up under the window, over the sum of its squares. With
    /// `length` it is cut, or zeros follow.
    ///
    /// # Errors
    /// [`Error::Value`] when a length is zero, [`Error::Shape`] when there are not two axes or the window
    /// does not fit a frame.
    pub fn inverse(&self, spectra: &Array, length: Option<usize>) -> Result<Array> {
        const NAME: &str = "istft";
        spectra.check()?;
        let (hop, window) = (self.hop(NAME)?, self.framed_window(NAME)?);
        if spectra.rank() < 2 {
            return Err(Error::shape(
                NAME,
                format!(
                    "needs frequencies and frames, the shape is {}",
                    spectra.shape()
                ),
            ));
        }
        let spectra = spectra.moveaxis(-1, -2)?;
        let n = Some(self.n_fft);
        let frames = match self.onesided.unwrap_or(true) {
            true => irfft(&spectra, n, -1, self.norm)?,
            false => ifft(&spectra, n, -1, self.norm)?.real()?,
        };
        let count = frames.dim(frames.rank() - 2);
        let sum = overlapped(&frames.multiply(&window)?, hop)?;
        let squares = window.square()?.broadcast_to([count, self.n_fft])?;
        let squares = overlapped(&squares, hop)?;
        let x = sum.divide(&squares.maximum(&Array::scalar_of(LEAST, Dtype::F32))?)?;
        let whole = x.dim(x.rank() - 1);
        let margin = if self.center.is_some() {
            self.n_fft / 2
        } else {
            0
        };
        let start = margin.min(whole);
        let wanted = length.unwrap_or(whole.saturating_sub(2 * margin));
        let stop = start.saturating_add(wanted).min(whole);
        let mut widths = vec![(0, 0); x.rank()];
        widths[x.rank() - 1] = (0, wanted - (stop - start));
        let zero = Pad::Constant(Array::scalar(0.0f32));
        x.narrow(-1, start, stop)?.pad(&widths, &zero)
    }
}

/// Frames `[.., frames, n]` added up, each `hop` after the one before.
fn overlapped(frames: &Array, hop: usize) -> Result<Array> {
    let rank = frames.rank();
    let (count, n) = (frames.dim(rank - 2), frames.dim(rank - 1));
    let lead = &frames.shape()[..rank - 2];
    let with = |own: &[usize]| -> Shape { lead.iter().chain(own).copied().collect() };
    if count == 0 {
        return Array::full(with(&[0]), 0.0, frames.dtype());
    }
    // In pieces of a hop, which are added where they fall.
    let pieces = n.div_ceil(hop);
    let zero = Pad::Constant(Array::scalar_of(0.0, frames.dtype()));
    let mut widths = vec![(0, 0); rank];
    widths[rank - 1] = (0, pieces * hop - n);
    let cut = frames.pad(&widths, &zero)?;
    let mut sum: Option<Array> = None;
    for piece in 0..pieces {
        widths[rank - 2] = (piece, pieces - 1 - piece);
        widths[rank - 1] = (0, 0);
        let part = cut.narrow(-1, piece * hop, (piece + 1) * hop)?;
        let part = part.pad(&widths, &zero)?;
        sum = Some(match sum {
            Some(sum) => sum.add(&part)?,
            None => part,
        });
    }
    let sum = sum.unwrap_or(cut);
    let flat = sum.reshape(with(&[(count + pieces - 1) * hop]))?;
    flat.narrow(-1, 0, (count - 1) * hop + n)
}
