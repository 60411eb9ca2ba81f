//! A conversation: messages, and the session that holds what was computed of them.

use anyhow::Result;
use lazuli::lm::cache::CacheOptions;
use lazuli::lm::engine::{FinishReason, GenerateOptions, Generation, LanguageModel, Session};
use serde_json::{Map, Value};

use crate::args::ChatTemplateArgs;
use crate::output::{self, count, size};
use crate::prompt::{self, message};
use crate::stream::{self, Shown};

/// A conversation with a model.
pub(super) struct Conversation<'m> {
    lm: &'m LanguageModel,
    session: Session<'m>,
    options: GenerateOptions,
    variables: Map<String, Value>,
    system: Option<String>,
    messages: Vec<Value>,
    last: Option<Generation>,
}

impl<'m> Conversation<'m> {
    pub(super) fn new(
        lm: &'m LanguageModel,
        cache: CacheOptions,
        options: GenerateOptions,
        template: &ChatTemplateArgs,
    ) -> Result<Conversation<'m>> {
        let mut conversation = Conversation {
            session: Session::new(lm, cache)?,
            lm,
            options,
            variables: template.chat_template_args.0.clone(),
            system: template.system_prompt.clone(),
            messages: Vec::new(),
            last: None,
        };
        conversation.begin();
        Ok(conversation)
    }

    fn begin(&mut self) {
        let system = self.system.as_deref();
        self.messages = system
            .map(|text| message("system", text))
            .into_iter()
            .collect();
        self.last = None;
    }

    /// Forgets what was said.
    pub(super) fn reset(&mut self) -> Result<()> {
        self.begin();
        Ok(self.session.reset()?)
    }

    /// Forgets what was said, and gives the model another system prompt, or none.
    pub(super) fn set_system(&mut self, text: Option<String>) -> Result<()> {
        self.system = text;
        self.reset()
    }

    /// What was said, the system prompt included.
    pub(super) fn messages(&self) -> &[Value] {
        &self.messages
    }

    /// Says something and shows the answer. What fails, or is broken off before the answer begins,
    /// was never said.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        let said = self.messages.len();
        self.messages.push(message("user", text));
        let answered = self.answer();
        match &answered {
            Ok(generation) if begun(generation) => {
                self.messages.push(message("assistant", &generation.text));
            }
            _ => self.messages.truncate(said),
        }
        self.last = Some(answered?);
        Ok(output::print("\n")?)
    }

    fn answer(&mut self) -> Result<Generation> {
        let tokens = prompt::of_messages(self.lm, &self.messages, &self.variables)?;
        let shown = Shown {
            text: true,
            progress: true,
        };
        stream::answer(&mut self.session, &tokens, &self.options, shown)
    }

    /// What the conversation has taken so far.
    pub(super) fn statistics(&self) -> String {
        let context = format!(
            "context: {} of {} tokens, cache {}",
            count(self.session.cached_tokens().len()),
            count(self.lm.model.config().max_positions),
            size(self.session.cache_bytes() as u64)
        );
        match &self.last {
            Some(generation) => format!("{context}\n{}", stream::statistics(generation)),
            None => context,
        }
    }
}

/// Whether there is an answer, if only an empty one.
fn begun(generation: &Generation) -> bool {
    generation.finish != FinishReason::Cancelled || !generation.text.is_empty()
}
