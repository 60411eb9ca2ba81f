//! `lazuli generate`: one prompt, one answer.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lazuli::lm::engine::{FinishReason, Generation, LanguageModel, Session};
use serde_json::json;

use crate::args::{AnswerArgs, ChatTemplateArgs, ModelArgs};
use crate::failure::INTERRUPTED;
use crate::stream::Shown;
use crate::{memory, model, output, prompt, stream};

pub(crate) const EXAMPLES: &str = "\
Examples:
  lazuli generate -p \"Write a function that reverses a string.\"
  lazuli generate --model org/name --system-prompt \"Be brief.\" -p \"What is a trait?\"
  lazuli generate --raw -p 'fn main() {\\n' --max-tokens 64 --stop '\\n}'
  git diff | lazuli generate --model ./model --temp 0.7 --top-p 0.9 --seed 1
  lazuli generate -p - --json < question.txt";

/// Flags of `lazuli generate`.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// What to answer: a text in which \n, \t and \\ are understood, or - for stdin [default: stdin,
    /// if something is piped in]
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<String>,

    /// Continue the prompt as it is, without the model's chat template
    #[arg(long, conflicts_with_all = ["system_prompt", "chat_template_args"])]
    raw: bool,

    /// Write one JSON object at the end in place of text as it comes
    #[arg(long)]
    json: bool,

    /// Write no statistics and no progress
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    template: ChatTemplateArgs,

    #[command(flatten)]
    answer: AnswerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<ExitCode> {
    let options = args.answer.options()?;
    let text = prompt::read(args.prompt.as_deref())?;
    let mut lm = model::load(&args.model, args.quiet)?;
    args.answer.add_eos(&mut lm)?;
    let tokens = tokens(args, &lm, text)?;
    // Nothing more is read.
    lm.tokenizer.release_encoder();
    let longest = tokens.len().saturating_add(options.max_tokens);
    model::warn_if_short(&lm, &args.answer.cache, longest);
    let mut session = Session::new(&lm, args.answer.cache.options())?;
    let shown = Shown {
        text: !args.json,
        progress: !args.quiet,
    };
    let generation = stream::answer(&mut session, &tokens, &options, shown)?;
    match args.json {
        true => output::print(&as_json(&generation, session.cache_bytes()))?,
        false => output::print("\n")?,
    }
    if !args.quiet {
        output::note(&stream::statistics(&generation));
    }
    Ok(match generation.finish {
        FinishReason::Cancelled => ExitCode::from(INTERRUPTED),
        FinishReason::Stop | FinishReason::Length => ExitCode::SUCCESS,
    })
}

fn tokens(args: &GenerateArgs, lm: &LanguageModel, mut text: String) -> Result<Vec<u32>> {
    if args.raw {
        return Ok(lm.tokenizer.encode(&text)?);
    }
    // A message is what was said, without the line end that files and `echo` put after it.
    if text.ends_with('\n') && args.prompt.as_deref().is_none_or(|prompt| prompt == "-") {
        text.pop();
    }
    let system = args.template.system_prompt.as_deref();
    let system = system.map(|text| prompt::message("system", text));
    let messages: Vec<_> = system
        .into_iter()
        .chain([prompt::message("user", &text)])
        .collect();
    prompt::of_messages(lm, &messages, &args.template.chat_template_args.0)
}

fn as_json(generation: &Generation, cache_bytes: usize) -> String {
    let object = json!({
        "prompt_tokens": generation.prompt_tokens,
        "tokens": generation.tokens,
        "text": generation.text,
        "finish_reason": generation.finish.name(),
        "prefill_tps": generation.prefill_tps(),
        "decode_tps": generation.decode_tps(),
        "ttft_ms": generation.first_token_seconds * 1e3,
        "peak_bytes": memory::peak(),
        "cache_bytes": cache_bytes,
    });
    format!("{object}\n")
}
