//! Chat templates: Jinja as Hugging Face's tokenizers render it.
//!
//! The environment has what published templates use: Python's string and dict methods, `tojson` as
//! `json.dumps`, `raise_exception`, `strftime_now`, loop controls, `generation` blocks (rendered as if
//! they were not there), trimmed blocks, and the special tokens as variables. An instruction budget
//! ends templates that loop for ever; it does not bound the memory of a string that a template doubles.

use std::path::Path;
use std::time::SystemTime;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, ErrorKind, Value as Jinja};
use serde_json::{Map, Value};

use super::json::Style;
use super::strftime::strftime;
use super::{Error, Result, TokenizerConfig, file_error, one_line, read_optional};

/// Instructions that one rendering may take: thousands of messages with tools take a tenth of it.
const FUEL: u64 = 20_000_000;
/// Stands for the end of the last message while a prompt that continues it is rendered.
const END_MARK: &str = "\u{F8FF}lazuli-end-of-message\u{F8FF}";
const DEFAULT: &str = "default";

/// A model's chat template, or several by name.
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    names: Vec<String>,
    special_tokens: Vec<(String, String)>,
}

/// What a prompt is made of besides its messages.
#[derive(Debug, Clone, Default)]
pub struct ChatOptions {
    /// Tools as JSON schemas, in the form that the template expects.
    pub tools: Option<Vec<Value>>,
    /// Documents for retrieval, for templates that know them.
    pub documents: Option<Vec<Value>>,
    /// How the prompt ends.
    pub ending: Ending,
    /// Further variables, such as `enable_thinking`.
    pub variables: Map<String, Value>,
    /// A template by name; none takes `tool_use` for tools where there is one, else `default`.
    pub template: Option<String>,
    /// The time that the template sees; none is the present.
    pub now: Option<SystemTime>,
}

/// How a prompt ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// With the beginning of the assistant's next message (`add_generation_prompt`).
    #[default]
    Reply,
    /// Inside the last message, whose text the model goes on with (`continue_final_message`).
    Continue,
    /// After the last message.
    Closed,
}

impl ChatTemplate {
    /// The template of a model folder: `chat_template.jinja` with the named ones beside it, else
    /// `chat_template.json`, else the one in `tokenizer_config.json`.
    ///
    /// # Errors
    /// [`Error::NoTemplate`] if there is none, or what is wrong with it.
    pub fn load(folder: &Path, config: &TokenizerConfig) -> Result<Self> {
        let mut sources = Vec::new();
        if let Some(bytes) = read_optional(folder, "chat_template.jinja")? {
            let path = folder.join("chat_template.jinja");
            sources.push((DEFAULT.to_owned(), utf8(&path, bytes)?));
        }
        for directory in ["additional_chat_templates", "chat_templates"] {
            sources.extend(named_sources(&folder.join(directory))?);
        }
        if sources.is_empty()
            && let Some(bytes) = read_optional(folder, "chat_template.json")?
        {
            let file = folder.join("chat_template.json").display().to_string();
            let json = super::json_object(&file, &bytes)?;
            sources = listed_sources(&file, json.get("chat_template"))?;
        }
        if sources.is_empty() {
            return Self::from_config(config);
        }
        Self::new(sources, config)
    }

