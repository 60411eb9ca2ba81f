//! A conversation as a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use lazuli::io::Staging;
use serde_json::{Value, json};

/// Writes the messages, as JSON if the file is called so, else as Markdown. The file appears whole.
pub(super) fn save(messages: &[Value], file: &Path) -> Result<()> {
    let json = file
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let text = match json {
        true => format!("{:#}\n", json!({ "messages": messages })),
        false => markdown(messages),
    };
    let staging = Staging::file(file)?;
    fs::write(staging.path(), text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(staging.commit()?)
}

fn markdown(messages: &[Value]) -> String {
    let part = |message: &Value| {
        let text = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("## {}\n\n{}\n", text("role"), text("content").trim_end())
    };
    messages.iter().map(part).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::message;

    #[test]
    fn the_name_says_the_form() {
        let folder = tempfile::tempdir().unwrap();
        let messages = [message("user", "a\n"), message("assistant", "b")];
        let saved = |name: &str| {
            let file = folder.path().join(name);
            save(&messages, &file).unwrap();
            fs::read_to_string(file).unwrap()
        };
        assert_eq!(saved("x.md"), "## user\n\na\n\n## assistant\n\nb\n");
        let json: Value = serde_json::from_str(&saved("x.JSON")).unwrap();
        assert_eq!(json, json!({ "messages": messages }));
    }
}
