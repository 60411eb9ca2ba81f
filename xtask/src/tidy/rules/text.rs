//! What no line of text may have.

use crate::tidy::report::Report;
use crate::tidy::scan::{self, words};
use crate::tidy::tree::Tree;

/// Text that people write; the rest is written by programs.
const WRITTEN: &[&str] = &[
    ".rs",
    ".toml",
    ".md",
    ".py",
    ".sh",
    ".yml",
    ".yaml",
    ".cu",
    ".cuh",
    ".html",
    ".css",
    ".js",
    ".gitignore",
    ".ci/run",
];

/// Lines end where their text ends, Rust has no tabs, and the last line ends too.
pub(crate) fn whitespace(tree: &Tree, report: &mut Report) {
    for (path, text) in written(tree) {
        for (number, line) in numbered(text) {
            if line.ends_with([' ', '\t', '\r']) {
                report.error(path, number, "blanks at the end of the line: remove them");
            }
            if path.ends_with(".rs") && line.contains('\t') {
                report.error(path, number, "a tab: write `\\t` or blanks");
            }
        }
        let last = text.lines().count();
        if !text.is_empty() && !text.ends_with('\n') {
            report.error(path, last, "no line end at the end of the file: add one");
        } else if text.ends_with("\n\n") {
            report.error(
                path,
                last,
                "an empty line at the end of the file: remove it",
            );
        }
    }
}

/// What is not done is an issue, not a comment or a panic.
pub(crate) fn open_ends(tree: &Tree, report: &mut Report) {
    const MARKS: [&str; 3] = ["TODO", "FIXME", "XXX"];
    const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
    let mark = |path: &str, number, text: &str, report: &mut Report| {
        for mark in MARKS {
            if words(text, mark).next().is_some() {
                let message = format!("`{mark}`: do it now, or open an issue");
                report.error(path, number, message);
            }
        }
    };
    for (path, text) in written(tree) {
        if !path.ends_with(".rs") {
            for (number, line) in numbered(text) {
                mark(path, number, line, report);
            }
            continue;
        }
        for (index, line) in scan::lines(text).iter().enumerate() {
            mark(path, index + 1, &line.comment, report);
            for name in MACROS {
                let called = |at: usize| line.code[at + name.len()..].starts_with('!');
                if line.words(name).any(called) {
                    let message = format!("`{name}!`: write the code, or return an error");
                    report.error(path, index + 1, message);
                }
            }
        }
    }
}

/// A path of one machine means nothing on another.
pub(crate) fn machine_paths(tree: &Tree, report: &mut Report) {
    let roots = ["work", "root", "home", "Users"].map(|folder| format!("/{folder}/"));
    for (path, number, line) in all_lines(tree) {
        for root in &roots {
            // `docs/work/x` and `https://host/home/` are no such paths.
            let absolute = |at: usize| {
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}>".contains(c))
            };
            if line
                .match_indices(root.as_str())
                .any(|(at, _)| absolute(at))
            {
                let message = format!("a path of one machine (`{root}`): use a relative path");
                report.error(path, number, message);
            }
        }
    }
}

/// Which registry serves a build is the business of the machine that builds.
pub(crate) fn registries(tree: &Tree, report: &mut Report) {
    // In halves, so that this file keeps the rule.
    const INDEX: &str = concat!("crates.io", "-index");
    const HOSTS: [&str; 7] = [
        INDEX,
        concat!("index.", "crates.io"),
        concat!("static.", "crates.io"),
        concat!("pypi", ".org"),
        concat!("files.python", "hosted.org"),
        concat!("registry.", "npmjs.org"),
        concat!("index", "-url"),
    ];
    let source = format!("source = \"registry+https://github.com/rust-lang/{INDEX}\"");
    for (path, number, line) in all_lines(tree) {
        if path.ends_with("Cargo.lock") {
            if line.starts_with("source = ") && line != source {
                let message = format!("a package from elsewhere: it must be `{source}`");
                report.error(path, number, message);
            }
            continue;
        }
        for host in HOSTS {
            if line.contains(host) {
                let message = format!("the address of a registry (`{host}`): remove it");
                report.error(path, number, message);
            }
        }
        let config = path.starts_with(".cargo/") && path.ends_with(".toml");
        if config && (line.starts_with("[source") || line.starts_with("[registr")) {
            report.error(path, number, "a registry in .cargo: remove it");
        }
    }
}

fn written(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.texts("")
        .filter(|(path, _)| WRITTEN.iter().any(|suffix| path.ends_with(suffix)))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').enumerate().map(|(i, line)| (i + 1, line))
}

fn all_lines(tree: &Tree) -> impl Iterator<Item = (&str, usize, &str)> {
    tree.texts("")
        .flat_map(|(path, text)| numbered(text).map(move |(number, line)| (path, number, line)))
}
