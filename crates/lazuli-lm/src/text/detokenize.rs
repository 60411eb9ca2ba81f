//! Tokens to text, as they come.

use super::decode::{self, Stage};
use super::{Result, Tokenizer};

/// Turns one sequence's tokens into text that is final when it is handed out.
///
/// The pieces joined are the text that [`Tokenizer::decode`] gives for all tokens. To continue a
/// prompt's last word, push the prompt's tokens first and drop what they give.
pub struct Detokenizer {
    tokenizer: Tokenizer,
    stages: Vec<Stage>,
    skip_special: bool,
}

impl Detokenizer {
    /// A detokenizer at the start of a text. `skip_special` leaves special tokens out.
    pub fn new(tokenizer: &Tokenizer, skip_special: bool) -> Self {
        Self {
            stages: tokenizer.stages(),
            tokenizer: tokenizer.clone(),
            skip_special,
        }
    }

    /// The text that became final with `token`; often empty.
    ///
    /// # Errors
    /// A decoder pattern that cannot be applied.
    pub fn push(&mut self, token: u32) -> Result<String> {
        let Some(text) = self.tokenizer.token(token) else {
            return Ok(String::new());
        };
        if self.skip_special && self.tokenizer.is_special(token) {
            return Ok(String::new());
        }
        decode::push(&mut self.stages, text.to_owned())
    }

    /// Ends the text: what was still held back. The next token starts a new text.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self) -> Result<String> {
        let rest = decode::finish(&mut self.stages);
        self.stages = self.tokenizer.stages();
        rest
    }
}
