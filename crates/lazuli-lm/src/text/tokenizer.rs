//! The tokenizer: encoding by the `tokenizers` crate, decoding by our own table and streaming stages.
//!
//! Special tokens in a text are recognised as such. A text gets its BOS as the model's files say,
//! unless it starts with one already, as rendered chat templates do.

use std::path::Path;
use std::sync::Arc;

use super::config::{self, TokenizerConfig};
use super::decode::{self, Stage};
use super::encoder::{self, Encoder, Source};
use super::vocabulary::Vocabulary;
use super::{Detokenizer, Error, Result, file_error, read_optional};

/// A model's tokenizer. Cloning is cheap.
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

struct Inner {
    encoder: Encoder,
    vocabulary: Vocabulary,
    config: TokenizerConfig,
    bos: Option<(u32, String)>,
    stages: Vec<Stage>,
}

impl Tokenizer {
    /// The tokenizer of a model folder: `tokenizer.json` and, if it is there, `tokenizer_config.json`.
    ///
    /// # Errors
    /// A missing or broken file, named with the place.
    pub fn load(folder: &Path) -> Result<Self> {
        let (source, file) = Source::read(folder)?;
        let config = read_optional(folder, config::FILE)?;
        Self::new(source, &file, config.as_deref()).map_err(|error| match error {
            Error::File { file, reason } => {
                file_error(&folder.join(file).display().to_string(), reason)
            }
            error => error,
        })
    }

    /// A tokenizer from the bytes of `tokenizer.json` and `tokenizer_config.json`.
    ///
    /// # Errors
    /// Bytes that are not such files.
    pub fn from_bytes(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Self> {
        Self::new(Source::Nowhere, tokenizer, config)
    }

    /// As [`from_bytes`](Self::from_bytes), from bytes that are part of the program, so that
    /// [`release_encoder`](Self::release_encoder) has an effect.
    ///
    /// # Errors
    /// Bytes that are not such files.
    pub fn from_static(tokenizer: &'static [u8], config: Option<&[u8]>) -> Result<Self> {
        Self::new(Source::Static(tokenizer), tokenizer, config)
    }

    fn new(source: Source, file: &[u8], config: Option<&[u8]>) -> Result<Self> {
        let config = config
            .map(TokenizerConfig::from_bytes)
            .transpose()?
            .unwrap_or_default();
        let encoder = Encoder::new(source, file, &config)?;
        let tokenizer = encoder.get(&config)?;
        let bos = match config.special_token("bos_token") {
            Some(token) => tokenizer
                .token_to_id(token)
                .map(|id| (id, token.to_owned())),
            None => first_special(&tokenizer)?,
        };
        Ok(Self(Arc::new(Inner {
            bos,
            vocabulary: Vocabulary::of(&tokenizer)?,
            stages: decode::stages(tokenizer.get_decoder()),
            encoder,
            config,
        })))
    }

    /// Gives up the tables that only encoding needs (some 35 MB for 150,000 tokens). The next text that is
    /// encoded makes them again, from the model folder's file or the program's; decoding goes on without.
    /// A tokenizer [from lent bytes](Self::from_bytes) keeps its tables.
    pub fn release_encoder(&self) {
        self.0.encoder.release();
    }

    /// What `tokenizer_config.json` says; empty if there is none.
    pub fn config(&self) -> &TokenizerConfig {
        &self.0.config
    }

    /// The tokens of a prompt, with BOS (and what else the model wants around a text).
    ///
    /// # Errors
    /// A text that the tokenizer cannot express (a vocabulary without an unknown token); after
    /// [`release_encoder`](Self::release_encoder), a file that is gone or was changed.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let Some((bos, bos_text)) = &self.0.bos else {
            return self.0.encode(text, true);
        };
        if !bos_text.is_empty() && text.starts_with(bos_text.as_str()) {
            return self.0.encode(text, false);
        }
        let mut tokens = self.0.encode(text, true)?;
        let present = tokens.first() == Some(bos);
        match self.0.config.add_bos_token {
            Some(true) if !present => tokens.insert(0, *bos),
            Some(false) if present => drop(tokens.remove(0)),
            _ => {}
        }
        Ok(tokens)
    }

    /// The tokens of a text as it is, with nothing put around it.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        self.0.encode(text, false)
    }

    /// The text of `tokens`. Numbers that are no token (a padded vocabulary has some) give no text.
    ///
    /// # Errors
    /// A decoder pattern that cannot be applied.
    pub fn decode(&self, tokens: &[u32], skip_special: bool) -> Result<String> {
        let mut detokenizer = Detokenizer::new(self, skip_special);
        let mut text = String::new();
        for &token in tokens {
            text.push_str(&detokenizer.push(token)?);
        }
        text.push_str(&detokenizer.finish()?);
        Ok(text)
    }

    /// A token as the vocabulary writes it (`Ġthe`, `▁the`), which need not be text.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.0.vocabulary.text(id)
    }

    /// The number of a token, written as in the vocabulary.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), whose tables it looks at.
    pub fn token_id(&self, token: &str) -> Result<Option<u32>> {
        let tokenizer = self.0.encoder.get(&self.0.config)?;
        Ok(tokenizer.token_to_id(token))
    }

    /// The number of a special token by its role (`eos_token`, `pad_token`, …).
    ///
    /// # Errors
    /// As [`token_id`](Self::token_id).
    pub fn special_token_id(&self, role: &str) -> Result<Option<u32>> {
        match self.0.config.special_token(role) {
            Some(token) => self.token_id(token),
            None => Ok(None),
        }
    }

    /// Whether a token is a special one, which text normally does not show.
    pub fn is_special(&self, id: u32) -> bool {
        self.0.vocabulary.is_special(id)
    }

    /// One more than the largest token. A model's logits may be longer.
    pub fn vocab_size(&self) -> usize {
        self.0.vocabulary.size()
    }

    pub(super) fn stages(&self) -> Vec<Stage> {
        self.0.stages.clone()
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut tokenizer = f.debug_struct("Tokenizer");
        tokenizer
            .field("vocab_size", &self.vocab_size())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>> {
        encoder::encode(&*self.encoder.get(&self.config)?, text, add_special)
    }
}

/// The special token that the tokenizer puts before every text, if any.
fn first_special(tokenizer: &tokenizers::Tokenizer) -> Result<Option<(u32, String)>> {
    let Some(&id) = encoder::encode(tokenizer, "", true)?.first() else {
        return Ok(None);
    };
    let special = |token: &String| tokenizer.get_added_vocabulary().is_special_token(token);
    Ok(tokenizer
        .id_to_token(id)
        .filter(special)
        .map(|token| (id, token)))
}
