//! Cargo.toml files: one table of versions, one table of lints.

use crate::tidy::exceptions::OUTSIDE;
use crate::tidy::report::Report;
use crate::tidy::scan::words;
use crate::tidy::tree::Tree;

/// An entry of a manifest: the table it is in, its key and value.
struct Entry<'t> {
    line: usize,
    table: &'t str,
    key: &'t str,
    value: &'t str,
}

/// The entries that start on lines of their own; further lines of an array are no entries.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut table = "";
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_matches(['[', ']']);
        } else if let Some((key, value)) = line.split_once('=')
            && !line.starts_with([' ', '#'])
        {
            entries.push(Entry {
                line: index + 1,
                table,
                key: key.trim(),
                value: value.trim(),
            });
        }
    }
    entries
}

fn is_dependencies(table: &str) -> bool {
    table.ends_with("dependencies") && !table.starts_with("workspace.")
}

fn members(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.texts("/Cargo.toml")
        .filter(|(path, _)| !OUTSIDE.iter().any(|outside| path.starts_with(outside)))
}

/// A package takes lints, edition and the versions of its dependencies from the workspace.
pub(crate) fn packages(tree: &Tree, report: &mut Report) {
    for (path, text) in members(tree) {
        let entries = entries(text);
        let has = |table: &str, key: &str, value: &str| {
            entries
                .iter()
                .any(|e| e.table == table && e.key == key && e.value == value)
        };
        if !has("lints", "workspace", "true") {
            let message = "lints are not the workspace's: add `[lints]` with `workspace = true`";
            report.error(path, 1, message);
        }
        for key in ["version", "edition", "rust-version", "license"] {
            if !has("package", &format!("{key}.workspace"), "true") {
                let message = format!("not the workspace's {key}: write `{key}.workspace = true`");
                report.error(path, 1, message);
            }
        }
        for entry in entries.iter().filter(|entry| is_dependencies(entry.table)) {
            let shared =
                entry.key.ends_with(".workspace") || entry.value.contains("workspace = true");
            if !shared {
                let message = format!(
                    "`{}` has a version of its own: put it in the workspace's table and write \
                     `{}.workspace = true`",
                    entry.key, entry.key
                );
                report.error(path, entry.line, message);
            }
        }
    }
}

/// Every dependency of the workspace's table is some package's.
pub(crate) fn workspace(tree: &Tree, report: &mut Report) {
    const ROOT: &str = "Cargo.toml";
    let Some(text) = tree.text(ROOT) else {
        return;
    };
    for entry in entries(text)
        .iter()
        .filter(|e| e.table == "workspace.dependencies")
    {
        let used = members(tree).any(|(_, text)| {
            entries(text).iter().any(|used| {
                is_dependencies(used.table)
                    && words(used.key, entry.key).any(|at| at == 0)
                    && used.key.split('.').next() == Some(entry.key)
            })
        });
        if !used {
            let message = format!("no package depends on `{}`: remove it", entry.key);
            report.error(ROOT, entry.line, message);
        }
    }
}
