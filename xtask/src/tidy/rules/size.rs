//! How long files are.

use crate::tidy::exceptions::{LARGE, TABLES};
use crate::tidy::report::Report;
use crate::tidy::tree::Tree;

const SOFT: usize = 600;
const HARD: usize = 1000;
const MEDIAN: usize = 170;
const BYTES: usize = 4 << 20;

/// Rust files have one job each, which length betrays.
pub(crate) fn length(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts(".rs") {
        let lines = text.lines().count();
        let table = TABLES.contains(&path);
        if lines > HARD && !table {
            let message = format!("{lines} lines: split it, the limit is {HARD}");
            report.error(path, 1, message);
        } else if lines > SOFT && !table {
            let message = format!("{lines} lines: over {SOFT}, does it have one job?");
            report.note(path, 1, message);
        }
        if table && lines <= HARD {
            let message = format!("{lines} lines: it needs no place in TABLES of xtask");
            report.error(path, 1, message);
        }
    }
    for path in TABLES.iter().filter(|path| !tree.has(path)) {
        report.error(path, 1, "no such file: remove it from TABLES of xtask");
    }
    let median = median(tree);
    if median > MEDIAN {
        let message = format!("the median Rust file has {median} lines, more than {MEDIAN}");
        report.note("crates", 1, message);
    }
}

/// A clone holds every version of every file for ever.
pub(crate) fn binaries(tree: &Tree, report: &mut Report) {
    for file in tree.files() {
        if file.bytes.len() > BYTES && !file.path.starts_with(LARGE) {
            let message = format!(
                "{:.1} MiB: files over {} MiB belong under {LARGE}, or are made by a script",
                file.bytes.len() as f64 / f64::from(1 << 20),
                BYTES >> 20
            );
            report.error(&file.path, 1, message);
        }
    }
}

/// One line about the tree.
pub(crate) fn summary(tree: &Tree) -> String {
    let lengths = lengths(tree);
    format!(
        "{} files, {} of them Rust with {} lines; median {} lines, longest {}",
        tree.files().len(),
        lengths.len(),
        lengths.iter().sum::<usize>(),
        median(tree),
        lengths.last().copied().unwrap_or(0),
    )
}

fn median(tree: &Tree) -> usize {
    let lengths = lengths(tree);
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

fn lengths(tree: &Tree) -> Vec<usize> {
    let mut lengths: Vec<usize> = tree
        .texts(".rs")
        .map(|(_, text)| text.lines().count())
        .collect();
    lengths.sort_unstable();
    lengths
}
