//! The `lazuli` command: arguments, terminal, output. Everything else is in the library.
//!
//! Text goes to stdout; statistics, progress and errors go to stderr. Errors are one line. Exit status:
//! 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C. A reader that closes the pipe early, such as
//! `head`, has what it wanted: that is no failure.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod embedded;
mod failure;
mod interrupt;
mod memory;
mod model;
mod output;
mod progress;
mod prompt;
mod stream;

use std::process::ExitCode;

fn main() -> ExitCode {
    failure::guard(|| {
        let command = match args::parse()? {
            Ok(command) => command,
            Err(code) => return Ok(code),
        };
        interrupt::install()?;
        command.run()
    })
}
