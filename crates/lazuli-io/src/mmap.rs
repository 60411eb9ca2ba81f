//! Immutable shared bytes: a memory map, an owned vector, or bytes inside the program itself.
//!
//! One type for the three, so that an array over a mapped checkpoint and one over an embedded model
//! are the same thing to everybody above. A clone or a slice shares the source and keeps it alive.
//!
//! # Files that change underneath
//! A map shows the file, not a copy of it. If another process rewrites a mapped file in place, the
//! bytes change; if it truncates the file, touching the lost pages ends this process with `SIGBUS`
//! (on Windows the truncation is refused). [`Staging`](crate::Staging) never does either: it writes
//! beside the target and renames, which leaves old maps on the old file. Not chosen: copying every
//! file to memory, which doubles the memory and the start-up time of every model to guard against
//! what package managers and downloaders already avoid.
#![allow(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::ops::{Bound, Deref, RangeBounds};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::error::{Error, Result};

/// A cheap-to-clone, immutable view of bytes that keeps its source alive.
#[derive(Clone)]
pub struct Bytes {
    source: Source,
    // Always inside the source: set by `whole`, narrowed by `slice`.
    start: usize,
    len: usize,
}

#[derive(Clone)]
enum Source {
    Mapped(Arc<Mmap>),
    Owned(Arc<Vec<u8>>),
    Static(&'static [u8]),
}

/// How bytes are going to be read: a hint that the system may ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// From front to back once: read ahead far, drop soon.
    Sequential,
    /// Here and there: do not read ahead.
    Random,
    /// Soon: start reading now, in the background.
    WillNeed,
    /// Often: back the range with huge pages, so that fewer address translations miss.
    HugePages,
}

impl Bytes {
    /// Maps a whole file into memory, read-only.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be opened or mapped, or is not a regular file.
    pub fn map(path: impl AsRef<Path>) -> Result<Bytes> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
        let metadata = file
            .metadata()
            .map_err(|e| Error::io("cannot read the size of", path, e))?;
        if !metadata.is_file() {
            let kind = std::io::Error::other("not a regular file");
            return Err(Error::io("cannot map", path, kind));
        }
        if metadata.len() == 0 {
            return Ok(Bytes::from(&[][..]));
        }
        // SAFETY: the map is read-only and private to this struct, its length was taken from the
        // open file by `map`, and it stays mapped until the last `Bytes` that shares it is gone.
        // What no program can rule out is another process changing the file: `u8` has no invalid
        // values, every reader checks offsets against the mapped length rather than against what
        // the file said, and nothing keeps a parsed value in step with bytes that it reads again,
        // so changed bytes give wrong numbers and not wrong memory accesses; truncation raises
        // SIGBUS, which ends the process. The module's documentation states this to users.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io("cannot map", path, e))?;
        Ok(Bytes::whole(Source::Mapped(Arc::new(map))))
    }

    fn whole(source: Source) -> Bytes {
        let len = source.all().len();
        Bytes {
            source,
            start: 0,
            len,
        }
    }

    /// The same bytes narrowed to `range`, sharing the source; none when the range is not inside.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Option<Bytes> {
        let start = match range.start_bound() {
            Bound::Included(&at) => at,
            Bound::Excluded(&at) => at.checked_add(1)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&at) => at.checked_add(1)?,
            Bound::Excluded(&at) => at,
            Bound::Unbounded => self.len,
        };
        if start > end || end > self.len {
            return None;
        }
        Some(Bytes {
            source: self.source.clone(),
            start: self.start + start,
            len: end - start,
        })
    }

    /// Whether the bytes are a view of a file: reading them may touch the disk.
    pub fn is_mapped(&self) -> bool {
        matches!(self.source, Source::Mapped(_))
    }

    /// Tells the system how these bytes will be read. Does nothing for bytes that are not mapped,
    /// and where the system does not know the hint.
    pub fn advise(&self, advice: Advice) {
        #[cfg(unix)]
        if let (Source::Mapped(map), 1..) = (&self.source, self.len) {
            let advice = match advice {
                Advice::Sequential => memmap2::Advice::Sequential,
                Advice::Random => memmap2::Advice::Random,
                Advice::WillNeed => memmap2::Advice::WillNeed,
                #[cfg(target_os = "linux")]
                Advice::HugePages => memmap2::Advice::HugePage,
                #[cfg(not(target_os = "linux"))]
                Advice::HugePages => return,
            };
            // A hint that fails (huge pages of files need a kernel option) changes no result.
            let _ = map.advise_range(advice, self.start, self.len);
        }
        #[cfg(not(unix))]
        let _ = advice;
    }
}

impl Source {
    fn all(&self) -> &[u8] {
        match self {
            Source::Mapped(map) => map,
            Source::Owned(vec) => vec,
            Source::Static(bytes) => bytes,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.source.all()[self.start..self.start + self.len]
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(vec: Vec<u8>) -> Bytes {
        Bytes::whole(Source::Owned(Arc::new(vec)))
    }
}

impl From<&'static [u8]> for Bytes {
    fn from(bytes: &'static [u8]) -> Bytes {
        Bytes::whole(Source::Static(bytes))
    }
}

/// What `include_bytes!` gives.
impl<const N: usize> From<&'static [u8; N]> for Bytes {
    fn from(bytes: &'static [u8; N]) -> Bytes {
        Bytes::from(&bytes[..])
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Mapped(_) => "mapped",
            Source::Owned(_) => "owned",
            Source::Static(_) => "static",
        };
        write!(f, "Bytes({} {source})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared<T: Send + Sync + Clone>(value: T) -> T {
        value
    }

    #[test]
    fn a_slice_keeps_the_map_alive_and_shows_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let content: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        std::fs::write(&path, &content).unwrap();
        let whole = shared(Bytes::map(&path).unwrap());
        assert!(whole.is_mapped());
        for advice in [
            Advice::Sequential,
            Advice::Random,
            Advice::WillNeed,
            Advice::HugePages,
        ] {
            whole.slice(5000..5001).unwrap().advise(advice);
        }
        let tail = whole.slice(5000..).unwrap().slice(10..=19).unwrap();
        drop(whole);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(&tail[..], &content[5010..5020]);
    }

    #[test]
    fn a_range_outside_the_view_is_none_even_when_the_source_is_longer() {
        let view = Bytes::from(vec![7u8; 16]).slice(4..8).unwrap();
        assert_eq!(view.len(), 4);
        assert!(view.slice(4..4).unwrap().is_empty());
        assert!(view.slice(..5).is_none());
        assert!(view.slice(5..).is_none());
        assert!(view.slice(..=usize::MAX).is_none());
        let (start, end) = (3, 2);
        assert!(view.slice(start..end).is_none());
    }

    #[test]
    fn an_empty_file_is_empty_bytes_and_a_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        std::fs::write(&path, []).unwrap();
        assert!(Bytes::map(&path).unwrap().is_empty());
        let message = Bytes::map(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("not a regular file"), "{message}");
        assert!(!Bytes::from(b"abc").is_mapped());
    }
}
