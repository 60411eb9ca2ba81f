//! `lazuli info`: what a model is and what it needs, read from its files without computing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lazuli::lm::cache::CacheOptions;
use lazuli::lm::config::{Config, Family, LayerKind};
use lazuli::lm::model::{Info, LoadOptions, Model};
use serde_json::json;

use crate::args::positive;
use crate::model::{self, Source};
use crate::output::{count, print, size};

pub(crate) const EXAMPLES: &str = "\
Examples:
  lazuli info
  lazuli info org/name --context 100000
  lazuli info ./model --json
  lazuli info --families";

/// Context lengths that the memory is given for, as far as the model goes.
const CONTEXTS: [usize; 4] = [2_048, 8_192, 32_768, 131_072];

/// Flags of `lazuli info`.
#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// Model: a folder, a safetensors file in one, or org/name[@revision] on the Hugging Face hub,
    /// downloaded once [default: the embedded model]
    model: Option<String>,

    /// The same, as the other commands take it
    #[arg(
        long = "model",
        value_name = "MODEL",
        hide = true,
        conflicts_with = "model"
    )]
    model_flag: Option<String>,

    /// Give the memory for this many tokens; may be repeated
    #[arg(long, value_name = "N", value_parser = positive)]
    context: Vec<usize>,

    /// List the supported model families
    #[arg(long, conflicts_with_all = ["model", "model_flag", "context"])]
    families: bool,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &InfoArgs) -> Result<ExitCode> {
    if args.families {
        let names: Vec<&str> = Family::all().into_iter().map(Family::name).collect();
        print(&match args.json {
            true => format!("{}\n", json!(names)),
            false => format!("{}\n", names.join("\n")),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    lazuli::init()?;
    let name = args.model.as_deref().or(args.model_flag.as_deref());
    let source = Source::find(name, false)?;
    let model = model::network(&source, LoadOptions::default())?;
    let card = Card::new(source.name(), &model, &args.context)?;
    print(&match args.json {
        true => card.json(),
        false => card.text(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What is said about a model.
struct Card<'m> {
    name: String,
    config: &'m Config,
    sizes: Info,
    /// Context lengths and the memory that each needs.
    memory: Vec<(usize, u64)>,
}

impl<'m> Card<'m> {
    fn new(name: String, model: &'m Model, contexts: &[usize]) -> Result<Card<'m>> {
        let config = model.config();
        let sizes = model.info(&CacheOptions::default())?;
        let contexts = match contexts {
            [] => {
                let shorter = CONTEXTS.into_iter().filter(|&n| n < config.max_positions);
                shorter.chain([config.max_positions]).collect()
            }
            given => given.to_vec(),
        };
        let memory = contexts
            .into_iter()
            .map(|n| (n, needed(model, &sizes, n)))
            .collect();
        Ok(Card {
            name,
            config,
            sizes,
            memory,
        })
    }

    fn layers(&self) -> Vec<(LayerKind, usize)> {
        let number = |kind| self.config.layers.iter().filter(|k| **k == kind).count();
        [LayerKind::Full, LayerKind::Sliding, LayerKind::Linear]
            .into_iter()
            .map(|kind| (kind, number(kind)))
            .filter(|(_, number)| *number > 0)
            .collect()
    }

    fn text(&self) -> String {
        let (config, sizes) = (self.config, &self.sizes);
        let kinds: Vec<String> = self
            .layers()
            .iter()
            .map(|(kind, number)| format!("{number} {}", kind.name()))
            .collect();
        let active = match sizes.active_parameters < sizes.parameters {
            true => format!(" ({} used per token)", count(sizes.active_parameters)),
            false => String::new(),
        };
        let rows = [
            ("model", self.name.clone()),
            ("family", config.family.name().to_owned()),
            ("parameters", format!("{}{active}", count(sizes.parameters))),
            ("bits per weight", format!("{:.2}", sizes.bits_per_weight)),
            (
                "layers",
                format!("{} ({})", config.layers.len(), kinds.join(", ")),
            ),
            ("vocabulary", format!("{} tokens", count(config.vocab))),
            ("context", format!("{} tokens", count(config.max_positions))),
            ("weights", size(sizes.bytes as u64)),
            ("cache per token", size(sizes.kv_bytes_per_token as u64)),
            ("state per sequence", size(sizes.state_bytes as u64)),
        ];
        let mut text = String::new();
        for (name, value) in rows {
            text.push_str(&format!("{name:<28}{value}\n"));
        }
        for (tokens, bytes) in &self.memory {
            let beyond = match *tokens > config.max_positions {
                true => " (longer than the model's context)",
                false => "",
            };
            let name = format!("memory at {} tokens", count(*tokens));
            text.push_str(&format!("{name:<28}{}{beyond}\n", size(*bytes)));
        }
        text
    }

    fn json(&self) -> String {
        let (config, sizes) = (self.config, &self.sizes);
        let kinds: serde_json::Map<_, _> = self
            .layers()
            .iter()
            .map(|(kind, number)| (kind.name().to_owned(), json!(number)))
            .collect();
        let memory: Vec<_> = self
            .memory
            .iter()
            .map(|(tokens, bytes)| json!({"context": tokens, "bytes": bytes}))
            .collect();
        let object = json!({
            "model": self.name,
            "family": config.family.name(),
            "parameters": sizes.parameters,
            "active_parameters": sizes.active_parameters,
            "bits_per_weight": sizes.bits_per_weight,
            "layers": config.layers.len(),
            "layer_kinds": kinds,
            "vocab": config.vocab,
            "context": config.max_positions,
            "weights_bytes": sizes.bytes,
            "kv_bytes_per_token": sizes.kv_bytes_per_token,
            "state_bytes": sizes.state_bytes,
            "memory": memory,
        });
        format!("{object}\n")
    }
}

/// Bytes of the weights and of the caches of one sequence.
fn needed(model: &Model, sizes: &Info, tokens: usize) -> u64 {
    let config = model.config();
    let sliding = config.layers.iter().filter(|k| **k == LayerKind::Sliding);
    let held = config.sliding_window.unwrap_or(0).min(tokens);
    let position = 2 * config.kv_heads * config.head_dim * model.dtype().size();
    let windows = (sliding.count() * held * position) as u64;
    let growing = (sizes.kv_bytes_per_token as u64).saturating_mul(tokens as u64);
    growing.saturating_add(windows + (sizes.bytes + sizes.state_bytes) as u64)
}
