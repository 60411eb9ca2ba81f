//! From one row of logits to one token.
//!
//! The order is mlx-lm's: logit bias and penalties on the logits; then temperature 0 takes the largest,
//! else top-p, min-p, XTC, top-k and, last, temperature; then one draw. Filters therefore see the
//! model's own distribution, not the tempered one.
//!
//! The draw is a pure function of (row, seed, position): no generator is carried along, so the same
//! seed gives the same text in any batch, after any restart, and with speculation on or off.

mod filters;
mod params;
mod processors;
mod row;
mod sampler;

pub use params::SamplingParams;
pub use sampler::{Sample, Sampler, Workspace};

/// What can be wrong with sampling parameters or with a row of logits.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A parameter is outside its range.
    #[error("{name}: {value} is out of range; it must be {expected}")]
    Param {
        /// The parameter's name in [`SamplingParams`].
        name: &'static str,
        /// The value that was given.
        value: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// A logit bias names a token that the model does not have.
    #[error("logit_bias: there is no token {token}; the model has tokens 0 to {last}")]
    BiasToken {
        /// The token that was named.
        token: u32,
        /// The largest token of the model.
        last: usize,
    },
    /// The row holds a value that is no logit.
    #[error(
        "logits: {value} for token {token} at position {position}; the model's numbers broke down \
         (a damaged checkpoint, or an overflow in a half-precision layer)"
    )]
    Logit {
        /// NaN or infinity.
        value: f32,
        /// The first token that has it.
        token: usize,
        /// The position of the token that was to be drawn.
        position: u64,
    },
    /// No token is left to choose.
    #[error("logits: no token has a finite logit at position {position}: every token is excluded")]
    NoCandidate {
        /// The position of the token that was to be drawn.
        position: u64,
    },
}

/// The result of this module's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
