//! One file from the hub to the disk, in as many requests as it takes.
//!
//! A part that is here is the file's beginning, because its name is the content's. Each request asks
//! for the rest; what it gets is believed only as far as status, range and length agree with what was
//! said before. The part takes the content's name when its length is the file's, and its SHA-256 too where
//! the hub names one, as it does for weights.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::client::{Answer, Client, TRIES, Trouble};
use super::remote::Remote;
use super::store::Store;
use crate::error::{Error, size, sizes};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 17;

/// Hears bytes so far, bytes in all, and whether another process is waited for.
type Report<'a> = &'a mut dyn FnMut(u64, u64, bool);

/// A file on its way.
pub(super) struct Transfer<'a> {
    pub(super) client: &'a Client,
    pub(super) store: &'a Store,
    pub(super) file: &'a str,
}

impl Transfer<'_> {
    /// Brings the file into the snapshot.
    pub(super) fn run(&self, report: Report<'_>) -> Result<(), Trouble> {
        let url = self.client.file_url(self.file);
        let remote = Remote::ask(self.client, &url)?;
        let blob = self.store.blob(&remote);
        let whole = || fs::metadata(&blob).is_ok_and(|m| m.is_file() && m.len() == remote.size);
        if !whole() {
            let waiting = || report(0, remote.size, true);
            let lock = self.store.lock(&remote, waiting).map_err(Trouble::Local)?;
            // The process that was waited for may have finished it.
            if !whole() {
                self.fetch(&url, &remote, report)?;
            }
            drop(lock);
        }
        report(remote.size, remote.size, false);
        self.store.link(&remote, self.file).map_err(Trouble::Local)
    }

    fn fetch(&self, url: &str, remote: &Remote, report: Report<'_>) -> Result<(), Trouble> {
        let path = self.store.part(remote);
        let local = |action| {
            let path = path.clone();
            move |e| Trouble::Local(Error::io(action, &path, e))
        };
        let open = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut part = open.map_err(local("cannot open"))?;
        let (mut tries, mut furthest, mut spoiled) = (0, 0, false);
        loop {
            let result = self.attempt(url, remote, &mut part, report);
            let here = part.metadata().map_err(local("cannot look at"))?.len();
            let trouble = match result {
                Ok(()) if matches(&mut part, remote).map_err(local("cannot read"))? => break,
                // A part that a crash of the machine left may hold zeros: it gets a second chance.
                Ok(()) if !spoiled => {
                    restart(&mut part).map_err(local("cannot write"))?;
                    (furthest, spoiled) = (0, true);
                    continue;
                }
                Ok(()) => {
                    restart(&mut part).map_err(local("cannot write"))?;
                    Trouble::Wrong("its SHA-256 is not the one that the hub names".to_owned())
                }
                Err(Halt::Write(e)) => {
                    let rest = remote.size.saturating_sub(here);
                    return Err(Trouble::Local(not_written(e, &path, rest)));
                }
                Err(Halt::Trouble(trouble)) => trouble,
            };
            if here > furthest {
                (tries, furthest) = (0, here);
            }
            tries += 1;
            if !trouble.may_pass() || tries == TRIES {
                return Err(match trouble {
                    Trouble::Unreachable(why) if here > 0 => {
                        let (here, of) = sizes(here, remote.size);
                        Trouble::Unreachable(format!("{why} after {here} of {of}"))
                    }
                    trouble => trouble,
                });
            }
            self.client.rest(tries);
        }
        part.sync_all().map_err(local("cannot write"))?;
        drop(part);
        fs::rename(&path, self.store.blob(remote)).map_err(local("cannot rename"))
    }

    /// Asks for what the part lacks. A failure leaves a part that is the file's beginning.
    fn attempt(
        &self,
        url: &str,
        remote: &Remote,
        part: &mut File,
        report: Report<'_>,
    ) -> Result<(), Halt> {
        let mut here = part.seek(SeekFrom::End(0))?;
        if here > remote.size {
            here = restart(part)?;
        }
        if here == remote.size {
            return Ok(());
        }
        let range = format!("bytes={here}-");
        let range = (here > 0).then_some(range.as_str());
        let mut answer = self.client.chase(url, range, |_| false)?;
        match answer.status {
            206 => check_range(&answer, here, remote.size)?,
            // The server has no ranges: everything comes again.
            200 => {
                if here > 0 {
                    here = restart(part)?;
                }
                check_length(&answer, remote.size)?;
            }
            _ => return Err(answer.trouble().into()),
        }
        let mut piece = vec![0; PIECE];
        report(here, remote.size, false);
        while here < remote.size {
            let most = usize::try_from(remote.size - here).map_or(PIECE, |rest| rest.min(PIECE));
            let got = match answer.body.read(&mut piece[..most]) {
                Ok(0) => return Err(Trouble::Unreachable("the connection ended".to_owned()).into()),
                Ok(got) => got,
                Err(e) => return Err(Trouble::Unreachable(e.to_string()).into()),
            };
            part.write_all(&piece[..got])?;
            here += got as u64;
            report(here, remote.size, false);
        }
        Ok(())
    }
}

/// Why an attempt ended.
enum Halt {
    Trouble(Trouble),
    /// The disk did not take it.
    Write(std::io::Error),
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Halt {
        Halt::Trouble(trouble)
    }
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Halt {
        Halt::Write(error)
    }
}

fn restart(part: &mut File) -> std::io::Result<u64> {
    part.set_len(0)?;
    part.seek(SeekFrom::Start(0))
}

fn not_written(error: std::io::Error, path: &Path, rest: u64) -> Error {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => Error::incomplete(
            &path.display().to_string(),
            format!("{error}: {} more are needed, free them", size(rest)),
        ),
        _ => Error::io("cannot write", path, error),
    }
}

/// Whether the content is what the hub names, as far as it names it.
fn matches(part: &mut File, remote: &Remote) -> std::io::Result<bool> {
    let Some(expected) = &remote.sha256 else {
        return Ok(true);
    };
    part.seek(SeekFrom::Start(0))?;
    let mut hash = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        let got = part.read(&mut piece)?;
        if got == 0 {
            break;
        }
        hash.update(&piece[..got]);
    }
    let found = hash.finish();
    let found = found.as_ref().iter().map(|byte| format!("{byte:02x}"));
    Ok(found.collect::<String>().eq_ignore_ascii_case(expected))
}

/// Whether a partial answer is the part that was asked for, of the file that was promised.
fn check_range(answer: &Answer, from: u64, size: u64) -> Result<(), Trouble> {
    let range = answer.header("content-range").unwrap_or_default();
    let numbers = || {
        let (bytes, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        let (start, _) = bytes.split_once('-')?;
        Some((start.parse::<u64>().ok()?, total.parse::<u64>().ok()?))
    };
    match numbers() == Some((from, size)) {
        true => check_length(answer, size - from),
        false => Err(Trouble::Wrong(format!(
            "asked for bytes from {from} of {size}, the server sends `{}`",
            crate::error::one_line(range)
        ))),
    }
}

fn check_length(answer: &Answer, expected: u64) -> Result<(), Trouble> {
    match answer
        .header("content-length")
        .map(|length| length.trim().parse::<u64>())
    {
        None => Ok(()),
        Some(Ok(length)) if length == expected => Ok(()),
        Some(_) => Err(Trouble::Wrong(format!(
            "the server said {} first and sends another length now",
            size(expected)
        ))),
    }
}
