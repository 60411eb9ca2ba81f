//! The Jinja that Hugging Face's chat templates are written in, on minijinja.
//!
//! What published templates use: Python's string and dict methods, `tojson` as `json.dumps`,
//! `raise_exception`, loop controls, `generation` blocks (rendered as if they were not there) and
//! trimmed blocks. An instruction budget ends templates that loop for ever. It does not bound memory:
//! a template that keeps doubling a string or nesting a list can exhaust the heap or the stack, so a
//! template must come from a model that one would run, never from a request.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, ErrorKind, Value as Jinja};

use super::json::{Style, float_text};
use super::{Error, Result, one_line, unless_panicking};

/// Instructions that one rendering may take: ten thousand messages take a fifth of it.
const FUEL: u64 = 10_000_000;
/// The environment that chat templates are written for.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    // Only delimiters can be wrong, and these are the default ones.
    if let Ok(syntax) = syntax.trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|out, _, value| Ok(out.write_str(&text(value))?));
    environment.add_filter("string", |value: Jinja| text(&value));
    environment.add_filter("tojson", tojson);
    environment.add_filter("indent", indent);
    // `tools is iterable` must not hold for none.
    environment.add_test("iterable", |value: &Jinja| {
        !value.is_none() && value.try_iter().is_ok()
    });
    environment.add_function(
        "raise_exception",
        |message: Jinja| -> Result<Jinja, minijinja::Error> {
            Err(minijinja::Error::new(
                ErrorKind::InvalidOperation,
                message.to_string(),
            ))
        },
    );
    environment
}

/// `value` as Python's `str` writes it.
fn text(value: &Jinja) -> String {
    if value.is_number()
        && !value.is_integer()
        && let Ok(float) = f64::try_from(value.clone())
    {
        return float_text(float);
    }
    value.to_string()
}

/// `indent(width=4, first=False, blank=False)`, as in Jinja: a final line break stays.
fn indent(
    text: &str,
    width: Option<Jinja>,
    first: Option<bool>,
    blank: Option<bool>,
    named: Kwargs,
) -> Result<String, minijinja::Error> {
    let width = match width.map_or_else(
        || named.get::<Option<Jinja>>("width"),
        |width| Ok(Some(width)),
    )? {
        Some(width) if width.as_str().is_some() => width.to_string(),
        Some(width) => spaces(&width)?,
        None => spaces(&4.into())?,
    };
    let first = first.or(named.get("first")?).unwrap_or(false);
    let blank = blank.or(named.get("blank")?).unwrap_or(false);
    named.assert_all_used()?;
    let mut out = String::with_capacity(text.len());
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let shown = if i == 0 {
            first
        } else {
            blank || !line.trim_end_matches('\r').is_empty()
        };
        if shown {
            out.push_str(&width);
        }
        out.push_str(line);
    }
    Ok(out)
}

/// `count` spaces, within reason.
fn spaces(count: &Jinja) -> Result<String, minijinja::Error> {
    match usize::try_from(count.clone())? {
        count @ 0..=64 => Ok(" ".repeat(count)),
        count => Err(minijinja::Error::new(
            ErrorKind::InvalidOperation,
            format!("an indent of {count} is above 64"),
        )),
    }
}

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, as in transformers.
fn tojson(
    value: Jinja,
    ensure_ascii: Option<Jinja>,
    indent: Option<Jinja>,
    separators: Option<Jinja>,
    named: Kwargs,
) -> Result<String, minijinja::Error> {
    let wrong = |what: String| minijinja::Error::new(ErrorKind::InvalidOperation, what);
    let argument = |positional: Option<Jinja>, name| -> Result<Option<Jinja>, minijinja::Error> {
        let given = match positional {
            Some(value) => Some(value),
            None => named.get::<Option<Jinja>>(name)?,
        };
        Ok(given.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let ensure_ascii = argument(ensure_ascii, "ensure_ascii")?;
    let indent = match argument(indent, "indent")? {
        Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
        Some(count) => Some(spaces(&count)?),
        None => None,
    };
    let mut style = Style::new(indent);
    style.ensure_ascii = ensure_ascii.is_some_and(|value| value.is_true());
    style.sort_keys = argument(None, "sort_keys")?.is_some_and(|value| value.is_true());
    if let Some(separators) = argument(separators, "separators")? {
        (style.item_separator, style.key_separator) = (
            separators.get_item_by_index(0)?.to_string(),
            separators.get_item_by_index(1)?.to_string(),
        );
    }
    named.assert_all_used()?;
    if value.is_undefined() {
        return Err(wrong("tojson: the value is undefined".to_owned()));
    }
    let json = serde_json::to_value(&value).map_err(|error| wrong(format!("tojson: {error}")))?;
    Ok(style.write(&json))
}

/// `source` with `{% generation %}` … `{% endgeneration %}` as blocks that change nothing. They mark
/// the assistant's text for training, and minijinja has no custom tags.
pub(super) fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let (tag, after) = tag.split_at(end);
        let name = tag.trim_matches(|c: char| "{}%-+".contains(c) || c.is_whitespace());
        match name {
            "generation" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => out.push_str(tag),
        }
        rest = after;
    }
    out + rest
}

/// Runs the template engine; a panic inside it (reversing an empty list is one) is an error too.
pub(super) fn guarded<T>(
    name: &str,
    run: impl FnOnce() -> Result<T, minijinja::Error>,
) -> Result<T> {
    match unless_panicking(run) {
        Some(result) => result.map_err(|error| template_error(name, &error)),
        None => Err(Error::Template {
            name: name.to_owned(),
            line: None,
            reason: "the template engine broke down on it".to_owned(),
        }),
    }
}

fn template_error(name: &str, error: &minijinja::Error) -> Error {
    let reason = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            format!("it takes more than {FUEL} instructions; a loop in it may not end")
        }
        (_, Some(detail)) if !detail.is_empty() => one_line(detail),
        (kind, _) => kind.to_string(),
    };
    Error::Template {
        name: name.to_owned(),
        line: error.line(),
        reason,
    }
}
