//! The release binary, as `nm` and `objdump` show it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The binary and what it has.
pub(super) struct Binary {
    path: PathBuf,
    /// By address.
    pub(super) functions: Vec<Function>,
}

/// A function of the binary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Function {
    /// With its generic parameters.
    pub(super) name: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// An instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) address: u64,
    pub(super) mnemonic: String,
    pub(super) operands: String,
    /// As it was printed.
    pub(super) text: String,
}

impl Binary {
    /// Builds it as it is released.
    pub(super) fn build(root: &Path) -> Result<Binary> {
        let out = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "build",
                "--release",
                "--locked",
                "--package",
                "lazuli-cli",
                "--bin",
                "lazuli",
            ])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(root)
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("cargo build")?;
        if !out.status.success() {
            bail!("cargo build: {}", out.status);
        }
        let messages = String::from_utf8(out.stdout)?;
        let executable = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message["executable"].as_str()?))
        });
        let path = executable.context("cargo build: it named no executable")?;
        let symbols = output(
            "nm",
            &["--demangle", "--numeric-sort", "--print-size"],
            &path,
        )?;
        let functions = functions(&symbols);
        if functions.is_empty() {
            bail!("{}: no symbols: it was stripped", path.display());
        }
        Ok(Binary { path, functions })
    }

    /// The instructions of a function.
    pub(super) fn disassemble(&self, function: &Function) -> Result<Vec<Line>> {
        let text = output(
            "objdump",
            &[
                "--disassemble",
                "--disassembler-options=intel",
                "--no-show-raw-insn",
                &format!("--start-address={:#x}", function.start),
                &format!("--stop-address={:#x}", function.end),
            ],
            &self.path,
        )?;
        Ok(lines(&text))
    }
}

/// What a tool prints about the binary.
fn output(tool: &str, args: &[&str], binary: &Path) -> Result<String> {
    let out = Command::new(tool).args(args).arg(binary).output();
    let out = out.with_context(|| format!("{tool} cannot be started: install binutils"))?;
    if !out.status.success() {
        bail!("{tool}: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The functions among lines `ADDRESS SIZE KIND NAME`.
pub(super) fn functions(symbols: &str) -> Vec<Function> {
    let function = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let (start, size, kind, name) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        let number = |text| u64::from_str_radix(text, 16).ok();
        let start = number(start)?;
        matches!(kind, "t" | "T").then_some(Function {
            name: name.to_owned(),
            start,
            end: start + number(size)?,
        })
    };
    symbols.lines().filter_map(function).collect()
}

/// The instructions among lines `  ADDRESS:\tMNEMONIC OPERANDS`.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let (address, rest) = line.trim_start().split_once(":\t")?;
        let rest = rest.trim_end();
        let (mnemonic, operands) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Line {
            address: u64::from_str_radix(address, 16).ok()?,
            mnemonic: mnemonic.to_owned(),
            operands: operands.trim().to_owned(),
            text: line.to_owned(),
        })
    };
    text.lines().filter_map(line).collect()
}
