//! Where `unsafe` may be, and that it gives reasons.
//!
//! Clippy asks for a reason at each block; here are places, functions and implementations.

use crate::tidy::exceptions::{OUTSIDE, UNSAFE_CRATES, UNSAFE_FILES};
use crate::tidy::report::Report;
use crate::tidy::scan::{self, Line, words};
use crate::tidy::tree::Tree;

fn in_crate(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Only the listed crates and files have `unsafe`, and all of those do.
pub(crate) fn places(tree: &Tree, report: &mut Report) {
    let listed = |path: &str| {
        UNSAFE_FILES.contains(&path) || UNSAFE_CRATES.iter().any(|folder| in_crate(path, folder))
    };
    let first = |text: &str| {
        let lines = scan::lines(text);
        lines
            .iter()
            .position(|line| line.words("unsafe").next().is_some())
    };
    for (path, text) in tree.texts(".rs").filter(|(path, _)| !listed(path)) {
        if let Some(index) = first(text) {
            let message =
                "`unsafe` here: it belongs in the places that exceptions.rs of xtask lists";
            report.error(path, index + 1, message);
        }
    }
    for path in UNSAFE_FILES {
        if tree.text(path).and_then(first).is_none() {
            let message = "no `unsafe` here: remove it from UNSAFE_FILES of xtask";
            report.error(path, 1, message);
        }
    }
}

/// The compiler holds the rule too, in each crate.
pub(crate) fn crate_attribute(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts(".rs") {
        let Some(folder) = ["/src/lib.rs", "/src/main.rs"]
            .iter()
            .find_map(|root| path.strip_suffix(root))
        else {
            continue;
        };
        let outside = OUTSIDE.iter().any(|outside| path.starts_with(outside));
        if outside || UNSAFE_CRATES.contains(&folder) {
            continue;
        }
        let some = UNSAFE_FILES.iter().any(|file| in_crate(file, folder));
        let level = if some { "deny" } else { "forbid" };
        let attribute = format!("#![{level}(unsafe_code)]");
        if !scan::lines(text)
            .iter()
            .any(|line| line.code.trim() == attribute)
        {
            report.error(path, 1, format!("the crate lacks `{attribute}`: add it"));
        }
    }
}

/// `unsafe fn` and `unsafe trait` say what the caller owes, `unsafe impl` why it holds.
pub(crate) fn reasons(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts(".rs") {
        let lines = scan::lines(text);
        for index in 0..lines.len() {
            let Some((keyword, wanted)) = declaration(&lines[index].code) else {
                continue;
            };
            let told = above(&lines, index).any(|line| line.comment.contains(wanted));
            let excused = keyword == "fn" && excused(&lines, index);
            if !told && !excused {
                let message =
                    format!("`unsafe {keyword}` without `{wanted}` above: say why or when");
                report.error(path, index + 1, message);
            }
        }
    }
}

/// What is declared, and what the lines above it must have.
fn declaration(code: &str) -> Option<(&'static str, &'static str)> {
    let at = words(code, "unsafe").next()?;
    let rest = code[at + "unsafe".len()..].trim_start();
    let rest = rest.strip_prefix("extern").map_or(rest, str::trim_start);
    // A pointer type, `unsafe fn(..)`, declares nothing, nor does the pattern of a macro.
    let named = |keyword| {
        rest.strip_prefix(keyword)
            .is_some_and(|name: &str| name.starts_with(' ') && !name.starts_with(" $"))
    };
    let implements = |rest: &str| rest.starts_with([' ', '<']);
    if named("fn") {
        Some(("fn", "# Safety"))
    } else if named("trait") {
        Some(("trait", "# Safety"))
    } else if rest.strip_prefix("impl").is_some_and(implements) {
        Some(("impl", "SAFETY:"))
    } else {
        None
    }
}

/// Comments and attributes directly above a line, upwards.
fn above(lines: &[Line], index: usize) -> impl Iterator<Item = &Line> {
    let mut inside = false;
    lines[..index].iter().rev().take_while(move |line| {
        let code = line.code.trim();
        inside |= code == ")]";
        let belongs = inside || code.starts_with("#[") || line.comment.contains("//");
        inside &= !code.starts_with("#[");
        belongs
    })
}

/// Whether the function implements a trait, whose page says it, or stands in a block that lifts
/// clippy's rule with a reason. Formatted source shows blocks by indentation.
fn excused(lines: &[Line], index: usize) -> bool {
    let indent = |line: &Line| line.code.len() - line.code.trim_start().len();
    let mut inner = indent(&lines[index]);
    for at in (0..index).rev() {
        let block = &lines[at];
        if block.is_comment() || indent(block) >= inner {
            continue;
        }
        inner = indent(block);
        let start = block.code.trim_start();
        let implements = start.starts_with("impl") || start.starts_with("unsafe impl");
        let of_trait = implements && words(&block.code, "for").next().is_some();
        let lifted = above(lines, at).any(|line| line.code.contains("missing_safety_doc"));
        if of_trait || lifted {
            return true;
        }
    }
    false
}
