//! The rules, by what they look at.

mod documents;
mod manifests;
pub(crate) mod size;
mod sources;
mod text;
mod unsafety;

use super::report::Report;
use super::tree::Tree;

/// A rule reports what breaks it.
type Rule = fn(&Tree, &mut Report);

/// All of them.
pub(crate) const ALL: &[Rule] = &[
    size::length,
    size::binaries,
    text::whitespace,
    text::open_ends,
    text::machine_paths,
    text::registries,
    sources::header,
    sources::crate_page,
    unsafety::places,
    unsafety::crate_attribute,
    unsafety::reasons,
    manifests::packages,
    manifests::workspace,
    documents::links,
];
