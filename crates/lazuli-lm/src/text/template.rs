//! Chat templates: Jinja as Hugging Face's tokenizers render it.
//!
//! Messages, tools and further variables are JSON values; what a template may do is in `jinja.rs`.

use std::path::Path;
use std::time::SystemTime;

use minijinja::value::Serde;
use minijinja::{Environment, Value as Jinja};
use serde_json::{Map, Value};

use super::jinja::{environment, guarded, without_generation_tags};
use super::strftime::strftime;
use super::{Error, Result, TokenizerConfig, file_error, read_optional};

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
            let source = without_generation_tags(&source);
            guarded(&name, || {
                environment.add_template_owned(name.clone(), source)
            })?;
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
        let mut prompt = guarded(name, || {
            self.environment.get_template(name)?.render(context)
        })?;
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
