//! From a prompt to text: prefill, decode, sampling, stop conditions.
//!
//! A [`Session`] is one sequence with its cache. It keeps what it has computed: a prompt that continues
//! the tokens of the last call is fed from where it differs. Prompts run in steps that end at multiples
//! of the prefill step, which is a multiple of 64, so where a prompt is cut does not change a bit
//! (design, section 5).

mod language_model;
mod session;

pub use language_model::{Files, LanguageModel};
pub use session::{Event, FinishReason, GenerateOptions, Generation, Session};
