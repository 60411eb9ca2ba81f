//! The language-model engine: from a checkpoint to text.
//!
//! `config` reads what a model is, `weights` and `model` build it from a checkpoint, `cache` holds what
//! it remembers, `text` and `sample` stand at either end, `engine` runs the loop between them.
//!
//! Not chosen: a file of code per model family. Families differ by data (a config, a table row), so one
//! decoder serves them all; the price is that a family which does not fit the blocks needs a new block,
//! not a copy of a file.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod cache;
pub mod config;
pub mod convert;
pub mod engine;
pub mod error;
pub mod model;
pub mod sample;
pub mod text;
pub mod weights;

pub use error::{Error, Result};
