//! The language-model engine.

pub mod sample;
pub mod text;
