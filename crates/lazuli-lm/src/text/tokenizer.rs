//! The tokenizer: `tokenizer.json` by the `tokenizers` crate, decoding by our own streaming stages.
//!
//! Special tokens in a text are recognised as such. A text gets its BOS as the model's files say,
//! unless it starts with one already, as rendered chat templates do.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::config::{self, TokenizerConfig};
use super::decode::{self, Stage};
use super::{Detokenizer, Error, Result, file_error, one_line, read_optional, unless_panicking};

const FILE: &str = "tokenizer.json";

/// A model's tokenizer. Cloning is cheap.
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

struct Inner {
    tokenizer: tokenizers::Tokenizer,
    config: TokenizerConfig,
    bos: Option<(u32, String)>,
    vocab_size: usize,
    stages: Vec<Stage>,
}

/// The parts of `tokenizer.json`. Reading them first checks the syntax of the whole file, whose
/// errors the `tokenizers` crate does not all return as values.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Outline {
    model: IgnoredAny,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
}

impl Tokenizer {
    /// The tokenizer of a model folder: `tokenizer.json` and, if it is there, `tokenizer_config.json`.
    ///
    /// # Errors
    /// A missing or broken file, named with the place.
    pub fn load(folder: &Path) -> Result<Self> {
        let in_folder = |error| match error {
            Error::File { file, reason } => {
                file_error(&folder.join(file).display().to_string(), reason)
            }
            error => error,
        };
        let json = read_optional(folder, FILE)?.ok_or_else(|| {
            in_folder(file_error(
                FILE,
                "not found; a model folder needs one (transformers' `save_pretrained` of a fast tokenizer writes it)",
            ))
        })?;
        let config = read_optional(folder, config::FILE)?;
        Self::from_bytes(&json, config.as_deref()).map_err(in_folder)
    }

    /// A tokenizer from the bytes of `tokenizer.json` and `tokenizer_config.json`.
    ///
    /// # Errors
    /// Bytes that are not such files.
    pub fn from_bytes(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Self> {
        let config = config
            .map(TokenizerConfig::from_bytes)
            .transpose()?
            .unwrap_or_default();
        serde_json::from_slice::<Outline>(tokenizer).map_err(|error| file_error(FILE, error))?;
        let loaded = unless_panicking(|| tokenizers::Tokenizer::from_bytes(tokenizer));
        let mut tokenizer = loaded
            .ok_or_else(|| file_error(FILE, "its parts contradict each other"))?
            .map_err(|error| file_error(FILE, error))?;
        // A prompt is never cut or padded in silence.
        let without = tokenizer.with_padding(None).with_truncation(None);
        without.map_err(|error| file_error(FILE, error))?;
        for (id, token) in &config.added_tokens {
            // The crate numbers added tokens itself; one that would get another number stays out.
            if tokenizer.token_to_id(&token.content).is_none()
                && *id as usize == vocab_size(&tokenizer)
            {
                let added = tokenizer.add_tokens([token.clone()]);
                added.map_err(|error| file_error(config::FILE, error))?;
            }
        }
        let bos = match config.special_token("bos_token") {
            Some(token) => tokenizer
                .token_to_id(token)
                .map(|id| (id, token.to_owned())),
            None => first_special(&tokenizer)?,
        };
        Ok(Self(Arc::new(Inner {
            bos,
            vocab_size: vocab_size(&tokenizer),
            stages: decode::stages(tokenizer.get_decoder()),
            tokenizer,
            config,
        })))
    }

    /// What `tokenizer_config.json` says; empty if there is none.
    pub fn config(&self) -> &TokenizerConfig {
        &self.0.config
    }

    /// The tokens of a prompt, with BOS (and what else the model wants around a text).
    ///
    /// # Errors
    /// A text that the tokenizer cannot express (a vocabulary without an unknown token).
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
    pub fn token(&self, id: u32) -> Option<String> {
        self.0.tokenizer.id_to_token(id)
    }

    /// The number of a token, written as in the vocabulary.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.0.tokenizer.token_to_id(token)
    }

    /// The number of a special token by its role (`eos_token`, `pad_token`, …).
    pub fn special_token_id(&self, role: &str) -> Option<u32> {
        self.token_id(self.0.config.special_token(role)?)
    }

    /// Whether a token is a special one, which text normally does not show.
    pub fn is_special(&self, id: u32) -> bool {
        self.token(id)
            .is_some_and(|token| self.is_special_text(&token))
    }

    pub(super) fn is_special_text(&self, token: &str) -> bool {
        self.0
            .tokenizer
            .get_added_vocabulary()
            .is_special_token(token)
    }

    /// One more than the largest token. A model's logits may be longer.
    pub fn vocab_size(&self) -> usize {
        self.0.vocab_size
    }

    pub(super) fn stages(&self) -> Vec<Stage> {
        self.0.stages.clone()
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut tokenizer = f.debug_struct("Tokenizer");
        tokenizer
            .field("vocab_size", &self.0.vocab_size)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>> {
        encode(&self.tokenizer, text, add_special)
    }
}

fn encode(tokenizer: &tokenizers::Tokenizer, text: &str, add_special: bool) -> Result<Vec<u32>> {
    let encoding = unless_panicking(|| tokenizer.encode_fast(text, add_special))
        .ok_or_else(|| Error::Tokenizer("tokenizer.json contradicts itself".to_owned()))?
        .map_err(|error| Error::Tokenizer(one_line(&error.to_string())))?;
    Ok(encoding.get_ids().to_vec())
}

/// The special token that the tokenizer puts before every text, if any.
fn first_special(tokenizer: &tokenizers::Tokenizer) -> Result<Option<(u32, String)>> {
    let Some(&id) = encode(tokenizer, "", true)?.first() else {
        return Ok(None);
    };
    let special = |token: &String| tokenizer.get_added_vocabulary().is_special_token(token);
    Ok(tokenizer
        .id_to_token(id)
        .filter(special)
        .map(|token| (id, token)))
}

fn vocab_size(tokenizer: &tokenizers::Tokenizer) -> usize {
    let largest = tokenizer.get_vocab(true).into_values().max();
    largest.map_or(0, |id| id as usize + 1)
}
