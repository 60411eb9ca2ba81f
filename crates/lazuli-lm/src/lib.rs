//! The language-model engine.

pub mod blocks;
pub mod cache;
pub mod config;
pub mod convert;
pub mod model;
pub mod sample;
pub mod text;
pub mod weights;
