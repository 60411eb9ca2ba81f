//! The command line of `lazuli bench`, checked before anything is loaded.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use lazuli::Dtype;
use lazuli::core::ops::quantized::Affine;
use lazuli::cpu::Options;
use lazuli::lm::cache::CacheOptions;
use lazuli::lm::config::Config;
use lazuli::lm::model::{LoadOptions, Model};

use super::lane;
use super::measure::Plan;
use crate::args::positive;
use crate::failure::usage;
use crate::model::{self, Source};

/// Seed of random weights and tokens: every run of every build measures the same ones.
pub(super) const SEED: u64 = 1234;
/// More tokens than any model has positions for.
const MOST: usize = 1 << 28;

pub(crate) const EXAMPLES: &str = "\
Examples:
  lazuli bench model -p 512 -n 128 -t 1,2
  lazuli bench model --model ./model -d 8192 --kv-bits 4
  lazuli bench model --rows 8 -p 0 -n 64
  lazuli bench model --config ./config.json --random --bits 4 --json";

/// Flags of `lazuli bench model`.
#[derive(Args, Debug)]
pub(super) struct ModelArgs {
    /// Model: a folder, a safetensors file in one, or org/name[@revision] on the Hugging Face hub,
    /// downloaded once [default: the embedded model]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// The shape of a model, as its config.json has it, without its weights
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "model",
        requires = "random"
    )]
    config: Option<PathBuf>,

    /// Make weights up in memory
    #[arg(long, requires = "config")]
    random: bool,

    /// Bits of random weights; 16: not quantized
    #[arg(long, value_name = "BITS", default_value = "4", requires = "random")]
    bits: usize,

    /// Random weights that share a scale
    #[arg(long, value_name = "N", default_value = "64", requires = "random")]
    group_size: usize,

    /// Prompt tokens; 0: measure no prefill
    #[arg(short, long, value_name = "N", default_value = "512")]
    prompt_tokens: usize,

    /// Tokens to decode; 0: measure no decode
    #[arg(short = 'n', long, value_name = "N", default_value = "128")]
    decode_tokens: usize,

    /// Sequences that are decoded together, a token each in every step; the prompt stays one
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    rows: u16,

    /// Tokens in the cache of each sequence before each measurement
    #[arg(short, long, value_name = "N", default_value = "0")]
    depth: usize,

    /// Numbers of threads to compute with, such as 1,2 [default: LAZULI_THREADS, else all cores]
    #[arg(short, long, value_name = "N", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,

    /// Measurements of each kind, of which the median counts
    #[arg(short, long, value_name = "N", default_value = "5")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeats: u16,

    /// Prompt tokens computed at a time, rounded up to a multiple of 64
    #[arg(long, value_name = "N", default_value = "512", value_parser = positive)]
    prefill_step: usize,

    /// Bits of cached keys and values [default: not quantized]
    #[arg(long, value_name = "BITS")]
    kv_bits: Option<usize>,

    /// Cached values that share a scale
    #[arg(long, value_name = "N", default_value = "64", requires = "kv_bits")]
    kv_group_size: usize,

    /// Write one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl ModelArgs {
    /// What is to be measured.
    pub(super) fn plan(&self) -> Result<Plan> {
        let environment = Options::from_environment()?;
        let threads = lane::threads(&self.threads, environment)?;
        if self.prompt_tokens == 0 && self.decode_tokens == 0 {
            return Err(usage(
                "nothing to measure: --prompt-tokens and --decode-tokens are both 0",
            ));
        }
        for (flag, n) in [
            ("--prompt-tokens", self.prompt_tokens),
            ("--decode-tokens", self.decode_tokens),
            ("--depth", self.depth),
            ("--prefill-step", self.prefill_step),
        ] {
            if n > MOST {
                return Err(usage(format!("{flag} {n}: at most {MOST}")));
            }
        }
        if let Some(bits) = self.kv_bits {
            packing("--kv-bits", bits, "--kv-group-size", self.kv_group_size)?;
        }
        self.weights()?;
        Ok(Plan {
            isa: environment.isa,
            threads,
            prompt_tokens: self.prompt_tokens,
            decode_tokens: self.decode_tokens,
            rows: self.rows.into(),
            depth: self.depth,
            repeats: self.repeats.into(),
            caches: CacheOptions {
                slots: self.rows.into(),
                kv_bits: self.kv_bits,
                kv_group_size: self.kv_group_size,
                prefill_step: self.prefill_step.next_multiple_of(64),
                ..CacheOptions::default()
            },
        })
    }

    /// The format of random weights; none for plain ones.
    fn weights(&self) -> Result<Option<Affine>> {
        match self.bits {
            16 => Ok(None),
            bits => packing("--bits", bits, "--group-size", self.group_size).map(Some),
        }
    }

    /// The model and what to call it.
    pub(super) fn load(&self) -> Result<(String, Model)> {
        let Some(path) = &self.config else {
            let source = Source::find(self.model.as_deref(), false)?;
            return Ok((
                source.name(),
                model::network(&source, LoadOptions::default())?,
            ));
        };
        let file = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("cannot open {file}"))?;
        let config = Config::parse(&bytes).with_context(|| file.clone())?;
        let dtype = config.dtype.unwrap_or(Dtype::BF16);
        let model = Model::random(&config, dtype, self.weights()?, SEED)?;
        Ok((format!("{file} with random weights"), model))
    }
}

fn packing(bits_flag: &str, bits: usize, group_flag: &str, group: usize) -> Result<Affine> {
    Affine::new(bits, group)
        .map_err(|error| usage(format!("{bits_flag} {bits} {group_flag} {group}: {error}")))
}
