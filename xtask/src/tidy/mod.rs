//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy knows.
//!
//! A rule is a function from the tree of files to findings, and the rules are a table. Exceptions are
//! lists in [`exceptions`], which a rule reports when nothing needs them any more. Not chosen: a
//! parser of Rust (`syn`), which would be most of the build time of this crate; a scanner that
//! knows comments and literals is enough for rules about lines.

mod exceptions;
mod report;
mod rules;
mod scan;
#[cfg(test)]
mod tests;
mod tree;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use report::Report;
use tree::Tree;

/// Checks the checkout at `root` and prints what is wrong, one line each.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let tree = Tree::read(root)?;
    let report = check(&tree);
    let mut out = std::io::stdout().lock();
    for line in report.lines() {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "tidy: {}", rules::size::summary(&tree))?;
    let (errors, notes) = report.counts();
    writeln!(out, "tidy: errors: {errors}, notes: {notes}")?;
    Ok(if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check(tree: &Tree) -> Report {
    let mut report = Report::default();
    for rule in rules::ALL {
        rule(tree, &mut report);
    }
    report
}
