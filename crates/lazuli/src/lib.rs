//! Lazuli: arrays and language models, in one crate.
//!
//! The crates below stand on their own; this one is what a program depends on. It names them as
//! modules, and gives the core, which knows no backend, the CPU. Not chosen: registering a backend
//! before `main`, which hides a wrong `LAZULI_CPU` until the first operation and cannot report it.
//! The price is one call:
//!
//! ```
//! use lazuli::prelude::*;
//!
//! lazuli::init()?;
//! let x = Array::from_slice(&[1.0f32, 2.0, 3.0], [3])?;
//! assert_eq!((&x + &x).to_vec::<f32>()?, [2.0, 4.0, 6.0]);
//! # Ok::<(), lazuli::Error>(())
//! ```
#![forbid(unsafe_code)]

mod init;
pub mod prelude;

pub use lazuli_core as core;
pub use lazuli_core::{fft, linalg, random};
pub use lazuli_cpu as cpu;
pub use lazuli_io as io;
pub use lazuli_lm as lm;
pub use lazuli_nn as nn;

pub use init::{init, init_with};
pub use lazuli_core::{Array, Device, Dtype, Error, Result, Shape, Tree, array};
/// `#[derive(Tree)]`: see [`lazuli_core::tree`].
pub use lazuli_derive::Tree;

/// The programs of the README and of the guide, which must keep working.
#[cfg(doctest)]
mod pages {
    macro_rules! pages {
        ($($name:ident $path:literal;)*) => {$(
            #[doc = include_str!($path)]
            struct $name;
        )*};
    }

    pages! {
        Readme "../../../README.md";
        Arrays "../../../docs/guide/arrays.md";
        Compile "../../../docs/guide/compile.md";
        Devices "../../../docs/guide/devices.md";
        Files "../../../docs/guide/files.md";
        Indexing "../../../docs/guide/indexing.md";
        Laziness "../../../docs/guide/laziness.md";
        Random "../../../docs/guide/random.md";
        Transforms "../../../docs/guide/transforms.md";
    }
}
