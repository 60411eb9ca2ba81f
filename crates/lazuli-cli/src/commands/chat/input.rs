//! Where the user's lines come from: a line editor on a terminal, else plain lines of stdin.
//!
//! Both join lines by one rule: a trailing backslash or an open ``` fence asks for another line.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, Result};
use reedline::{
    DefaultHinter, FileBackedHistory, Prompt, PromptEditMode, PromptHistorySearch, Reedline,
    Signal, ValidationResult, Validator,
};

use crate::prompt::utf8;

/// Entries of the history that are kept.
const HISTORY: usize = 1000;

/// What was read.
pub(super) enum Line {
    /// A line, or several that belong together.
    Text(String),
    /// A line that the user dropped with Ctrl-C.
    Dropped,
    /// There will be no more.
    End,
}

/// The user's side.
pub(super) enum Input {
    /// A terminal.
    Editor(Box<Reedline>),
    /// A file or a pipe.
    Plain(io::StdinLock<'static>),
}

impl Input {
    /// The editor if there is a terminal to read from and one to draw on.
    pub(super) fn new() -> Input {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Input::Plain(io::stdin().lock());
        }
        let editor = Reedline::create()
            .use_bracketed_paste(true)
            .with_hinter(Box::new(DefaultHinter::default()))
            .with_ansi_colors(std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()))
            .with_validator(Box::new(Lines));
        // Without a place for the history it lasts as long as the program.
        let history = history_file().and_then(|f| FileBackedHistory::with_file(HISTORY, f).ok());
        Input::Editor(Box::new(match history {
            Some(history) => editor.with_history(Box::new(history)),
            None => editor,
        }))
    }

    /// Whether a person sits at the other end.
    pub(super) fn is_interactive(&self) -> bool {
        matches!(self, Input::Editor(_))
    }

    /// The next text.
    ///
    /// # Errors
    /// Stdin cannot be read, or is not UTF-8.
    pub(super) fn read(&mut self) -> Result<Line> {
        match self {
            Input::Editor(editor) => Ok(match editor.read_line(&Sign).context("terminal")? {
                Signal::Success(text) => Line::Text(join(&text)),
                Signal::CtrlD => Line::End,
                _ => Line::Dropped,
            }),
            Input::Plain(stdin) => read_plain(stdin),
        }
    }
}

fn read_plain(input: &mut impl BufRead) -> Result<Line> {
    let mut text = String::new();
    loop {
        let mut bytes = Vec::new();
        let read = input
            .read_until(b'\n', &mut bytes)
            .context("cannot read stdin")?;
        let line = utf8(bytes)?;
        text.push_str(line.strip_suffix('\n').unwrap_or(&line));
        match (read, text.is_empty()) {
            (0, true) => return Ok(Line::End),
            // The last line asked for another one that did not come.
            (0, false) => return Ok(Line::Text(join(text.trim_end_matches('\n')))),
            _ if is_complete(&text) => return Ok(Line::Text(join(&text))),
            _ => text.push('\n'),
        }
    }
}

/// Whether no line has to follow.
fn is_complete(text: &str) -> bool {
    !text.ends_with('\\') && !in_fence(text)
}

fn in_fence(text: &str) -> bool {
    let fences = text
        .lines()
        .filter(|line| line.trim_start().starts_with("```"));
    !fences.count().is_multiple_of(2)
}

/// The text without the backslashes that asked for another line.
fn join(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_suffix("\\\n") {
            Some(start) if !in_fence(&out) => {
                out.push_str(start);
                out.push('\n');
            }
            _ => out.push_str(line),
        }
    }
    match out.strip_suffix('\\') {
        Some(start) if !in_fence(start) => start.to_owned(),
        _ => out,
    }
}

/// `$XDG_STATE_HOME/lazuli/chat-history`; none when the user has no home.
fn history_file() -> Option<PathBuf> {
    let folder = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("lazuli").join("chat-history"))
}

struct Lines;

impl Validator for Lines {
    fn validate(&self, text: &str) -> ValidationResult {
        match is_complete(text) {
            true => ValidationResult::Complete,
            false => ValidationResult::Incomplete,
        }
    }
}

/// What stands before the user's lines.
struct Sign;

impl Prompt for Sign {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("… ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(search: {}) ", search.term))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(input: &str) -> Vec<String> {
        let mut bytes = input.as_bytes();
        let mut texts = Vec::new();
        while let Line::Text(text) = read_plain(&mut bytes).unwrap() {
            texts.push(text);
        }
        texts
    }

    #[test]
    fn lines_join_at_backslashes_and_in_fences() {
        assert_eq!(texts("a\nb\n"), ["a", "b"]);
        assert_eq!(texts("a\\\nb\nc"), ["a\nb", "c"]);
        assert_eq!(
            texts("see:\\\n```rust\nlet x = 1; \\\n\n```\nnext\n"),
            ["see:\n```rust\nlet x = 1; \\\n\n```", "next"]
        );
    }

    #[test]
    fn what_stays_open_at_the_end_is_taken_as_it_is() {
        assert_eq!(texts("a\\"), ["a"]);
        assert_eq!(texts("a\\\n"), ["a"]);
        assert_eq!(texts("```\nb"), ["```\nb"]);
        assert_eq!(texts(""), Vec::<String>::new());
    }

    #[test]
    fn an_empty_line_is_a_text_and_not_the_end() {
        assert_eq!(texts("\n\na\n"), ["", "", "a"]);
    }
}
