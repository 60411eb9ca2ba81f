//! Decoders of `tokenizer.json` as stages that take one token at a time.
//!
//! Each stage hands on what can no longer change and keeps the rest, so the text of n tokens costs
//! O(n), and the pieces joined are exactly what the `tokenizers` crate's whole-sequence decoders give.
//! Not chosen: decoding a growing window and printing the difference, which costs more, and which
//! must guess where text is final (a real U+FFFD, or a byte run that turns out broken, fools it).

use std::sync::Arc;

use tokenizers::decoders::DecoderWrapper;
use tokenizers::{Decoder, decoders::strip::Strip};

use super::{Error, Result, one_line};

/// One decoder with what it has seen and holds back. A fresh clone starts a new text.
#[derive(Clone)]
pub(super) enum Stage {
    /// Each token on its own.
    Each(Arc<DecoderWrapper>),
    /// Each token on its own, but the first one differs.
    First {
        decoder: Arc<DecoderWrapper>,
        seen: bool,
    },
    /// No decoder: tokens are words.
    Words { seen: bool },
    /// `<0xE2>` tokens: a run of them is text only if all of it is, so the run is held.
    Bytes { run: Vec<u8> },
    /// Byte-level vocabulary: an incomplete character is held.
    ByteLevel { held: Vec<u8> },
    /// An end-of-word suffix, which differs at the end of the text: one token is held.
    Suffix {
        decoder: Arc<DecoderWrapper>,
        held: Option<String>,
    },
    /// Repeated tokens count once.
    Repeats {
        decoder: Arc<DecoderWrapper>,
        last: Option<String>,
    },
    /// Cuts characters off both ends of each token.
    StripEach(Strip),
    /// Cuts characters off both ends of the text: `held` of them may be the end.
    StripText {
        strip: Strip,
        left: usize,
        held: usize,
    },
    /// Anything else after the tokens became one text: it needs the whole.
    Whole {
        decoder: Arc<DecoderWrapper>,
        text: String,
    },
}

/// The stages of a tokenizer's decoder.
pub(super) fn stages(decoder: Option<&DecoderWrapper>) -> Vec<Stage> {
    let mut stages = Vec::new();
    match decoder {
        Some(decoder) => append(&mut stages, decoder, &mut false),
        None => stages.push(Stage::Words { seen: false }),
    }
    stages
}

/// `fused`: the stages so far make one text of all tokens, in pieces.
fn append(stages: &mut Vec<Stage>, decoder: &DecoderWrapper, fused: &mut bool) {
    let shared = || Arc::new(decoder.clone());
    let stage = match decoder {
        DecoderWrapper::Sequence(sequence) => {
            for decoder in sequence.get_decoders() {
                append(stages, decoder, fused);
            }
            return;
        }
        DecoderWrapper::Fuse(_) => {
            *fused = true;
            return;
        }
        DecoderWrapper::Strip(strip) if *fused => Stage::StripText {
            strip: strip.clone(),
            left: strip.start,
            held: 0,
        },
        DecoderWrapper::Replace(_) if *fused && replaces_single_characters(decoder) => {
            Stage::Each(shared())
        }
        _ if *fused => Stage::Whole {
            decoder: shared(),
            text: String::new(),
        },
        DecoderWrapper::ByteLevel(_) => {
            *fused = true;
            Stage::ByteLevel { held: Vec::new() }
        }
        DecoderWrapper::Strip(strip) => Stage::StripEach(strip.clone()),
        DecoderWrapper::Replace(_) => Stage::Each(shared()),
        DecoderWrapper::Metaspace(_) | DecoderWrapper::WordPiece(_) => Stage::First {
            decoder: shared(),
            seen: false,
        },
        DecoderWrapper::ByteFallback(_) => Stage::Bytes { run: Vec::new() },
        DecoderWrapper::BPE(_) => Stage::Suffix {
            decoder: shared(),
            held: None,
        },
        DecoderWrapper::CTC(_) => Stage::Repeats {
            decoder: shared(),
            last: None,
        },
    };
    stages.push(stage);
}

fn replaces_single_characters(decoder: &DecoderWrapper) -> bool {
    // The pattern has no accessor; its serialized form is the file format's.
    let json = serde_json::to_value(decoder).unwrap_or_default();
    let pattern = json["pattern"]["String"].as_str();
    pattern.is_some_and(|pattern| pattern.chars().count() == 1)
}

/// Sends `token` through all stages: the text that is now final.
pub(super) fn push(stages: &mut [Stage], token: String) -> Result<String> {
    let mut pieces = vec![token];
    for stage in stages {
        let mut next = Vec::with_capacity(pieces.len());
        for piece in pieces {
            stage.push(piece, &mut next)?;
        }
        pieces = next;
    }
    Ok(pieces.concat())
}

/// Ends the text: what the stages still held.
pub(super) fn finish(stages: &mut [Stage]) -> Result<String> {
    let mut pieces = Vec::new();
    for stage in stages {
        let mut next = Vec::new();
        for piece in pieces {
            stage.push(piece, &mut next)?;
        }
        stage.finish(&mut next)?;
        pieces = next;
    }
    Ok(pieces.concat())
}

