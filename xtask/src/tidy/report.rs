//! What the rules found.

/// Findings in the order of path and line.
#[derive(Default)]
pub(crate) struct Report {
    errors: Vec<Finding>,
    notes: Vec<Finding>,
}

struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Report {
    /// Something that fails the check: what is wrong, and what would be right.
    pub(crate) fn error(&mut self, path: &str, line: usize, message: impl Into<String>) {
        self.errors.push(Finding::new(path, line, message));
    }

    /// Something to think about.
    pub(crate) fn note(&mut self, path: &str, line: usize, message: impl Into<String>) {
        self.notes.push(Finding::new(path, line, message));
    }

    /// Numbers of errors and of notes.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.errors.len(), self.notes.len())
    }

    /// `path:line: message`; notes come first, so that errors end a log.
    pub(crate) fn lines(&self) -> Vec<String> {
        let notes = sorted(&self.notes).map(|finding| finding.line("note: "));
        let errors = sorted(&self.errors).map(|finding| finding.line(""));
        notes.chain(errors).collect()
    }
}

fn sorted(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    let mut findings: Vec<&Finding> = findings.iter().collect();
    findings.sort_by_key(|finding| (&finding.path, finding.line));
    findings.into_iter()
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }

    fn line(&self, kind: &str) -> String {
        format!("{}:{}: {kind}{}", self.path, self.line, self.message)
    }
}
