//! Stop strings over streamed text.
//!
//! Text is handed on as soon as it cannot be part of a stop string, up to the first match, and
//! nothing after it. Which string matched, and what came before it, does not depend on how the text
//! was cut into pieces: the match that is complete first wins, the longer one if two are.

use super::{Error, Result};

/// Watches one sequence's text for stop strings.
#[derive(Debug, Clone)]
pub struct StopMatcher {
    patterns: Vec<Pattern>,
    held: String,
    stopped: bool,
}

/// What a piece of text led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopStep {
    /// Text to hand on.
    pub text: String,
    /// The index of the stop string that matched; the text ended before it.
    pub matched: Option<usize>,
}

/// A stop string with its Knuth-Morris-Pratt failure table.
#[derive(Debug, Clone)]
struct Pattern {
    bytes: Vec<u8>,
    /// For each length: the longest proper suffix of that prefix that is a prefix too.
    border: Vec<usize>,
    /// How much of the string the text ends with.
    matched: usize,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let bytes = text.as_bytes().to_vec();
        let mut border = vec![0; bytes.len() + 1];
        let mut len = 0;
        for i in 1..bytes.len() {
            while len > 0 && bytes[i] != bytes[len] {
                len = border[len];
            }
            len += usize::from(bytes[i] == bytes[len]);
            border[i + 1] = len;
        }
        Self {
            bytes,
            border,
            matched: 0,
        }
    }

    /// Whether the string is complete with `byte`.
    fn advance(&mut self, byte: u8) -> bool {
        while self.matched > 0 && self.bytes[self.matched] != byte {
            self.matched = self.border[self.matched];
        }
        self.matched += usize::from(self.bytes[self.matched] == byte);
        self.matched == self.bytes.len()
    }
}

impl StopMatcher {
    /// A matcher for `stops`; without any it hands everything on.
    ///
    /// # Errors
    /// An empty stop string.
    pub fn new<S: AsRef<str>>(stops: &[S]) -> Result<Self> {
        if let Some(index) = stops.iter().position(|stop| stop.as_ref().is_empty()) {
            return Err(Error::EmptyStop(index));
        }
        Ok(Self {
            patterns: stops
                .iter()
                .map(|stop| Pattern::new(stop.as_ref()))
                .collect(),
            held: String::new(),
            stopped: false,
        })
    }

    /// Takes the next piece of text. After a match nothing is handed on any more.
    pub fn push(&mut self, piece: &str) -> StopStep {
        if self.stopped {
            return StopStep {
                text: String::new(),
                matched: None,
            };
        }
        let start = self.held.len();
        self.held.push_str(piece);
        for (i, &byte) in piece.as_bytes().iter().enumerate() {
            let mut complete = false;
            for pattern in &mut self.patterns {
                complete |= pattern.advance(byte);
            }
            if !complete {
                continue;
            }
            let done = self
                .patterns
                .iter()
                .enumerate()
                .filter(|(_, p)| p.matched == p.bytes.len());
            if let Some((index, longest)) =
                done.max_by_key(|(index, p)| (p.bytes.len(), usize::MAX - index))
            {
                self.held.truncate(start + i + 1 - longest.bytes.len());
                self.stopped = true;
                return StopStep {
                    text: std::mem::take(&mut self.held),
                    matched: Some(index),
                };
            }
        }
        // A partial match begins where its string's first character does: at a character.
        let partial = self.patterns.iter().map(|p| p.matched).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - partial);
        StopStep {
            text: std::mem::replace(&mut self.held, rest),
            matched: None,
        }
    }

    /// Ends the text without a match: what was still held back.
    pub fn finish(&mut self) -> String {
        for pattern in &mut self.patterns {
            pattern.matched = 0;
        }
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first end of any stop string, the longest string there, by search.
    fn by_search(text: &str, stops: &[String]) -> (String, Option<usize>) {
        let ends = stops.iter().enumerate().filter_map(|(index, stop)| {
            let at = text.find(stop.as_str())?;
            Some((at + stop.len(), at, index))
        });
        match ends.min() {
            Some((_, at, index)) => (text[..at].to_owned(), Some(index)),
            None => (text.to_owned(), None),
        }
    }

    fn by_pieces(pieces: &[String], stops: &[String]) -> (String, Option<usize>) {
        let mut matcher = StopMatcher::new(stops).unwrap();
        let mut text = String::new();
        let mut matched = None;
        for piece in pieces {
            let step = matcher.push(piece);
            assert!(
                matched.is_none() || step.text.is_empty(),
                "text after the match"
            );
            text.push_str(&step.text);
            matched = matched.or(step.matched);
        }
        text.push_str(&matcher.finish());
        (text, matched)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]
        #[test]
        fn cutting_the_text_changes_nothing(
            pieces in prop::collection::vec("[abé🦀]{0,4}", 0..12),
            stops in prop::collection::vec("[abé🦀]{1,5}", 0..4),
        ) {
            let whole = by_search(&pieces.concat(), &stops);
            prop_assert_eq!(by_pieces(&pieces, &stops), whole);
        }
    }

    #[test]
    fn text_waits_only_while_it_may_be_a_stop() {
        let mut matcher = StopMatcher::new(&["\n\nUser:", "</s>"]).unwrap();
        let mut texts = Vec::new();
        for piece in ["Hello", "\n", "\nUs", "ing <", "b>", "x</", "s> never"] {
            texts.push(matcher.push(piece));
        }
        let handed: Vec<&str> = texts.iter().map(|step| step.text.as_str()).collect();
        assert_eq!(handed, ["Hello", "", "", "\n\nUsing ", "<b>", "x", ""]);
        assert_eq!(texts.last().unwrap().matched, Some(1));
        assert_eq!(matcher.push("more").text, "");
    }

    #[test]
    fn an_empty_stop_string_is_an_error() {
        assert_eq!(
            StopMatcher::new(&["a", ""]).unwrap_err(),
            Error::EmptyStop(1)
        );
    }
}
