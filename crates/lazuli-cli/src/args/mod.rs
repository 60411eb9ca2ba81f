//! The command line: which commands there are, and what several of them share.
//!
//! Errors of the parser become one line like all others; its suggestions stay in it.

mod answer;
mod cache;
mod chat_template;
mod model;
mod one_line;
mod sampling;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::commands::Command;
use crate::failure::{USAGE, report};
use crate::output::{self, StdoutError};

pub(crate) use answer::AnswerArgs;
pub(crate) use cache::CacheArgs;
pub(crate) use chat_template::ChatTemplateArgs;
pub(crate) use model::{ModelArgs, ThreadArgs};
pub(crate) use sampling::SamplingArgs;

/// Language models on this machine, without Python.
#[derive(Parser, Debug)]
#[command(name = "lazuli", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  lazuli generate --prompt \"Write a function that reverses a string.\"
  lazuli chat --model org/name
  lazuli info ./model

Exit status: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C.
LAZULI_CPU (portable, avx2, avx512) and LAZULI_THREADS choose how the CPU computes.";

/// The command that was asked for; else the exit status, after help or an error was written.
pub(crate) fn parse() -> anyhow::Result<Result<Command, ExitCode>> {
    let error = match Cli::try_parse() {
        Ok(cli) => return Ok(Ok(cli.command)),
        Err(error) => error,
    };
    use clap::error::ErrorKind::*;
    match error.kind() {
        DisplayHelp | DisplayVersion => {
            StdoutError::check(error.print())?;
            Ok(Err(ExitCode::SUCCESS))
        }
        DisplayHelpOnMissingArgumentOrSubcommand => {
            output::note(error.render().to_string().trim_end());
            Ok(Err(ExitCode::from(USAGE)))
        }
        _ => {
            let command = Cli::command();
            let named = std::env::args_os().nth(1).unwrap_or_default();
            let named = command.find_subcommand(&named).map(clap::Command::get_name);
            report(&one_line::usage_error(&error.render().to_string(), named));
            Ok(Err(ExitCode::from(USAGE)))
        }
    }
}

/// A whole number that is at least 1.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(n) => Ok(n),
        Err(_) => Err("it must be a whole number, at least 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
