//! How tokens are chosen.
//!
//! Ranges are the sampler's own; here its words about a parameter become words about a flag.

use clap::Args;
use lazuli::lm::sample::{Error, SamplingParams};

use crate::failure::usage;

/// How tokens are chosen.
#[derive(Args, Debug)]
#[command(next_help_heading = "Sampling")]
#[command(allow_negative_numbers = true)]
pub(crate) struct SamplingArgs {
    /// Temperature; 0 takes the most likely token
    #[arg(
        long,
        value_name = "T",
        default_value = "0",
        allow_negative_numbers = true
    )]
    temp: f32,

    /// Nucleus: keep the most likely tokens that together have this probability; 1 keeps all
    #[arg(
        long,
        value_name = "P",
        default_value = "1",
        allow_negative_numbers = true
    )]
    top_p: f32,

    /// Keep tokens at least this likely, as a share of the most likely one; 0 keeps all
    #[arg(
        long,
        value_name = "P",
        default_value = "0",
        allow_negative_numbers = true
    )]
    min_p: f32,

    /// Keep this many of the most likely tokens; 0 keeps all
    #[arg(long, value_name = "N", default_value = "0")]
    top_k: usize,

    /// The chance that XTC removes the likely tokens except the least likely of them; 0 is off
    #[arg(
        long,
        value_name = "P",
        default_value = "0",
        allow_negative_numbers = true
    )]
    xtc_probability: f32,

    /// The probability above which a token is a likely one to XTC
    #[arg(
        long,
        value_name = "P",
        default_value = "0.1",
        allow_negative_numbers = true
    )]
    xtc_threshold: f32,

    /// Tokens that --min-p leaves at least
    #[arg(long, value_name = "N", default_value = "1")]
    min_tokens_to_keep: usize,

    /// Divides the logits of recent tokens; 1 is off
    #[arg(
        long,
        value_name = "X",
        default_value = "1",
        allow_negative_numbers = true
    )]
    repetition_penalty: f32,

    /// Recent tokens that the penalties look at
    #[arg(long, value_name = "N", default_value = "20")]
    repetition_context_size: usize,

    /// Subtracted from the logits of recent tokens; 0 is off
    #[arg(
        long,
        value_name = "X",
        default_value = "0",
        allow_negative_numbers = true
    )]
    presence_penalty: f32,

    /// Subtracted from the logits of recent tokens for each time they occur; 0 is off
    #[arg(
        long,
        value_name = "X",
        default_value = "0",
        allow_negative_numbers = true
    )]
    frequency_penalty: f32,

    /// Added to a token's logit, such as 42=-5; -inf excludes the token; may be repeated
    #[arg(long, value_name = "TOKEN=BIAS", value_parser = bias)]
    logit_bias: Vec<(u32, f32)>,

    /// Names the random numbers: the same seed gives the same text [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl SamplingArgs {
    /// The parameters.
    ///
    /// # Errors
    /// A usage error for the first that is out of range.
    pub(crate) fn params(&self) -> anyhow::Result<SamplingParams> {
        let window = self.repetition_context_size;
        let params = SamplingParams {
            temperature: self.temp,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            min_tokens_to_keep: self.min_tokens_to_keep,
            xtc_probability: self.xtc_probability,
            xtc_threshold: self.xtc_threshold,
            repetition_penalty: self.repetition_penalty,
            repetition_context_size: window,
            presence_penalty: self.presence_penalty,
            presence_context_size: window,
            frequency_penalty: self.frequency_penalty,
            frequency_context_size: window,
            logit_bias: self.logit_bias.clone(),
            seed: self.seed.unwrap_or_else(other_seed),
        };
        params.validate().map_err(|error| match error {
            Error::Param {
                name,
                value,
                expected,
            } => usage(format!("{} {value}: it must be {expected}", flag(name))),
            other => other.into(),
        })?;
        Ok(params)
    }
}

fn flag(parameter: &str) -> String {
    match parameter {
        "temperature" => "--temp".to_owned(),
        name => format!("--{}", name.replace('_', "-")),
    }
}

/// A seed that the next run will not have.
fn other_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn bias(text: &str) -> Result<(u32, f32), String> {
    let parsed = text
        .split_once('=')
        .and_then(|(token, bias)| Some((token.trim().parse().ok()?, bias.trim().parse().ok()?)));
    parsed.ok_or_else(|| "it must be a token's number, `=`, and a number, as in 42=-5".to_owned())
}
