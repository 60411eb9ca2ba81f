//! Another library, asked for one call at a time, so that it and ours take turns.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use lazuli::Dtype;

/// What runs the operations in another library.
const PROGRAM: &str = include_str!("peer.py");

/// A library of Python.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Library {
    /// PyTorch
    Torch,
    /// mlx on the CPU
    Mlx,
    /// NumPy
    Numpy,
}

impl Library {
    /// As Python imports it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Library::Torch => "torch",
            Library::Mlx => "mlx",
            Library::Numpy => "numpy",
        }
    }
}

/// A process with the library.
pub(super) struct Peer {
    pub(super) library: Library,
    pub(super) version: String,
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// One call: how long it took, and the mean magnitude of the result if that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) seconds: f64,
    pub(super) mean: Option<f64>,
}

/// Why a library has no time for an operation.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// It has no such operation, or not of this dtype.
    Missing,
    /// It gave an error, or another result.
    Failed(String),
}

impl Peer {
    /// Starts the interpreter that `PYTHON` names, or `python3`, on the operands in `folder`.
    pub(super) fn start(
        library: Library,
        folder: &Path,
        dtype: Dtype,
        threads: usize,
    ) -> Result<Peer> {
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let mut child = Command::new(&python)
            .args(["-c", PROGRAM, library.name()])
            .arg(folder)
            .args([dtype.name(), &threads.to_string()])
            .env("OMP_NUM_THREADS", threads.to_string())
            .env("OPENBLAS_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let (Some(calls), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("--compare {}: no pipes to it", library.name());
        };
        let mut peer = Peer {
            library,
            version: String::new(),
            child,
            calls,
            answers: BufReader::new(answers),
        };
        match peer.answer()? {
            Some(hello) => {
                peer.version = hello["version"].as_str().unwrap_or("?").to_owned();
                Ok(peer)
            }
            None => bail!(
                "--compare {}: {} ended with: {}; install it, or name another interpreter in PYTHON",
                library.name(),
                python.display(),
                peer.last_words(),
            ),
        }
    }

    /// Calls an operation once.
    pub(super) fn call(&mut self, name: &str, check: bool) -> Result<Result<Answer, Why>> {
        let check = if check { "check" } else { "-" };
        // A process that has ended shows at the answer.
        let _ = writeln!(self.calls, "{name} {check}").and_then(|()| self.calls.flush());
        let Some(answer) = self.answer()? else {
            bail!(
                "{} ended in {name}: {}",
                self.library.name(),
                self.last_words()
            );
        };
        Ok(match answer["seconds"].as_f64() {
            Some(seconds) => Ok(Answer {
                seconds,
                mean: answer["mean"].as_f64(),
            }),
            None => Err(match answer["error"].as_str() {
                Some(why) => Why::Failed(why.to_owned()),
                None => Why::Missing,
            }),
        })
    }

    /// The next line; none at the end.
    fn answer(&mut self) -> Result<Option<Value>> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line)
            .map(Some)
            .with_context(|| format!("{} answered {line:?}", self.library.name()))
    }

    /// The last line of what an ended process wrote to its standard error.
    fn last_words(&mut self) -> String {
        let lines = self.child.stderr.take().map(BufReader::new);
        let lines = lines
            .into_iter()
            .flat_map(|lines| lines.lines().map_while(Result::ok));
        lines
            .filter(|line| !line.trim().is_empty())
            .last()
            .unwrap_or_else(|| "nothing".to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It waits for lines and holds nothing that a kill could spoil.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
