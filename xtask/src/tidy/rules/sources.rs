//! What a Rust file says about itself.

use crate::tidy::report::Report;
use crate::tidy::tree::Tree;

/// A reader who stops after the first lines knows whether to go on.
pub(crate) fn header(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts(".rs") {
        if !text.starts_with("//! ") {
            let message = "no header: start with `//! ` and what the file is for";
            report.error(path, 1, message);
        }
    }
}

/// The page of a crate says what it chose against, and what that costs.
pub(crate) fn crate_page(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts("/src/lib.rs") {
        let mut page = text.lines().take_while(|line| line.starts_with("//!"));
        if !page.any(|line| line.contains("Not chosen")) {
            let message =
                "the crate page has no `Not chosen:`: say what, and what the choice costs";
            report.error(path, 1, message);
        }
    }
}
