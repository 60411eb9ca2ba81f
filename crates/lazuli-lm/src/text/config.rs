//! `tokenizer_config.json`: special tokens, added tokens, and where chat templates may be.
//!
//! `clean_up_tokenization_spaces` is not read: it makes " ." of the model's text into ".", which
//! damages code, and text that is sent back in the next turn would no longer give the same tokens.

use serde_json::{Map, Value};

use super::{Result, file_error, json_object};

pub(super) const FILE: &str = "tokenizer_config.json";

/// What `tokenizer_config.json` says.
#[derive(Debug, Clone, Default)]
pub struct TokenizerConfig {
    special_tokens: Vec<(String, String)>,
    pub(super) added_tokens: Vec<(u32, tokenizers::AddedToken)>,
    pub(super) add_bos_token: Option<bool>,
    pub(super) chat_template: Option<Value>,
}

impl TokenizerConfig {
    /// Reads the bytes of a `tokenizer_config.json`.
    ///
    /// # Errors
    /// Bytes that are no JSON object, or added tokens without a number or text.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut config = json_object(FILE, bytes)?;
        let mut added_tokens = Vec::new();
        if let Some(Value::Object(entries)) = config.get("added_tokens_decoder") {
            for (id, entry) in entries {
                added_tokens.push(added_token(id, entry)?);
            }
            added_tokens.sort_by_key(|(id, _)| *id);
        }
        Ok(Self {
            special_tokens: special_tokens(&config),
            added_tokens,
            add_bos_token: config.get("add_bos_token").and_then(Value::as_bool),
            chat_template: config.remove("chat_template"),
        })
    }

    /// A special token's text by its role: `bos_token`, `eos_token`, `pad_token`, and so on.
    pub fn special_token(&self, role: &str) -> Option<&str> {
        let mut tokens = self.special_tokens();
        tokens.find_map(|(name, token)| (name == role).then_some(token))
    }

    /// All special tokens as (role, text); templates see them as variables.
    pub fn special_tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        let tokens = self.special_tokens.iter();
        tokens.map(|(role, token)| (role.as_str(), token.as_str()))
    }
}

/// Every `*_token` that is a string or an object with `content`, and the named extra ones.
fn special_tokens(config: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| {
        let content = value.get("content").unwrap_or(value);
        content.as_str().map(str::to_owned)
    };
    let own = config.iter().filter(|(role, _)| role.ends_with("_token"));
    let extra = config
        .get("extra_special_tokens")
        .and_then(Value::as_object);
    own.chain(extra.into_iter().flatten())
        .filter_map(|(role, value)| Some((role.clone(), text(value)?)))
        .collect()
}

fn added_token(id: &str, entry: &Value) -> Result<(u32, tokenizers::AddedToken)> {
    let wrong = |what: &str| {
        file_error(
            FILE,
            format_args!("added_tokens_decoder: entry `{id}` has no {what}"),
        )
    };
    let number = id.parse().map_err(|_| wrong("number as its key"))?;
    let content = entry["content"]
        .as_str()
        .ok_or_else(|| wrong("`content`"))?;
    let flag = |name: &str| entry[name].as_bool();
    let special = flag("special").unwrap_or(false);
    let token = tokenizers::AddedToken::from(content, special)
        .single_word(flag("single_word").unwrap_or(false))
        .lstrip(flag("lstrip").unwrap_or(false))
        .rstrip(flag("rstrip").unwrap_or(false))
        .normalized(flag("normalized").unwrap_or(!special));
    Ok((number, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_tokens_are_strings_or_objects_and_null_is_none() {
        let json = br#"{"bos_token": null, "eos_token": {"content": "</s>", "lstrip": false},
            "pad_token": "<pad>", "add_bos_token": true, "extra_special_tokens": {"image_token": "<img>"}}"#;
        let config = TokenizerConfig::from_bytes(json).unwrap();
        assert_eq!(config.special_token("bos_token"), None);
        assert_eq!(config.special_token("eos_token"), Some("</s>"));
        assert_eq!(config.special_token("pad_token"), Some("<pad>"));
        assert_eq!(config.special_token("image_token"), Some("<img>"));
        assert_eq!(config.add_bos_token, Some(true));
    }

    #[test]
    fn broken_files_are_named_in_one_line() {
        for bytes in [
            &b"{\n\"a\": \n"[..],
            b"[]",
            br#"{"added_tokens_decoder": {"x": {}}}"#,
        ] {
            let message = TokenizerConfig::from_bytes(bytes).unwrap_err().to_string();
            assert!(message.starts_with("tokenizer_config.json: "), "{message}");
            assert!(!message.contains('\n'));
        }
    }
}
