//! `lazuli bench kernels`: single kernels in the shapes of a model, beside their floors.
//!
//! A kernel is measured through the operation that a model asks for, one evaluation each, so that what
//! is measured is what runs; a few microseconds of the graph are in it. Operands are as many as fill
//! 256 MB, used one after the other as the layers of a model are: of a single matrix, the second-level
//! cache would be measured, which is a question of its own (`--megabytes 0`). Results are dropped before
//! the next call, which then finds their buffer.

mod attention;
mod cases;
mod experts;
mod products;
mod recurrent;
mod report;
mod rows;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use lazuli::core::device::with_device;
use lazuli::core::memory;
use lazuli::cpu::bandwidth::Pages;
use lazuli::cpu::{Isa, Options};
use lazuli::lm::config::Config;

use self::cases::{Case, Job};
use super::lane::{self, Lane};
use super::limits::{Floor, Limits, Reached, Work};
use super::spread::Spread;
use crate::failure::usage;
use crate::output;

pub(super) const EXAMPLES: &str = "\
Examples:
  lazuli bench kernels --filter product.4bit
  lazuli bench kernels --config ./config.json --filter gated_delta,experts
  lazuli bench kernels --filter product.8bit --megabytes 0 --repeats 99
  lazuli bench kernels --threads 1,2 --repeats 15 --json";

/// The shape that is measured if none is named: that of Qwen3-0.6B.
const DEFAULT: &[u8] = include_bytes!("../../../../../../tests/fixtures/configs/qwen3-0.6b.json");

/// Flags of `lazuli bench kernels`.
#[derive(Args, Debug)]
pub(super) struct KernelArgs {
    /// Kernels whose name has one of these in it, such as 4bit.up_proj,softmax [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    filter: Vec<String>,

    /// The shape of a model, as its config.json has it; experts and gated delta nets are measured where
    /// it has them [default: Qwen3-0.6B]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Operands that a measurement goes through, in MB: more than the caches hold; 0: one call's, which
    /// lie in them if they fit
    #[arg(long, value_name = "N", default_value = "256")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    megabytes: u32,

    /// Numbers of threads to compute with, such as 1,2 [default: LAZULI_THREADS, else all cores]
    #[arg(short, long, value_name = "N", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,

    /// Measurements of each kind, of which the median counts
    #[arg(short, long, value_name = "N", default_value = "7")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeats: u16,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// What was measured of one kernel with one number of threads.
struct Row {
    name: String,
    work: Work,
    threads: usize,
    pages: Pages,
    /// Of one call.
    seconds: Spread,
    floor: Floor,
}

/// All rows, and what they are to be seen beside.
struct Table {
    config: String,
    isa: Isa,
    megabytes: u32,
    repeats: usize,
    limits: Vec<Reached>,
    rows: Vec<Row>,
}

/// Runs the command.
pub(super) fn run(args: &KernelArgs) -> Result<()> {
    let environment = Options::from_environment()?;
    let threads = lane::threads(&args.threads, environment)?;
    let (name, config) = args.shape()?;
    let cases = args.chosen(cases::all(&config, environment.isa)?)?;
    let most = threads.iter().copied().max().unwrap_or(1);
    lazuli::init_with(Options {
        threads: most,
        ..environment
    })?;
    let lanes = Lane::all(environment.isa, &threads)?;
    let mut limits = Limits::new(environment.isa);
    let mut measured = Vec::new();
    for case in &cases {
        let job = || (case.make)(1e6 * f64::from(args.megabytes));
        let times = measure(&case.work, job, &lanes, args.repeats.into(), &mut limits);
        measured.push(times.with_context(|| case.name.clone())?);
    }
    let mut rows = Vec::new();
    for (case, (pages, times)) in cases.into_iter().zip(measured) {
        for (lane, seconds) in lanes.iter().zip(times) {
            rows.push(Row {
                name: case.name.clone(),
                work: case.work,
                threads: lane.threads,
                pages,
                seconds,
                // Against all rounds of the run: one alone says less about the machine.
                floor: limits.floor(&case.work, pages, lane.threads)?,
            });
        }
    }
    let table = Table {
        config: name,
        isa: environment.isa,
        megabytes: args.megabytes,
        repeats: args.repeats.into(),
        limits: limits.reached(&threads),
        rows,
    };
    let text = match args.json {
        true => report::json(&table)?,
        false => report::table(&table),
    };
    Ok(output::print(&text)?)
}

impl KernelArgs {
    /// What to call the shape, and what it is.
    fn shape(&self) -> Result<(String, Config)> {
        let Some(path) = &self.config else {
            return Ok(("Qwen3-0.6B".to_owned(), Config::parse(DEFAULT)?));
        };
        let file = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("cannot open {file}"))?;
        let config = Config::parse(&bytes).with_context(|| file.clone())?;
        Ok((file, config))
    }

    fn chosen(&self, mut cases: Vec<Case>) -> Result<Vec<Case>> {
        let kinds = cases::kinds(&cases);
        let named = |case: &Case| { self.filter.iter() }.any(|part| case.name.contains(part));
        cases.retain(|case| self.filter.is_empty() || named(case));
        if cases.is_empty() {
            return Err(usage(format!(
                "--filter {}: no such kernel of this shape; names begin with {}",
                self.filter.join(","),
                kinds.join(", ")
            )));
        }
        Ok(cases)
    }
}

/// Where the operands of a case lie, and its times with each number of threads.
fn measure(
    work: &Work,
    job: impl Fn() -> lazuli::Result<Job>,
    lanes: &[Lane],
    repeats: usize,
    limits: &mut Limits,
) -> Result<(Pages, Vec<Spread>)> {
    // What other cases have left behind lies in pages of its own kind.
    memory::clear_cache();
    let Job { calls, mut call } = job()?;
    let mut pass = || -> Result<f64> {
        let start = Instant::now();
        (0..calls).try_for_each(&mut call)?;
        Ok(start.elapsed().as_secs_f64() / calls as f64)
    };
    // The first pass pays for plans, results and sleeping threads.
    for lane in lanes {
        with_device(lane.device, &mut pass)?;
    }
    let pages = limits.pages();
    for lane in lanes {
        limits.round(work, pages, &lane.pool)?;
    }
    let mut times = vec![Vec::with_capacity(repeats); lanes.len()];
    for _ in 0..repeats {
        for (lane, times) in lanes.iter().zip(&mut times) {
            times.push(with_device(lane.device, &mut pass)?);
        }
    }
    let spread = |times| Spread::of(times).context("nothing was timed");
    Ok((pages, times.into_iter().map(spread).collect::<Result<_>>()?))
}
