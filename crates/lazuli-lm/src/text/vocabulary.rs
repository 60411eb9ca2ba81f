//! Tokens as text: all that answering needs of a tokenizer.
//!
//! One run of bytes and two numbers a token, beside which the tables of the `tokenizers` crate take
//! ten times as much: they are for encoding, and may be gone. Sorted by number and not indexed by it,
//! because a file may number its tokens as it likes.

use super::encoder::{self, vocab_size};
use super::{Result, file_error};

/// The texts of tokens.
pub(super) struct Vocabulary {
    texts: Box<str>,
    /// In ascending order.
    ids: Box<[u32]>,
    /// Where in `texts` the token at the same place of `ids` ends; the next one starts there.
    ends: Box<[u32]>,
    /// Of special tokens, in ascending order.
    special: Box<[u32]>,
    size: usize,
}

impl Vocabulary {
    /// All tokens of `tokenizer`, those that were added to it among them.
    ///
    /// # Errors
    /// Texts of more than 4 GiB.
    pub(super) fn of(tokenizer: &tokenizers::Tokenizer) -> Result<Vocabulary> {
        let mut ids: Vec<u32> = tokenizer.get_vocab(true).into_values().collect();
        // A text that a vocabulary has twice has one number there, but both numbers have the text.
        ids.extend(0..u32::try_from(tokenizer.get_vocab_size(false)).unwrap_or(u32::MAX));
        ids.sort_unstable();
        ids.dedup();
        let added = tokenizer.get_added_vocabulary();
        let (mut texts, mut ends, mut special) = (String::new(), Vec::new(), Vec::new());
        let mut named = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(text) = tokenizer.id_to_token(id) else {
                continue;
            };
            texts.push_str(&text);
            named.push(id);
            ends.push(u32::try_from(texts.len()).map_err(|_| {
                file_error(encoder::FILE, "its tokens take more than 4 GiB together")
            })?);
            if added.is_special_token(&text) {
                special.push(id);
            }
        }
        Ok(Vocabulary {
            texts: texts.into_boxed_str(),
            ids: named.into(),
            ends: ends.into(),
            special: special.into(),
            size: vocab_size(tokenizer),
        })
    }

    /// The token's text, if there is such a token.
    pub(super) fn text(&self, id: u32) -> Option<&str> {
        let at = self.ids.binary_search(&id).ok()?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.texts[start as usize..self.ends[at] as usize])
    }

    /// Whether the token is a special one.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.special.binary_search(&id).is_ok()
    }

    /// One more than the largest token of a text.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}
