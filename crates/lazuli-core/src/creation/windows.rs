//! Window functions of signal processing, `float32`, computed in `f64`.

use std::f64::consts::PI;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;

/// `f` at `len` evenly spaced points from 0 through 1; one point alone is 1.
fn window(len: usize, f: impl Fn(&Array) -> Result<Array>) -> Result<Array> {
    if len == 1 {
        return Array::ones([1], Dtype::F32);
    }
    f(&Array::linspace(0.0, 1.0, len, Dtype::F64)?)?.astype(Dtype::F32)
}

/// `Σ weights[k] · cos(2πkx)`.
fn cosines(x: &Array, weights: &[f64]) -> Result<Array> {
    let mut sum = Array::scalar(0.0f64);
    for (k, &weight) in weights.iter().enumerate() {
        let wave = x.multiply(&Array::scalar(2.0 * PI * k as f64))?.cos()?;
        sum = sum.add(&wave.multiply(&Array::scalar(weight))?)?;
    }
    Ok(sum)
}

impl Array {
    /// The Hann window: `½ − ½ cos(2πx)`.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when it is too long.
    pub fn hanning(len: usize) -> Result<Array> {
        window(len, |x| cosines(x, &[0.5, -0.5]))
    }

    /// The Hamming window: `0.54 − 0.46 cos(2πx)`.
    ///
    /// # Errors
    /// As [`Array::hanning`].
    pub fn hamming(len: usize) -> Result<Array> {
        window(len, |x| cosines(x, &[0.54, -0.46]))
    }

    /// The Blackman window: `0.42 − ½ cos(2πx) + 0.08 cos(4πx)`.
    ///
    /// # Errors
    /// As [`Array::hanning`].
    pub fn blackman(len: usize) -> Result<Array> {
        window(len, |x| cosines(x, &[0.42, -0.5, 0.08]))
    }

    /// The Bartlett window, a triangle: `1 − |2x − 1|`.
    ///
    /// # Errors
    /// As [`Array::hanning`].
    pub fn bartlett(len: usize) -> Result<Array> {
        let one = Array::scalar(1.0f64);
        window(len, |x| {
            let centred = x.multiply(&Array::scalar(2.0f64))?.subtract(&one)?;
            one.subtract(&centred.abs()?)
        })
    }
}