    /// The template in `tokenizer_config.json`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_config(config: &TokenizerConfig) -> Result<Self> {
        let listed = listed_sources(super::config::FILE, config.chat_template.as_ref())?;
        Self::new(listed, config)
    }

    /// Templates from (name, source) pairs; a single one is called `default`. `config` gives the
    /// special tokens.
    ///
    /// # Errors
    /// [`Error::NoTemplate`] without any, [`Error::Template`] for one that does not compile.
    pub fn new(
        sources: impl IntoIterator<Item = (String, String)>,
        config: &TokenizerConfig,
    ) -> Result<Self> {
        let mut environment = environment();
        let mut names = Vec::new();
        for (name, source) in sources {
            let added =
                environment.add_template_owned(name.clone(), without_generation_tags(&source));
            added.map_err(|error| template_error(&name, &error))?;
            names.push(name);
        }
        if names.is_empty() {
            return Err(Error::NoTemplate);
        }
        let owned = |(role, token): (&str, &str)| (role.to_owned(), token.to_owned());
        Ok(Self {
            environment,
            names,
            special_tokens: config.special_tokens().map(owned).collect(),
        })
    }

    /// The prompt for `messages`, each an object with `role`, `content` and what else the template
    /// knows (`tool_calls`, `reasoning_content`, …).
    ///
    /// # Errors
    /// [`Error::Template`] with the template's line: its own exceptions, values it cannot use, or
    /// too much work.
    pub fn render(&self, messages: &[Value], options: &ChatOptions) -> Result<String> {
        let name = self.choose(options)?;
        let failed = |error: &minijinja::Error| template_error(name, error);
        let template = self
            .environment
            .get_template(name)
            .map_err(|error| failed(&error))?;

        let mut messages = messages.to_vec();
        if options.ending == Ending::Continue {
            mark_end(&mut messages).ok_or_else(|| Error::Template {
                name: name.to_owned(),
                line: None,
                reason: "to continue the last message, it must have a text `content`".to_owned(),
            })?;
        }
        let mut variables: Vec<(&str, Jinja)> = vec![
            ("messages", Serde(&messages).into()),
            ("tools", Serde(&options.tools).into()),
            ("documents", Serde(&options.documents).into()),
            (
                "add_generation_prompt",
                (options.ending == Ending::Reply).into(),
            ),
        ];
        let special = self.special_tokens.iter();
        variables.extend(special.map(|(role, token)| (role.as_str(), token.as_str().into())));
        let extra = options.variables.iter();
        variables.extend(extra.map(|(name, value)| (name.as_str(), Serde(value).into())));
        let now = options.now.unwrap_or_else(SystemTime::now);
        let clock = Jinja::from_function(move |pattern: &str| strftime(now, pattern));
        variables.push(("strftime_now", clock));

        let context = Jinja::from_pairs(variables);
        let mut prompt = template.render(context).map_err(|error| failed(&error))?;
        if options.ending == Ending::Continue {
            let end = prompt.rfind(END_MARK).ok_or_else(|| Error::Template {
                name: name.to_owned(),
                line: None,
                reason:
                    "the last message cannot be continued: the template does not print its text"
                        .to_owned(),
            })?;
            prompt.truncate(end);
        }
        Ok(prompt)
    }

    fn choose(&self, options: &ChatOptions) -> Result<&str> {
        let find = |wanted: &str| self.names.iter().find(|name| *name == wanted);
        let chosen = match &options.template {
            Some(name) => find(name),
            None => options
                .tools
                .as_ref()
                .and_then(|_| find("tool_use"))
                .or_else(|| find(DEFAULT)),
        };
        chosen.map(String::as_str).ok_or_else(|| Error::Template {
            name: options
                .template
                .clone()
                .unwrap_or_else(|| DEFAULT.to_owned()),
            line: None,
            reason: format!(
                "the model has none of that name; it has {}",
                self.names.join(", ")
            ),
        })
    }
}

/// Puts the mark after the text of the last message: none if it has no text.
fn mark_end(messages: &mut [Value]) -> Option<()> {
    let content = messages.last_mut()?.get_mut("content")?;
    let text = match content {
        Value::Array(parts) => parts.last_mut()?.get_mut("text")?,
        content => content,
    };
    let Value::String(text) = text else {
        return None;
    };
    text.push_str(END_MARK);
    Some(())
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    // Only delimiters can be wrong, and these are the default ones.
    if let Ok(syntax) = syntax.trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("tojson", tojson);
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
        Some(spaces) => {
            let spaces = usize::try_from(spaces)?;
            let within = (spaces <= 64).then(|| " ".repeat(spaces));
            Some(within.ok_or_else(|| wrong(format!("tojson: indent {spaces} is above 64")))?)
        }
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
fn without_generation_tags(source: &str) -> String {
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

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| file_error(&path.display().to_string(), error))
}

/// `NAME.jinja` files of a directory, by name; none if there is no such directory.
fn named_sources(directory: &Path) -> Result<Vec<(String, String)>> {
    let failed = |error: std::io::Error| file_error(&directory.display().to_string(), error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jinja")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            let bytes = std::fs::read(&path)
                .map_err(|error| file_error(&path.display().to_string(), error))?;
            sources.push((name.to_owned(), utf8(&path, bytes)?));
        }
    }
    sources.sort();
    Ok(sources)
}

/// The `chat_template` of a JSON file: one source, or a list of `{name, template}`.
fn listed_sources(file: &str, template: Option<&Value>) -> Result<Vec<(String, String)>> {
    match template {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(source)) => Ok(vec![(DEFAULT.to_owned(), source.clone())]),
        Some(Value::Array(entries)) => entries
            .iter()
            .map(|entry| {
                let text = |key: &str| entry[key].as_str().map(str::to_owned);
                text("name").zip(text("template")).ok_or_else(|| {
                    file_error(
                        file,
                        "chat_template: each entry of the list needs `name` and `template`",
                    )
                })
            })
            .collect(),
        Some(_) => Err(file_error(
            file,
            "chat_template: must be a text or a list of named texts",
        )),
    }
}
