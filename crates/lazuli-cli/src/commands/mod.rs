//! The commands: one file each, with its flags, its help and what it does.

mod bench;
mod chat;
mod convert;
mod devices;
mod generate;
mod info;
mod logits;

use std::process::ExitCode;

use clap::Subcommand;

/// A command with its flags.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Answer or continue a prompt
    #[command(after_help = generate::EXAMPLES)]
    Generate(generate::GenerateArgs),
    /// Talk with a model
    #[command(after_help = chat::EXAMPLES)]
    Chat(chat::ChatArgs),
    /// Write a model as an MLX folder: converted, quantized or dequantized
    #[command(after_help = convert::EXAMPLES)]
    Convert(convert::ConvertArgs),
    /// Write the logits after each of a list of tokens to a npy file
    #[command(after_help = logits::EXAMPLES)]
    Logits(logits::LogitsArgs),
    /// Say what a model is and what it needs
    #[command(after_help = info::EXAMPLES)]
    Info(info::InfoArgs),
    /// Say what this machine computes with, and how fast it reads
    #[command(after_help = devices::EXAMPLES)]
    Devices(devices::DevicesArgs),
    /// Measure speed, with the floor beside it
    #[command(after_help = bench::EXAMPLES)]
    Bench(bench::BenchArgs),
}

impl Command {
    /// Runs the command; its exit status.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Generate(args) => generate::run(args),
            Command::Chat(args) => chat::run(args),
            Command::Convert(args) => convert::run(args),
            Command::Logits(args) => logits::run(args),
            Command::Info(args) => info::run(args),
            Command::Devices(args) => devices::run(args),
            Command::Bench(args) => bench::run(args),
        }
    }
}
