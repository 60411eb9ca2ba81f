//! An answer on its way to the terminal: progress while the prompt is computed, then text as it comes.

use std::ops::ControlFlow;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lazuli::lm::engine::{Event, GenerateOptions, Generation, Session};

use crate::output::{self, StdoutError};
use crate::{interrupt, memory};

/// What is shown of an answer while it comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The text, on stdout.
    pub(crate) text: bool,
    /// Progress through the prompt, on stderr if it is a terminal.
    pub(crate) progress: bool,
}

/// Lets the session answer; Ctrl-C ends the answer early.
pub(crate) fn answer(
    session: &mut Session<'_>,
    prompt: &[u32],
    options: &GenerateOptions,
    shown: Shown,
) -> Result<Generation> {
    let listener = interrupt::listen();
    let bar = progress_bar(shown.progress);
    let mut failed: Option<StdoutError> = None;
    let mut trimmed = false;
    // What loaded the model and read the prompt is not needed to answer, nor, after the first token, what
    // computed the prompt.
    lazuli::core::memory::trim();
    let generation = session.generate(prompt, options, |event| {
        match event {
            // A prompt that takes one step is done before there is anything to show.
            Event::Prefill { done, total } if done < total => {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            }
            Event::Prefill { .. } => bar.finish_and_clear(),
            Event::Token { text, .. } | Event::Rest(text) => {
                if shown.text && !text.is_empty() && failed.is_none() {
                    failed = output::print(text).err();
                }
                if !std::mem::replace(&mut trimmed, true) {
                    lazuli::core::memory::trim();
                }
            }
        }
        match failed.is_some() || listener.requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    bar.finish_and_clear();
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(generation?),
    }
}

fn progress_bar(shown: bool) -> ProgressBar {
    let target = match shown {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("prompt {pos}/{len} tokens {wide_bar} {eta} left");
    ProgressBar::with_draw_target(None, target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What an answer took, in three lines.
pub(crate) fn statistics(generation: &Generation) -> String {
    let cached = match generation.cached_tokens {
        0 => String::new(),
        n => format!(" ({n} cached)"),
    };
    format!(
        "prompt: {} tokens{cached}, {:.1} tokens/s\n\
         generated: {} tokens, {:.1} tokens/s\n\
         peak memory: {}",
        generation.prompt_tokens,
        generation.prefill_tps(),
        generation.tokens.len(),
        generation.decode_tps(),
        output::size(memory::peak())
    )
}
