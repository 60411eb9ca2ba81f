//! Which tokens end a sequence.
//!
//! `generation_config.json` overrides `config.json`, and the tokenizer's own EOS always counts: chat
//! models are published whose config names only the end of a document, not that of a turn.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Result, Tokenizer, file_error, json_object, read_optional};

/// The end-of-sequence tokens of a model, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EosSet(Vec<u32>);

impl EosSet {
    /// The set that a model folder's files name.
    ///
    /// # Errors
    /// A file that cannot be read, or an `eos_token_id` that is no token number or list of them.
    pub fn load(folder: &Path, tokenizer: &Tokenizer) -> Result<Self> {
        let config = read_optional(folder, "config.json")?;
        let generation = read_optional(folder, "generation_config.json")?;
        Self::from_bytes(config.as_deref(), generation.as_deref(), tokenizer)
    }

    /// The set from the bytes of `config.json` and `generation_config.json`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(
        config: Option<&[u8]>,
        generation_config: Option<&[u8]>,
        tokenizer: &Tokenizer,
    ) -> Result<Self> {
        let read = |file: &str, bytes: Option<&[u8]>| match bytes {
            Some(bytes) => eos_tokens(file, &json_object(file, bytes)?),
            None => Ok(None),
        };
        let tokens = match read("generation_config.json", generation_config)? {
            Some(tokens) => tokens,
            None => read("config.json", config)?.unwrap_or_default(),
        };
        Ok(Self::default()
            .with(tokens)
            .with(tokenizer.special_token_id("eos_token")?))
    }

    /// The set with more tokens.
    #[must_use]
    pub fn with(mut self, tokens: impl IntoIterator<Item = u32>) -> Self {
        self.0.extend(tokens);
        self.0.sort_unstable();
        self.0.dedup();
        self
    }

    /// Whether `token` ends the sequence.
    pub fn contains(&self, token: u32) -> bool {
        self.0.contains(&token)
    }

    /// The tokens, in ascending order.
    pub fn tokens(&self) -> &[u32] {
        &self.0
    }
}

/// `eos_token_id` of a config, or of its `text_config`; none if it is absent or null.
fn eos_tokens(file: &str, config: &Map<String, Value>) -> Result<Option<Vec<u32>>> {
    let own = config.get("eos_token_id").filter(|value| !value.is_null());
    let Some(value) = own.or_else(|| config.get("text_config")?.get("eos_token_id")) else {
        return Ok(None);
    };
    let token = |value: &Value| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| {
            file_error(
                file,
                format_args!(
                    "eos_token_id: {value} is no token number; it must be one, or a list of them"
                ),
            )
        })
    };
    match value {
        Value::Null => Ok(None),
        Value::Array(values) => values.iter().map(token).collect::<Result<_>>().map(Some),
        value => token(value).map(|token| Some(vec![token])),
    }
}
