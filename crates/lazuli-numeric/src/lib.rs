//! Fourier transforms and dense decompositions over plain slices.
//!
//! A leaf: it knows nothing of arrays, graphs or threads, so that what depends on `rustfft` and `faer`
//! is compiled once and only where it is wanted. Not chosen: LAPACK and FFTW, which need a toolkit to
//! build; writing these ourselves, which is a field of its own. The price is some seventy crates.
#![forbid(unsafe_code)]

pub mod dense;
pub mod fft;
