//! Fourier transforms, between real arrays.

use lazuli_core::Array;
use lazuli_core::fft::{Norm, ShortTime, irfft, irfftn, rfft, rfftn};

use super::{Case, of};

pub(super) fn functions() -> Vec<Case> {
    let norm = Norm::Ortho;
    vec![
        (
            "rfft",
            of(move |x| {
                let filter = Array::from_slice(&[1.0f32, 0.5, 2.0, -1.0], [4])?;
                let y = rfft(&x[0].square()?, Some(6), 1, norm)?;
                irfft(&y.multiply(&filter)?, Some(5), 1, norm)
            }),
            vec![vec![3, 4]],
        ),
        (
            "istft of stft",
            of(move |x| {
                let mut frames = ShortTime::new(4);
                frames.window = Some(Array::from_slice(&[0.5f32, 1.0, 0.7], [3])?);
                let spectra = frames.transform(&x[0].square()?)?;
                frames.hop_length = Some(2);
                frames.inverse(&spectra, Some(7))
            }),
            vec![vec![9]],
        ),
        (
            "rfftn",
            of(move |x| {
                let y = rfftn(&x[0], None, Some(&[0, 1]), norm)?;
                irfftn(&y, Some(&[4, 3]), Some(&[1, 0]), norm)
            }),
            vec![vec![3, 4]],
        ),
    ]
}
