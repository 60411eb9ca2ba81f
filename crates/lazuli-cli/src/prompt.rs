//! From what a user gives to the tokens of a prompt.

use std::io::{self, IsTerminal, Read};

use anyhow::Context;
use lazuli::lm::engine::LanguageModel;
use lazuli::lm::text::ChatOptions;
use serde_json::{Map, Value, json};

use crate::failure::usage;

/// `\n`, `\t` and `\\` as the characters that they stand for; other backslashes stay.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let meant = match (c, chars.peek()) {
            ('\\', Some('n')) => '\n',
            ('\\', Some('t')) => '\t',
            ('\\', Some('\\')) => '\\',
            _ => {
                out.push(c);
                continue;
            }
        };
        out.push(meant);
        chars.next();
    }
    out
}

/// The prompt that `--prompt` gives, or else stdin, as it is.
pub(crate) fn read(argument: Option<&str>) -> anyhow::Result<String> {
    let text = match argument {
        Some("-") => read_stdin()?,
        Some(text) => unescape(text),
        None if io::stdin().is_terminal() => {
            return Err(usage(
                "no prompt: give one with --prompt TEXT, or pipe one in (try `lazuli generate --help`)",
            ));
        }
        None => read_stdin()?,
    };
    match text.is_empty() {
        true => Err(usage("the prompt is empty: there is nothing to continue")),
        false => Ok(text),
    }
}

fn read_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    io::stdin()
        .read_to_end(&mut bytes)
        .context("cannot read stdin")?;
    utf8(bytes)
}

/// What came from stdin as text.
pub(crate) fn utf8(bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow::anyhow!("stdin is not UTF-8 text: byte {} does not fit", at + 1)
    })
}

/// One message of a conversation.
pub(crate) fn message(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// The tokens of a conversation, ready for the reply. `variables` are the template's own.
pub(crate) fn of_messages(
    lm: &LanguageModel,
    messages: &[Value],
    variables: &Map<String, Value>,
) -> anyhow::Result<Vec<u32>> {
    let options = ChatOptions {
        variables: variables.clone(),
        ..ChatOptions::default()
    };
    let text = lm.template()?.render(messages, &options)?;
    // The template writes every special token itself.
    Ok(lm.tokenizer.encode_plain(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_escapes_are_understood_and_others_kept() {
        assert_eq!(unescape(r"a\nb\tc"), "a\nb\tc");
        assert_eq!(unescape(r"C:\\new \d \"), r"C:\new \d \");
        assert_eq!(unescape(r"\\n"), r"\n");
    }

    #[test]
    fn wrong_bytes_are_counted_from_one() {
        let error = utf8(b"ab\xff".to_vec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "stdin is not UTF-8 text: byte 3 does not fit"
        );
    }
}
