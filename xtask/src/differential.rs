//! The Python package against `mlx`, call by call: the program beside its tests does it, this finds it
//! and an interpreter that has both.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// Calls when no number is given.
const CASES: &str = "20000";

/// Runs `--cases N --seed S --only NAMES --python INTERPRETER`, all of them optional.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<ExitCode> {
    let (mut cases, mut seed, mut only) = (CASES, "0", None);
    let given = std::env::var("PYTHON").ok();
    let mut python = given.as_deref().unwrap_or("python3");
    for pair in args.chunks(2) {
        match *pair {
            ["--cases", n] => cases = number("--cases", n)?,
            ["--seed", s] => seed = number("--seed", s)?,
            ["--only", names] => only = Some(names),
            ["--python", interpreter] => python = interpreter,
            [option, ..] => bail!(
                "differential: `{option}` is not --cases N, --seed S, --only NAMES or --python INTERPRETER"
            ),
            [] => {}
        }
    }
    let mut command = Command::new(python);
    command.arg(root.join("crates/lazuli-py/tests/differential.py"));
    command.args(["--cases", cases, "--seed", seed]);
    command.args(only.iter().flat_map(|names| ["--only", names]));
    let done = command.status().with_context(|| python.to_owned())?;
    Ok(match done.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn number<'a>(option: &str, text: &'a str) -> Result<&'a str> {
    match text.parse::<u64>() {
        Ok(_) => Ok(text),
        Err(_) => bail!("differential: {option} takes a number, not `{text}`"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn options_are_checked_before_anything_runs() {
        for (args, wanted) in [
            (
                &["--cases", "many"][..],
                "--cases takes a number, not `many`",
            ),
            (&["--cases"], "`--cases` is not"),
            (&["--verbose", "1"], "`--verbose` is not"),
        ] {
            let error = run(Path::new("."), args).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn an_interpreter_that_is_not_there_is_named() {
        let error = run(Path::new("."), &["--python", "no-such-python"]).unwrap_err();
        assert_eq!(error.to_string(), "no-such-python");
    }
}
