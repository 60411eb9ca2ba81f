//! Project automation: what CI checks beyond the compiler, and what it reads out of the README.
//!
//! A program of the workspace instead of shell scripts: it is typed, tested and lints itself, and
//! `cargo xtask` finds it on every system. It depends on nothing that takes long to build.
#![forbid(unsafe_code)]

mod asm;
mod differential;
mod readme;
mod tidy;

use std::io::Write;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask tidy            check the tree against the house rules
cargo xtask asm [--update | --show NAME]
                            hold the hot loops of the release binary against xtask/asm/figures.json
cargo xtask differential [--cases N] [--seed S] [--only NAMES] [--python INTERPRETER]
                            compare calls of the Python package with mlx (20,000 of them; python3 or $PYTHON)
cargo xtask readme PREFIX   print the first fenced command of README.md that starts with PREFIX";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["tidy"] => tidy::run(&root()?),
        ["asm", ref rest @ ..] => asm::run(&root()?, rest),
        ["readme", prefix] => {
            let text = std::fs::read_to_string(root()?.join("README.md")).context("README.md")?;
            let Some(command) = readme::command(&text, prefix) else {
                bail!("README.md: no fenced command starts with `{prefix}`; it must show one");
            };
            writeln!(std::io::stdout(), "{command}")?;
            Ok(ExitCode::SUCCESS)
        }
        ["differential", ref rest @ ..] => differential::run(&root()?, rest),
        ["--help" | "-h"] => {
            writeln!(std::io::stdout(), "{USAGE}")?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("unknown task `{}`; tasks are:\n{USAGE}", args.join(" ")),
    }
}

/// Writes a line to stdout.
fn print(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// The root of the checkout that the current folder is in.
fn root() -> Result<std::path::PathBuf> {
    let out = Command::new("git")
        .args(["rev-parse", "--show-toplevel"])
        .output()
        .context("git")?;
    if !out.status.success() {
        bail!("not in a git checkout: run it inside the repository");
    }
    Ok(String::from_utf8(out.stdout)?.trim_end().into())
}
