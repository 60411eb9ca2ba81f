//! What the command writes: text to stdout, everything about it to stderr.

use std::io::{self, Write};

/// Standard output does not take what is written.
#[derive(Debug)]
pub(crate) struct StdoutError(io::Error);

impl StdoutError {
    /// The result of having written to stdout.
    pub(crate) fn check(result: io::Result<()>) -> Result<(), StdoutError> {
        result.map_err(StdoutError)
    }

    /// Whether the reader has closed its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl std::fmt::Display for StdoutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to stdout: {}", self.0)
    }
}

impl std::error::Error for StdoutError {}

/// Whether stdout is what failed: nobody would see an answer.
pub(crate) fn is_stdout(error: &anyhow::Error) -> bool {
    error.is::<StdoutError>()
}

/// Writes text to stdout, at once.
pub(crate) fn print(text: &str) -> Result<(), StdoutError> {
    let mut out = io::stdout().lock();
    StdoutError::check(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a line to stderr; there is nobody to tell when that fails.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A byte count as people write it, in powers of ten: `512 bytes`, `17.9 MB`.
pub(crate) fn size(bytes: u64) -> String {
    for (unit, scale) in [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)] {
        if bytes as f64 >= scale {
            return format!("{:.1} {unit}", bytes as f64 / scale);
        }
    }
    format!("{bytes} {}", if bytes == 1 { "byte" } else { "bytes" })
}

/// A count with separators: `32,768`.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_read_as_people_write_them() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(17_912_345), "17.9 MB");
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(32_768), "32,768");
        assert_eq!(count(31_800_000), "31,800,000");
    }
}
