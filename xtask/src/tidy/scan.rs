//! Rust source, split into code and comments.

/// One line. Both parts keep the columns of the source; what belongs to the other, and the contents
/// of literals, are blanks.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) code: String,
    pub(crate) comment: String,
}

impl Line {
    /// Whether there is nothing but a comment, or nothing at all.
    pub(crate) fn is_comment(&self) -> bool {
        self.code.trim().is_empty()
    }

    /// The places of a word in the code, not part of a longer one.
    pub(crate) fn words<'l>(&'l self, word: &'l str) -> impl Iterator<Item = usize> + 'l {
        words(&self.code, word)
    }
}

/// The byte offsets at which `word` stands alone in `text`.
pub(crate) fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part)
        })
}

#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    /// Depth of nesting.
    BlockComment(usize),
    Text,
    /// Number of `#`.
    RawText(usize),
}

/// The lines of a source file.
pub(crate) fn lines(source: &str) -> Vec<Line> {
    let chars: Vec<char> = source.chars().collect();
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        if chars[at] == '\n' {
            lines.push(std::mem::take(&mut line));
            if matches!(state, State::LineComment) {
                state = State::Code;
            }
            at += 1;
            continue;
        }
        let (len, next) = token(&chars, at, state);
        for &c in &chars[at..at + len] {
            let literal = matches!(state, State::Text | State::RawText(_)) || len > 1;
            let comment = is_comment(state) || is_comment(next);
            line.comment.push(if comment { c } else { ' ' });
            line.code.push(if comment || literal { ' ' } else { c });
        }
        state = next;
        at += len;
    }
    if !line.code.is_empty() {
        lines.push(line);
    }
    lines
}

fn is_comment(state: State) -> bool {
    matches!(state, State::LineComment | State::BlockComment(_))
}

/// The length of what starts at `at`, none of it a line end, and the state after it.
fn token(chars: &[char], at: usize, state: State) -> (usize, State) {
    let rest = &chars[at..];
    let starts = |text: &str| text.chars().eq(rest.iter().copied().take(text.len()));
    match state {
        State::Code if starts("//") => (2, State::LineComment),
        State::Code if starts("/*") => (2, State::BlockComment(1)),
        State::Code if rest[0] == '"' => (1, State::Text),
        State::Code if rest[0] == 'r' && !follows_word(chars, at) => {
            let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
            match rest.get(1 + hashes) {
                Some('"') => (2 + hashes, State::RawText(hashes)),
                _ => (1, State::Code),
            }
        }
        State::Code if rest[0] == '\'' => (char_literal(rest), State::Code),
        State::BlockComment(depth) if starts("/*") => (2, State::BlockComment(depth + 1)),
        State::BlockComment(1) if starts("*/") => (2, State::Code),
        State::BlockComment(depth) if starts("*/") => (2, State::BlockComment(depth - 1)),
        // A backslash before a line end continues the literal on the next line.
        State::Text if rest[0] == '\\' && rest.get(1).is_some_and(|&c| c != '\n') => (2, state),
        State::Text if rest[0] == '"' => (1, State::Code),
        State::RawText(hashes)
            if rest[0] == '"' && rest[1..].iter().take_while(|&&c| c == '#').count() >= hashes =>
        {
            (1 + hashes, State::Code)
        }
        _ => (1, state),
    }
}

/// Whether the character before is part of a name; `br"` and `cr"` are literals.
fn follows_word(chars: &[char], at: usize) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    match chars[..at] {
        [.., before, 'b' | 'c'] => part(before),
        ['b' | 'c'] | [] => false,
        [.., before] => part(before),
    }
}

/// The length of a character literal, or 1 where the quote starts a lifetime.
fn char_literal(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, tail @ ..] => match tail.iter().take(10).position(|&c| c == '\'') {
            Some(end) => end + 4,
            None => 1,
        },
        ['\'', c, '\'', ..] if *c != '\n' => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{lines, words};

    fn code(source: &str) -> Vec<String> {
        let trimmed = |line: super::Line| line.code.trim().to_owned();
        lines(source).into_iter().map(trimmed).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(code("a(); // unsafe"), ["a();"]);
        assert_eq!(
            code("a /* x /* y */ unsafe */ b"),
            ["a                        b"]
        );
        assert!(!code("say(\"unsafe \\\" unsafe\")")[0].contains("unsafe"));
        assert!(!code("say(r#\"unsafe \" unsafe\"#)")[0].contains("unsafe"));
        assert!(!code("say(br\"unsafe\")")[0].contains("unsafe"));
        let several = code("say(\"one\nunsafe\n\"); unsafe");
        assert!(!several[1].contains("unsafe") && several[2].contains("unsafe"));
    }

    #[test]
    fn quotes_of_characters_and_lifetimes_do_not_open_literals() {
        for source in [
            "'\"'; unsafe",
            "'\\''; unsafe",
            "&'a T; unsafe",
            "'\\u{41}'; unsafe",
        ] {
            assert!(code(source)[0].ends_with("unsafe"), "{source}");
        }
        assert!(code("for r in rows { unsafe }")[0].contains("unsafe"));
    }

    #[test]
    fn comments_keep_their_text() {
        let found = lines("/// # Safety\nfn f() {} // SAFETY: so\n");
        assert!(found[0].comment.contains("# Safety") && found[0].is_comment());
        assert!(found[1].comment.contains("SAFETY: so") && !found[1].is_comment());
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(
            words("unsafe_code unsafe unsafely", "unsafe").collect::<Vec<_>>(),
            [12]
        );
    }
}
