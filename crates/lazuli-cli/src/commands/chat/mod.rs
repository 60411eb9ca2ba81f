//! `lazuli chat`: a conversation.
//!
//! Every turn renders the whole conversation; the session computes only what its cache does not hold
//! yet. Not chosen: appending each turn's tokens to the cache, which drifts from the template where one
//! drops earlier thoughts or moves the system prompt.

mod conversation;
mod input;
mod save;
mod slash;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::args::{AnswerArgs, ChatTemplateArgs, ModelArgs};
use crate::output::{self, note};
use crate::{failure, model};

use conversation::Conversation;
use input::{Input, Line};
use slash::Slash;

pub(crate) const EXAMPLES: &str = "\
Examples:
  lazuli chat
  lazuli chat --model org/name --system-prompt \"Answer in one sentence.\"
  printf 'What is a trait?\\nAnd a type?\\n' | lazuli chat

In the conversation:
  /reset         begin again, with the same system prompt
  /system TEXT   begin again with this system prompt; without TEXT, with none
  /save FILE     write the conversation, as JSON if FILE ends in .json, else as Markdown
  /stats         tokens, speed and memory
  /help          this list
  /quit          leave, as Ctrl-D does
A line that ends with a backslash goes on in the next one; so does an open ``` fence.
Ctrl-C ends an answer. Earlier input is kept in $XDG_STATE_HOME/lazuli (~/.local/state/lazuli).";

/// Flags of `lazuli chat`.
#[derive(Args, Debug)]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    template: ChatTemplateArgs,

    #[command(flatten)]
    answer: AnswerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ChatArgs) -> Result<ExitCode> {
    let options = args.answer.options()?;
    let mut lm = model::load(&args.model, false)?;
    args.answer.add_eos(&mut lm)?;
    lm.template()?; // better now than after the first line
    model::warn_if_short(&lm, &args.answer.cache, options.max_tokens);
    let mut conversation =
        Conversation::new(&lm, args.answer.cache.options(), options, &args.template)?;
    let mut input = Input::new();
    if input.is_interactive() {
        let name = args.model.model.as_deref().unwrap_or(crate::embedded::NAME);
        note(&format!("{name}. /help lists the commands, Ctrl-D leaves."));
    }
    loop {
        let text = match input.read()? {
            Line::Text(text) if text.trim().is_empty() => continue,
            Line::Text(text) => text,
            Line::Dropped => {
                note("(Ctrl-D or /quit leaves)");
                continue;
            }
            Line::End => return Ok(ExitCode::SUCCESS),
        };
        let turn = match Slash::parse(&text) {
            Some(Ok(Slash::Quit)) => return Ok(ExitCode::SUCCESS),
            Some(Ok(command)) => obey(&command, &mut conversation),
            Some(Err(message)) => Err(failure::usage(message)),
            None => conversation.say(&text),
        };
        match turn {
            Err(error) if input.is_interactive() && !output::is_stdout(&error) => {
                failure::report(&format!("{error:#}"));
            }
            // Nobody is there to try again: the rest would answer to a conversation that went wrong.
            turn => turn?,
        }
    }
}

fn obey(command: &Slash, conversation: &mut Conversation<'_>) -> Result<()> {
    match command {
        Slash::Reset => conversation.reset(),
        Slash::System(text) => conversation.set_system(text.clone()),
        Slash::Save(file) => {
            save::save(conversation.messages(), file)?;
            note(&format!("saved {}", file.display()));
            Ok(())
        }
        Slash::Stats => {
            note(&conversation.statistics());
            Ok(())
        }
        Slash::Help => {
            note(&slash::help());
            Ok(())
        }
        Slash::Quit => Ok(()),
    }
}
