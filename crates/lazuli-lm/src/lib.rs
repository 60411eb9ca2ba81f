//! The language-model engine.

pub mod config;
pub mod sample;
pub mod text;
