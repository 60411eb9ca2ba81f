//! What an answer is to be like.

use clap::Args;
use lazuli::lm::engine::{GenerateOptions, LanguageModel};

use super::{CacheArgs, SamplingArgs, positive};
use crate::failure::usage;
use crate::prompt::unescape;

/// What an answer is to be like.
#[derive(Args, Debug)]
pub(crate) struct AnswerArgs {
    /// Most tokens to generate
    #[arg(long, value_name = "N", default_value = "256", value_parser = positive)]
    max_tokens: usize,

    /// Text that ends the answer and is not part of it (\n and \t are understood); may be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,

    /// Token, written as in the vocabulary, that ends the answer too; may be repeated
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    extra_eos_token: Vec<String>,

    #[command(flatten)]
    sampling: SamplingArgs,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

impl AnswerArgs {
    /// The options of the engine.
    ///
    /// # Errors
    /// A usage error for the first value that is out of range.
    pub(crate) fn options(&self) -> anyhow::Result<GenerateOptions> {
        if self.stop.iter().any(String::is_empty) {
            return Err(usage(
                "--stop: the text is empty; it needs at least one character",
            ));
        }
        Ok(GenerateOptions {
            max_tokens: self.max_tokens,
            sampling: self.sampling.params()?,
            stop: self.stop.iter().map(|text| unescape(text)).collect(),
            prefill_step: self.cache.prefill_step,
            ignore_eos: false,
        })
    }

    /// Adds `--extra-eos-token` to the tokens that end a text.
    ///
    /// # Errors
    /// A usage error for one that the model does not have.
    pub(crate) fn add_eos(&self, lm: &mut LanguageModel) -> anyhow::Result<()> {
        for token in &self.extra_eos_token {
            let id = lm.tokenizer.token_id(token)?.ok_or_else(|| {
                usage(format!(
                    "--extra-eos-token {token}: the model has no such token"
                ))
            })?;
            lm.eos = std::mem::take(&mut lm.eos).with([id]);
        }
        Ok(())
    }
}
