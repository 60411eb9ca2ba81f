//! `lazuli bench`: speed, with the floor beside it.
//!
//! Decode is memory-bound, so a rate alone says little: the table states what the machine could do at
//! most with the bytes that a token needs, measured between the very repeats that it is compared with.
//! Not chosen: a floor from a data sheet, or from another day of a shared machine.

mod args;
mod draw;
mod floor;
mod kernels;
mod lane;
mod limits;
mod measure;
mod ops;
mod report;
mod spread;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{memory, output};
use args::ModelArgs;

pub(crate) use args::EXAMPLES;

/// What can be measured.
#[derive(Subcommand, Debug)]
enum Subject {
    /// Measure prefill and decode of a language model
    #[command(after_help = EXAMPLES)]
    Model(ModelArgs),

    /// Measure array operations, beside other libraries if asked
    #[command(after_help = ops::EXAMPLES)]
    Ops(ops::OpsArgs),

    /// Measure single kernels in the shapes of a model
    #[command(after_help = kernels::EXAMPLES)]
    Kernels(kernels::KernelArgs),
}

/// Flags of `lazuli bench`.
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    subject: Subject,
}

/// Runs the command.
pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode> {
    match &args.subject {
        Subject::Model(args) => model(args)?,
        Subject::Ops(args) => ops::run(args)?,
        Subject::Kernels(args) => kernels::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn model(args: &ModelArgs) -> Result<()> {
    let plan = args.plan()?;
    lazuli::init_with(plan.device(plan.most_threads()))?;
    let before = (lazuli::core::memory::active(), memory::in_huge_pages());
    let (name, model) = args.load()?;
    let subject = measure::Subject::new(name, model, &plan, before)?;
    let runs = measure::run(&subject, &plan)?;
    let text = match args.json {
        true => report::json(&subject, &plan, &runs)?,
        false => report::table(&subject, &plan, &runs),
    };
    Ok(output::print(&text)?)
}