impl Stage {
    fn push(&mut self, piece: String, next: &mut Vec<String>) -> Result<()> {
        match self {
            Self::Each(decoder) => next.push(only(decoder, vec![piece])?),
            Self::First {
                decoder,
                seen: seen @ false,
            } => {
                *seen = true;
                next.push(only(decoder, vec![piece])?);
            }
            Self::First { decoder, .. } => next.push(only(decoder, vec![String::new(), piece])?),
            Self::Words { seen: seen @ false } => {
                *seen = true;
                next.push(piece);
            }
            Self::Words { .. } => next.push(format!(" {piece}")),
            Self::Bytes { run } => match byte_token(&piece) {
                Some(byte) => run.push(byte),
                None => {
                    // An empty piece would count as a token further on.
                    next.extend(take_run(run));
                    next.push(piece);
                }
            },
            Self::ByteLevel { held } => {
                push_byte_level(&piece, held);
                next.push(take_characters(held));
            }
            Self::Suffix { decoder, held } => {
                if let Some(held) = held.replace(piece) {
                    // Followed by something, whatever it is.
                    let both = decode(decoder, vec![held, String::new()])?;
                    next.extend(both.into_iter().next());
                }
            }
            Self::Repeats { decoder, last } => {
                if last.as_ref() != Some(&piece) {
                    *last = Some(piece.clone());
                    next.extend(decode(decoder, vec![piece])?);
                }
            }
            Self::StripEach(strip) => {
                let start = leading(&piece, strip.content, strip.start);
                let rest = &piece[start..];
                let end = rest.len() - trailing(rest, strip.content, strip.stop);
                next.push(rest[..end].to_owned());
            }
            Self::StripText { strip, left, held } => {
                let width = strip.content.len_utf8();
                let cut = leading(&piece, strip.content, *left);
                let rest = &piece[cut..];
                // At the first other character the start of the text is over.
                *left = if rest.is_empty() {
                    *left - cut / width
                } else {
                    0
                };
                let end = rest.len() - trailing(rest, strip.content, strip.stop);
                let run = (rest.len() - end) / width;
                // Earlier characters stay held only as far as the run still reaches back to them.
                let kept = if end == 0 {
                    (*held).min(strip.stop - run)
                } else {
                    0
                };
                let mut text = strip.content.to_string().repeat(*held - kept);
                text.push_str(&rest[..end]);
                *held = kept + run;
                next.push(text);
            }
            Self::Whole { text, .. } => text.push_str(&piece),
        }
        Ok(())
    }

    fn finish(&mut self, next: &mut Vec<String>) -> Result<()> {
        match self {
            Self::Bytes { run } => next.extend(take_run(run)),
            Self::ByteLevel { held } => {
                next.push(String::from_utf8_lossy(held).into_owned());
                held.clear();
            }
            Self::Suffix { decoder, held } => {
                if let Some(held) = held.take() {
                    next.push(only(decoder, vec![held])?);
                }
            }
            Self::Whole { decoder, text } => {
                next.extend(decode(decoder, vec![std::mem::take(text)])?)
            }
            _ => {}
        }
        Ok(())
    }
}

fn decode(decoder: &DecoderWrapper, tokens: Vec<String>) -> Result<Vec<String>> {
    let decoded = decoder.decode_chain(tokens);
    decoded.map_err(|error| Error::Tokenizer(one_line(&error.to_string())))
}

/// The last token of `tokens`, decoded in their company.
fn only(decoder: &DecoderWrapper, tokens: Vec<String>) -> Result<String> {
    Ok(decode(decoder, tokens)?.pop().unwrap_or_default())
}

/// The byte that a token such as `<0x0A>` stands for.
fn byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() != 2 {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

/// The text of a run of byte tokens, if there is one: a U+FFFD for each of them if they are not UTF-8.
fn take_run(run: &mut Vec<u8>) -> Option<String> {
    let len = run.len();
    let text = String::from_utf8(std::mem::take(run));
    (len > 0).then(|| text.unwrap_or_else(|_| "\u{FFFD}".repeat(len)))
}

/// Appends the bytes of a byte-level token; a token with other characters stands for itself.
fn push_byte_level(token: &str, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    for character in token.chars() {
        let Some(byte) = byte_of(character) else {
            bytes.truncate(start);
            bytes.extend_from_slice(token.as_bytes());
            return;
        };
        bytes.push(byte);
    }
}

/// The byte that a character of a byte-level vocabulary stands for (GPT-2's table): printable Latin-1
/// characters stand for themselves, and the other bytes, in order, are U+0100 and up.
fn byte_of(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => Some(code as u8),
        code @ 0x100..=0x120 => Some((code - 0x100) as u8),
        code @ 0x121..=0x142 => Some((code - 0x121 + 0x7F) as u8),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// Takes the complete characters off `held`; bytes that no continuation can mend become U+FFFD.
fn take_characters(held: &mut Vec<u8>) -> String {
    let mut text = String::with_capacity(held.len());
    let mut incomplete = 0;
    let mut chunks = held.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let invalid = chunk.invalid();
        if chunks.peek().is_none() && may_continue(invalid) {
            incomplete = invalid.len();
        } else if !invalid.is_empty() {
            text.push('\u{FFFD}');
        }
    }
    held.drain(..held.len() - incomplete);
    text
}

/// Whether `bytes` are the beginning of a character.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// Bytes of up to `most` leading `content` characters.
fn leading(text: &str, content: char, most: usize) -> usize {
    let run = text.chars().take(most).take_while(|&c| c == content);
    run.count() * content.len_utf8()
}

/// Bytes of up to `most` trailing `content` characters.
fn trailing(text: &str, content: char, most: usize) -> usize {
    let run = text.chars().rev().take(most).take_while(|&c| c == content);
    run.count() * content.len_utf8()
}
