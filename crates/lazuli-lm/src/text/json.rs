//! JSON as Python's `json.dumps` writes it, which is what models were trained to see in tool lists.

use std::fmt::Write;

use serde_json::{Number, Value};

/// `json.dumps`' keyword arguments.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) ensure_ascii: bool,
    pub(super) indent: Option<String>,
    pub(super) item_separator: String,
    pub(super) key_separator: String,
    pub(super) sort_keys: bool,
}

impl Style {
    /// Python's defaults for this indent, but with `ensure_ascii` off, as in chat templates.
    pub(super) fn new(indent: Option<String>) -> Self {
        Self {
            ensure_ascii: false,
            item_separator: if indent.is_some() { "," } else { ", " }.to_owned(),
            indent,
            key_separator: ": ".to_owned(),
            sort_keys: false,
        }
    }

    /// `value` as text.
    pub(super) fn write(&self, value: &Value) -> String {
        let mut out = String::new();
        self.value(&mut out, value, 0);
        out
    }

    fn value(&self, out: &mut String, value: &Value, depth: usize) {
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => number_text(out, number),
            Value::String(text) => self.string(out, text),
            Value::Array(items) => {
                self.list(out, ['[', ']'], depth, items, |out, item| {
                    self.value(out, item, depth + 1)
                });
            }
            Value::Object(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                if self.sort_keys {
                    entries.sort_by_key(|(key, _)| *key);
                }
                self.list(out, ['{', '}'], depth, &entries, |out, (key, item)| {
                    self.string(out, key);
                    out.push_str(&self.key_separator);
                    self.value(out, item, depth + 1);
                });
            }
        }
    }

    fn list<T>(
        &self,
        out: &mut String,
        [open, close]: [char; 2],
        depth: usize,
        items: &[T],
        write: impl Fn(&mut String, &T),
    ) {
        out.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.item_separator);
            }
            self.line(out, depth + 1);
            write(out, item);
        }
        if !items.is_empty() {
            self.line(out, depth);
        }
        out.push(close);
    }

    fn line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn string(&self, out: &mut String, text: &str) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                character if character < ' ' || (self.ensure_ascii && character > '~') => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        // Writing to a string does not fail.
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                character => out.push(character),
            }
        }
        out.push('"');
    }
}

fn number_text(out: &mut String, number: &Number) {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) => out.push_str(&float_text(float)),
        None => out.push_str(&number.to_string()),
    }
}

/// A float by Python's `repr`: an exponent has a sign and two digits.
pub(super) fn float_text(float: f64) -> String {
    let text = format!("{float:?}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dumps(style: &Style, json: &str) -> String {
        style.write(&serde_json::from_str(json).unwrap())
    }

    // Expected texts are Python 3's, of `json.dumps(json.loads(text), ensure_ascii=False, ...)`.
    #[test]
    fn plain_text_is_pythons() {
        let json = r#"{"b": [1, 2.0, 1e16, 1e-5, 0.0001, -0.0, 1e100, true, null], "a": {}, "c": [], "<é\"\u0001&'": "\u007f😀"}"#;
        let expected = r#"{"b": [1, 2.0, 1e+16, 1e-05, 0.0001, -0.0, 1e+100, true, null], "a": {}, "c": [], "<é\"\u0001&'": "😀"}"#;
        assert_eq!(
            dumps(&Style::new(None), json),
            expected.replace("\"😀", "\"\u{7f}😀")
        );
    }

    #[test]
    fn indents_sorting_and_ascii_are_pythons() {
        let mut style = Style::new(Some("  ".to_owned()));
        style.sort_keys = true;
        style.ensure_ascii = true;
        assert_eq!(
            dumps(
                &style,
                r#"{"b": [1, {"x": "é😀\u007f"}], "a": [], "c": {}}"#
            ),
            "{\n  \"a\": [],\n  \"b\": [\n    1,\n    {\n      \"x\": \"\\u00e9\\ud83d\\ude00\\u007f\"\n    }\n  ],\n  \"c\": {}\n}"
        );
    }
}
