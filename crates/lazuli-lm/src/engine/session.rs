//! One sequence: its cache, and the loop that continues it.

use std::ops::ControlFlow;
use std::time::Instant;

use lazuli_core::{Array, Role, Rows};

use super::LanguageModel;
use crate::cache::{CacheOptions, Caches};
use crate::error::{Error, Result};
use crate::model::chunk;
use crate::sample::{Sampler, SamplingParams, Workspace};
use crate::text::{Detokenizer, StopMatcher};

/// What to generate.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// Most tokens to generate; at least 1.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampling: SamplingParams,
    /// Texts that end the answer; not part of it.
    pub stop: Vec<String>,
    /// Prompt tokens per step, rounded up to a multiple of 64.
    pub prefill_step: usize,
    /// Whether to go on at a token that ends a text (for measurements).
    pub ignore_eos: bool,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        GenerateOptions {
            max_tokens: 256,
            sampling: SamplingParams::default(),
            stop: Vec::new(),
            prefill_step: 512,
            ignore_eos: false,
        }
    }
}

/// Something that happened on the way.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// So many tokens of the prompt are computed, of so many that had to be.
    Prefill {
        /// Tokens done.
        done: usize,
        /// Tokens in all.
        total: usize,
    },
    /// A token was chosen, and this text can be shown now (perhaps none yet).
    Token {
        /// The token.
        token: u32,
        /// Complete characters that will not change any more.
        text: &'a str,
    },
    /// Text that was held back until the end.
    Rest(&'a str),
}

/// Why generation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinishReason {
    /// A token that ends a text, or a stop string.
    Stop,
    /// As many tokens as were asked for, or as the context holds.
    Length,
    /// The caller broke off.
    Cancelled,
}

impl FinishReason {
    /// The name in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::Cancelled => "cancelled",
        }
    }
}

/// What was generated, and how long it took.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of those, tokens that the cache held already.
    pub cached_tokens: usize,
    /// Generated tokens, the one that ended the text included.
    pub tokens: Vec<u32>,
    /// The text, without special tokens and stop strings.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// Seconds from the call to the logits of the prompt's last token.
    pub prefill_seconds: f64,
    /// Seconds from the call to the first token.
    pub first_token_seconds: f64,
    /// Seconds from the first token to the last.
    pub decode_seconds: f64,
}

impl Generation {
    /// Prompt tokens per second, those in the cache not counted.
    pub fn prefill_tps(&self) -> f64 {
        rate(
            self.prompt_tokens - self.cached_tokens,
            self.prefill_seconds,
        )
    }

    /// Generated tokens per second after the first.
    pub fn decode_tps(&self) -> f64 {
        rate(self.tokens.len().saturating_sub(1), self.decode_seconds)
    }
}

fn rate(count: usize, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

/// A sequence and its cache.
pub struct Session<'m> {
    lm: &'m LanguageModel,
    options: CacheOptions,
    caches: Caches,
    /// Tokens whose keys, values and states the caches hold.
    cached: Vec<u32>,
}

