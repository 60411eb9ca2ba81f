//! Markdown pages.

use crate::tidy::report::Report;
use crate::tidy::tree::Tree;

/// Links to files of the tree lead somewhere.
pub(crate) fn links(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts(".md") {
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
            }
            for target in targets(line) {
                let file = target.split('#').next().unwrap_or(target);
                if file.is_empty() || file.contains(':') {
                    continue;
                }
                let found =
                    resolve(path, file).is_some_and(|file| file.is_empty() || tree.has(&file));
                if !found {
                    let message = format!("a link to `{target}`, which is not there");
                    report.error(path, index + 1, message);
                }
            }
        }
    }
}

/// The targets of the links of a line, code left out.
fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // Text and code alternate.
    for text in line.split('`').step_by(2) {
        for (at, _) in text.match_indices("](") {
            let rest = &text[at + 2..];
            if let Some(end) = rest.find([')', ' ']) {
                found.push(&rest[..end]);
            }
        }
    }
    // Code as the text of a link: [`name`](target).
    for (at, _) in line.match_indices("`](") {
        let rest = &line[at + 3..];
        if let Some(end) = rest.find([')', ' ']) {
            found.push(&rest[..end]);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// `link` as seen from the page at `page`; none if it leaves the tree.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
