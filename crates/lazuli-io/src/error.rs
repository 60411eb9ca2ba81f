//! What can go wrong with a file, each in one line that names the file and says what would be right.
//!
//! Names come from outside: they are escaped and shortened before they are shown, so that a message
//! stays one line whatever a file calls its tensors.

use std::io;
use std::path::{Path, PathBuf};

/// The result of reading or writing files.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused an operation on a file.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted, such as `cannot open`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file breaks its format, or a folder holds no model.
    #[error("{file}: {reason}")]
    Malformed {
        /// The file or folder.
        file: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A file or a set of files stops short.
    #[error("{file}: {reason}: the download is incomplete; run the command again to resume it")]
    Incomplete {
        /// The file.
        file: String,
        /// What is missing.
        reason: String,
    },
    /// One tensor is wrong.
    #[error("{file}: tensor `{}`: {reason}", one_line(tensor))]
    Tensor {
        /// The file.
        file: String,
        /// The tensor's name as stored.
        tensor: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// One member of an archive is wrong.
    #[error("{file}: member `{}`: {reason}", one_line(member))]
    Member {
        /// The archive.
        file: String,
        /// The member's name as stored.
        member: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An array could not be made or computed.
    #[error("{file}: {source}")]
    Array {
        /// The file that it is read from or written to.
        file: String,
        /// Why.
        source: lazuli_core::Error,
    },
    /// The place that should be written is taken.
    #[error("{} exists already: remove it, or choose another place", path.display())]
    Exists {
        /// The file or folder in the way.
        path: PathBuf,
    },
    /// No model of this name was found.
    #[error("model `{}`: {reason}", one_line(name))]
    NoModel {
        /// The name or path that was asked for.
        name: String,
        /// Where it was looked for.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn malformed(file: &str, reason: impl Into<String>) -> Error {
        Error::Malformed {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn incomplete(file: &str, reason: impl Into<String>) -> Error {
        Error::Incomplete {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn member(file: &str, member: &str, reason: impl Into<String>) -> Error {
        Error::Member {
            file: file.to_owned(),
            member: member.to_owned(),
            reason: reason.into(),
        }
    }

    /// Gives an array's error the name of a file.
    pub(crate) fn array(file: &str) -> impl FnOnce(lazuli_core::Error) -> Error + '_ {
        move |source| Error::Array {
            file: file.to_owned(),
            source,
        }
    }

    pub(crate) fn tensor(file: &str, tensor: &str, reason: impl Into<String>) -> Error {
        Error::Tensor {
            file: file.to_owned(),
            tensor: tensor.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Text from outside, unprintable characters escaped, cut to what a line can hold.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut line = String::new();
    for (i, c) in text.chars().enumerate() {
        match c {
            _ if i == LONGEST => {
                line.push('…');
                break;
            }
            '\'' | '"' | '\\' => line.push(c),
            _ => line.extend(c.escape_debug()),
        }
    }
    line
}

/// A byte count as people write it: `512 bytes`, `3.1 GB` (powers of ten).
pub(crate) fn size(bytes: u64) -> String {
    for (unit, scale) in [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
    ] {
        if bytes >= scale {
            return format!("{:.1} {unit}", bytes as f64 / scale as f64);
        }
    }
    exact(bytes)
}

/// Two sizes that differ, to the byte when rounding would make them look alike.
pub(crate) fn sizes(a: u64, b: u64) -> (String, String) {
    let rounded = (size(a), size(b));
    if rounded.0 == rounded.1 {
        return (exact(a), exact(b));
    }
    rounded
}

fn exact(bytes: u64) -> String {
    format!("{bytes} {}", if bytes == 1 { "byte" } else { "bytes" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_on_one_short_line() {
        assert_eq!(one_line("a.b"), "a.b");
        assert_eq!(one_line("a\nb\u{1b}[2J"), "a\\nb\\u{1b}[2J");
        assert_eq!(one_line(&"x".repeat(200)).chars().count(), 121);
    }

    #[test]
    fn sizes_that_round_alike_are_given_to_the_byte() {
        assert_eq!(
            sizes(12_400_000_000, 3_100_000_000),
            ("12.4 GB".into(), "3.1 GB".into())
        );
        assert_eq!(
            sizes(1_000_000_001, 1_000_000_000),
            ("1000000001 bytes".into(), "1000000000 bytes".into())
        );
        assert_eq!(size(1), "1 byte");
    }
}
