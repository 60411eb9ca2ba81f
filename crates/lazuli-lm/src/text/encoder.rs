//! The `tokenizers` crate's tokenizer, which can be given up and made again.
//!
//! Its hash tables of strings take several times the size of their file, and a program that has encoded
//! its prompt does not look at them again. Not chosen: mapping the file to make them from, whose pages
//! would stay in memory where a file that is read is gone.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::config::{self, TokenizerConfig};
use super::{Error, Result, file_error, one_line, read_optional, unless_panicking};

pub(super) const FILE: &str = "tokenizer.json";

/// What encodes.
pub(super) struct Encoder {
    source: Source,
    /// None while it is given up.
    made: Mutex<Option<Arc<tokenizers::Tokenizer>>>,
}

/// Where the bytes of `tokenizer.json` can be had again.
pub(super) enum Source {
    /// In a model folder; with the bytes' hash, because files change.
    Folder(PathBuf, u64),
    /// In the program.
    Static(&'static [u8]),
    /// They were lent.
    Nowhere,
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

impl Source {
    /// The bytes of the file in `folder`, and where they are from.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub(super) fn read(folder: &Path) -> Result<(Source, Vec<u8>)> {
        let bytes = read_optional(folder, FILE)?.ok_or_else(|| {
            file_error(
                &folder.join(FILE).display().to_string(),
                "not found; a model folder needs one (transformers' `save_pretrained` of a fast tokenizer writes it)",
            )
        })?;
        let source = Source::Folder(folder.to_owned(), hash(&bytes));
        Ok((source, bytes))
    }
}

impl Encoder {
    /// From `file`, the bytes of `tokenizer.json`, with the added tokens of `config`.
    ///
    /// # Errors
    /// Bytes that are no such file.
    pub(super) fn new(source: Source, file: &[u8], config: &TokenizerConfig) -> Result<Encoder> {
        let made = Mutex::new(Some(Arc::new(make(file, config)?)));
        Ok(Encoder { source, made })
    }

    /// The tokenizer, made again if it was given up. `config` is what it was made with.
    ///
    /// # Errors
    /// A file that is gone or was changed meanwhile.
    pub(super) fn get(&self, config: &TokenizerConfig) -> Result<Arc<tokenizers::Tokenizer>> {
        // Locked while it is made, so that it is made once.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(tokenizer) => Ok(tokenizer.clone()),
            None => Ok(made.insert(Arc::new(self.make_again(config)?)).clone()),
        }
    }

    fn make_again(&self, config: &TokenizerConfig) -> Result<tokenizers::Tokenizer> {
        match &self.source {
            Source::Static(file) => make(file, config),
            Source::Folder(folder, hashed) => {
                let (_, file) = Source::read(folder)?;
                if hash(&file) != *hashed {
                    let file = folder.join(FILE).display().to_string();
                    return Err(file_error(&file, "it changed after the model was loaded"));
                }
                make(&file, config)
            }
            Source::Nowhere => unreachable!("`release` keeps what cannot be made again"),
        }
    }

    /// Gives the tables up until they are asked for, if they can be made again then.
    pub(super) fn release(&self) {
        if !matches!(self.source, Source::Nowhere) {
            *self.made.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn make(file: &[u8], config: &TokenizerConfig) -> Result<tokenizers::Tokenizer> {
    serde_json::from_slice::<Outline>(file).map_err(|error| file_error(FILE, error))?;
    let loaded = unless_panicking(|| tokenizers::Tokenizer::from_bytes(file));
    let mut tokenizer = loaded
        .ok_or_else(|| file_error(FILE, "its parts contradict each other"))?
        .map_err(|error| file_error(FILE, error))?;
    // A prompt is never cut or padded in silence.
    let without = tokenizer.with_padding(None).with_truncation(None);
    without.map_err(|error| file_error(FILE, error))?;
    for (id, token) in &config.added_tokens {
        // The crate numbers added tokens itself; one that would get another number stays out.
        if tokenizer.token_to_id(&token.content).is_none() && *id as usize == vocab_size(&tokenizer)
        {
            let added = tokenizer.add_tokens([token.clone()]);
            added.map_err(|error| file_error(config::FILE, error))?;
        }
    }
    Ok(tokenizer)
}

/// One more than the largest token.
pub(super) fn vocab_size(tokenizer: &tokenizers::Tokenizer) -> usize {
    let largest = tokenizer.get_vocab(true).into_values().max();
    largest.map_or(0, |id| id as usize + 1)
}

/// The tokens of `text`.
pub(super) fn encode(
    tokenizer: &tokenizers::Tokenizer,
    text: &str,
    add_special: bool,
) -> Result<Vec<u32>> {
    let encoding = unless_panicking(|| tokenizer.encode_fast(text, add_special))
        .ok_or_else(|| Error::Tokenizer("tokenizer.json contradicts itself".to_owned()))?
        .map_err(|error| Error::Tokenizer(one_line(&error.to_string())))?;
    Ok(encoding.get_ids().to_vec())
}