impl<'m> Session<'m> {
    /// An empty sequence.
    ///
    /// # Errors
    /// When the cache options do not fit the model.
    pub fn new(lm: &'m LanguageModel, options: CacheOptions) -> Result<Session<'m>> {
        let caches = lm.model.caches(&options)?;
        Ok(Session {
            lm,
            options,
            caches,
            cached: Vec::new(),
        })
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// When new caches cannot be made.
    pub fn reset(&mut self) -> Result<()> {
        self.caches = self.lm.model.caches(&self.options)?;
        self.cached.clear();
        Ok(())
    }

    /// Tokens in the cache.
    pub fn cached_tokens(&self) -> &[u32] {
        &self.cached
    }

    /// Bytes that the caches take.
    pub fn cache_bytes(&self) -> usize {
        self.caches.bytes()
    }

    /// Continues `prompt`, reporting as it goes; `on_event` breaks it off.
    ///
    /// # Errors
    /// [`Error::Request`] for an empty prompt, one that exceeds the context, a token that the model
    /// does not have, or bad parameters; else what failed while computing.
    pub fn generate(
        &mut self,
        prompt: &[u32],
        options: &GenerateOptions,
        mut on_event: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Generation> {
        let begin = Instant::now();
        self.check(prompt, options)?;
        let sampler = Sampler::new(options.sampling.clone(), self.lm.eos.tokens())?;
        let mut stops = StopMatcher::new(&options.stop)?;
        let mut detokenizer = Detokenizer::new(&self.lm.tokenizer, true);
        let mut workspace = Workspace::default();
        let mut out = Generation {
            prompt_tokens: prompt.len(),
            cached_tokens: self.reuse(prompt)?,
            tokens: Vec::new(),
            text: String::new(),
            finish: FinishReason::Length,
            prefill_seconds: 0.0,
            first_token_seconds: 0.0,
            decode_seconds: 0.0,
        };
        let Some(mut logits) = self.prefill(prompt, options.prefill_step, &mut on_event)? else {
            out.finish = FinishReason::Cancelled;
            return Ok(out);
        };
        out.prefill_seconds = begin.elapsed().as_secs_f64();
        let room = self.lm.model.config().max_positions - prompt.len();
        let mut history = prompt.to_vec();
        let mut decode_from = begin;
        for produced in 1.. {
            let row = logits.to_vec::<f32>()?;
            let token = sampler
                .sample(&row, &history, history.len() as u64, &mut workspace)?
                .token;
            history.push(token);
            out.tokens.push(token);
            if produced == 1 {
                decode_from = Instant::now();
                out.first_token_seconds = begin.elapsed().as_secs_f64();
            }
            let ended = !options.ignore_eos && self.lm.eos.contains(token);
            let step = stops.push(&if ended {
                String::new()
            } else {
                detokenizer.push(token)?
            });
            out.text.push_str(&step.text);
            let flow = on_event(Event::Token {
                token,
                text: &step.text,
            });
            if ended || step.matched.is_some() {
                out.finish = FinishReason::Stop;
                break;
            }
            if flow.is_break() {
                out.finish = FinishReason::Cancelled;
                break;
            }
            if produced == options.max_tokens.min(room) {
                break;
            }
            logits = self.step(token)?;
        }
        out.decode_seconds = decode_from.elapsed().as_secs_f64();
        let mut rest = stops.push(&detokenizer.finish()?).text;
        rest.push_str(&stops.finish());
        if !rest.is_empty() {
            out.text.push_str(&rest);
            let _ = on_event(Event::Rest(&rest));
        }
        Ok(out)
    }

    /// Logits `[1, vocab]` after a generated token, fed at the end of the sequence.
    fn step(&mut self, token: u32) -> Result<Array> {
        let rows = Rows::single(self.cached.len(), 1, Role::Generated)?;
        let logits = self.lm.model.step(&[token], &rows, &mut self.caches)?;
        self.cached.push(token);
        Ok(logits)
    }

    /// Logits `[1, vocab]` of the last of `tokens`, a piece of the prompt, fed at the end of the sequence.
    fn feed(&mut self, tokens: &[u32]) -> Result<Array> {
        let rows = Rows::single(self.cached.len(), tokens.len(), Role::Prompt)?;
        let hidden = self.lm.model.forward(tokens, &rows, &mut self.caches)?;
        let last = hidden.narrow(0, tokens.len() - 1, tokens.len())?;
        let logits = self.lm.model.logits(&last)?;
        self.caches.eval_with(&[&logits])?;
        self.cached.extend_from_slice(tokens);
        Ok(logits)
    }

    /// Feeds what is not cached; none if broken off.
    fn prefill(
        &mut self,
        prompt: &[u32],
        step: usize,
        on_event: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Array>> {
        let start = self.cached.len();
        loop {
            let at = self.cached.len();
            let end = at + chunk(at, prompt.len() - at, step, self.caches.chunk_limit(at));
            let logits = self.feed(&prompt[at..end])?;
            let flow = on_event(Event::Prefill {
                done: end - start,
                total: prompt.len() - start,
            });
            if end == prompt.len() {
                return Ok(Some(logits));
            }
            if flow.is_break() {
                return Ok(None);
            }
        }
    }

    /// How many of the prompt's tokens the cache can serve; the rest of the cache is given up.
    fn reuse(&mut self, prompt: &[u32]) -> Result<usize> {
        let common = self
            .cached
            .iter()
            .zip(prompt)
            .take_while(|(a, b)| a == b)
            .count();
        // The last token must be fed: its logits are wanted.
        let keep = common.min(prompt.len() - 1);
        if keep < self.cached.len() {
            if keep > 0 && self.caches.truncate(&[(0, keep)]).is_ok() {
                self.cached.truncate(keep);
            } else {
                self.reset()?;
            }
        }
        Ok(self.cached.len())
    }

    fn check(&self, prompt: &[u32], options: &GenerateOptions) -> Result<()> {
        let config = self.lm.model.config();
        if prompt.is_empty() {
            return Err(Error::Request(
                "the prompt is empty: there is nothing to continue".into(),
            ));
        }
        if options.max_tokens == 0 {
            return Err(Error::Request(
                "max_tokens is 0: ask for at least one token".into(),
            ));
        }
        if prompt.len() >= config.max_positions {
            return Err(Error::Request(format!(
                "the prompt has {} tokens, the model's context {}: shorten it by {} or more",
                prompt.len(),
                config.max_positions,
                prompt.len() - config.max_positions + 1
            )));
        }
        if let Some(token) = prompt.iter().find(|&&t| t as usize >= config.vocab) {
            return Err(Error::Request(format!(
                "token {token} is not in the vocabulary of {}: the tokenizer belongs to another model",
                config.vocab
            )));
        }
        Ok(())
    }
}
