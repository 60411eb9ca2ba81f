//! `lazuli logits`: what a model thinks of given tokens, for comparison with other implementations.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use lazuli::Dtype;
use lazuli::core::{Role, Rows};
use lazuli::io::npy;
use lazuli::lm::cache::CacheOptions;
use lazuli::lm::model::{Model, chunk};

use crate::args::{ModelArgs, positive};
use crate::failure::usage;
use crate::model;

pub(crate) const EXAMPLES: &str = "\
Examples:
  lazuli logits --model ./model --tokens 1,2,3 --output logits.npy
  lazuli logits --model ./model --tokens 1,2,3 --output logits.npy --dtype f32 --prefill-step 64

The file holds float32 of shape [tokens, vocabulary]; row i is what follows token i.";

/// Flags of `lazuli logits`.
#[derive(Args, Debug)]
pub(crate) struct LogitsArgs {
    /// Token numbers, separated by commas
    #[arg(long, value_name = "LIST", required = true, value_delimiter = ',')]
    tokens: Vec<u32>,

    /// The npy file to write; it appears whole, replacing what is there
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Tokens computed at a time, rounded up to a multiple of 64; changes speed and memory, never a
    /// logit
    #[arg(long, value_name = "N", default_value = "512", value_parser = positive)]
    prefill_step: usize,

    #[command(flatten)]
    model: ModelArgs,
}

/// Runs the command.
pub(crate) fn run(args: &LogitsArgs) -> Result<ExitCode> {
    let model = model::load_network(&args.model)?;
    check(&model, &args.tokens)?;
    let mut caches = model.caches(&CacheOptions {
        prefill_step: args.prefill_step,
        ..CacheOptions::default()
    })?;
    let vocab = model.config().vocab;
    let mut logits: Vec<f32> = Vec::new();
    let mut rest = args.tokens.as_slice();
    while !rest.is_empty() {
        let first = args.tokens.len() - rest.len();
        let limit = caches.chunk_limit(first);
        let (piece, later) = rest.split_at(chunk(first, rest.len(), args.prefill_step, limit));
        let rows = Rows::single(first, piece.len(), Role::Prompt)?;
        logits.extend(model.step(piece, &rows, &mut caches)?.to_vec::<f32>()?);
        rest = later;
    }
    let shape = [args.tokens.len(), vocab];
    npy::save(
        &args.output,
        Dtype::F32,
        &shape,
        bytemuck::cast_slice(&logits),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn check(model: &Model, tokens: &[u32]) -> Result<()> {
    let config = model.config();
    if tokens.len() > config.max_positions {
        bail!(
            "--tokens has {} tokens, the model's context {}",
            tokens.len(),
            config.max_positions
        );
    }
    match tokens.iter().find(|&&t| t as usize >= config.vocab) {
        Some(token) => Err(usage(format!(
            "--tokens: there is no token {token}; the model has tokens 0 to {}",
            config.vocab - 1
        ))),
        None => Ok(()),
    }
}
