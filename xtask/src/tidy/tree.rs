//! The files that the rules look at.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Files by path, `/` between folders, sorted.
pub(crate) struct Tree {
    files: Vec<File>,
}

/// A file and its contents.
pub(crate) struct File {
    /// Relative to the root.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl Tree {
    /// Files that are tracked, or would be by `git add --all`.
    pub(crate) fn read(root: &Path) -> Result<Tree> {
        let out = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .context("git ls-files")?;
        if !out.status.success() {
            bail!(
                "git ls-files: {}",
                String::from_utf8_lossy(&out.stderr).trim()
            );
        }
        let paths = String::from_utf8(out.stdout).context("a path is not UTF-8")?;
        let mut files = Vec::new();
        for path in paths.split_terminator('\0') {
            let full = root.join(path);
            // Deleted files stay in the index until the deletion is staged; links are not followed.
            if full.symlink_metadata().is_ok_and(|found| found.is_file()) {
                let bytes = std::fs::read(&full).with_context(|| path.to_owned())?;
                files.push((path.to_owned(), bytes));
            }
        }
        Ok(Tree::new(files))
    }

    /// A tree in memory.
    pub(crate) fn new(files: Vec<(String, Vec<u8>)>) -> Tree {
        let mut files: Vec<File> = files
            .into_iter()
            .map(|(path, bytes)| File { path, bytes })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Tree { files }
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Files whose name ends with `suffix`, with their text.
    pub(crate) fn texts<'t>(&'t self, suffix: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(suffix))
            .filter_map(|file| Some((file.path.as_str(), file.text()?)))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text()
    }

    /// Whether there is a file or a folder of this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files
            .iter()
            .any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

impl File {
    /// The contents, unless they are binary.
    pub(crate) fn text(&self) -> Option<&str> {
        if self.bytes.contains(&0) {
            return None;
        }
        std::str::from_utf8(&self.bytes).ok()
    }
}
