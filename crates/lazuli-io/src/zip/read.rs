//! Reading archives that may lie about everything.
//!
//! Members that share bytes are refused, and no member may be longer than its compressed bytes can
//! make it: with both, an archive expands to at most 1,032 times its size, the format's own bound.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::*;
use crate::error::{Error, Result, one_line, size};
use crate::mmap::Bytes;

/// The most bytes that a byte of deflated input becomes.
const MOST_EXPANSION: u64 = 1032;

/// An archive's members, in the order of its directory.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) members: Vec<Member>,
    content: Bytes,
    file: String,
}

/// One file of an archive.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    deflated: bool,
    crc: u32,
    compressed: u64,
    length: u64,
    local: u64,
}

/// Fixed-width little-endian fields of a record.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*value)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// Where the directory is, and how many members it lists.
struct Directory {
    count: u64,
    bytes: Bytes,
}

impl Archive {
    /// Reads an archive's directory; errors call it `file`.
    pub(crate) fn read(content: Bytes, file: &str) -> Result<Archive> {
        let wrong = |reason: String| Error::malformed(file, reason);
        if content.first_chunk::<2>() != Some(b"PK") {
            return Err(wrong("this is not a zip archive".to_owned()));
        }
        let mut directory = directory(&content).map_err(wrong)?;
        let mut members = Vec::new();
        for number in 0..directory.count {
            let (member, record) = member(&directory.bytes)
                .map_err(|reason| wrong(format!("member {number} of the directory: {reason}")))?;
            let rest = directory.bytes.slice(record..);
            directory.bytes = rest.unwrap_or_else(|| Bytes::from(Vec::new()));
            // A folder has a record of its own and nothing in it.
            if !(member.name.ends_with('/') && member.length == 0) {
                members.push(member);
            }
        }
        let archive = Archive {
            members,
            content,
            file: file.to_owned(),
        };
        archive.refuse_shared_bytes()?;
        Ok(archive)
    }

    fn wrong(&self, member: &Member, reason: impl Into<String>) -> Error {
        Error::member(&self.file, &member.name, reason)
    }

    fn refuse_shared_bytes(&self) -> Result<()> {
        let mut places = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let start = self.start(member)?;
            places.push((member.local, start + member.compressed, member));
        }
        places.sort_by_key(|place| place.0);
        match places.windows(2).find(|pair| pair[1].0 < pair[0].1) {
            None => Ok(()),
            Some(pair) => {
                let other = one_line(&pair[0].2.name);
                let reason = format!("its bytes at {} are part of `{other}`", pair[1].0);
                Err(self.wrong(pair[1].2, reason))
            }
        }
    }

    /// Where a member's bytes begin; they are in the file.
    fn start(&self, member: &Member) -> Result<u64> {
        let outside = || {
            let (at, length) = (member.local, member.compressed);
            let whole = size(self.content.len() as u64);
            let reason = format!("{length} bytes at {at} lie outside the file's {whole}");
            self.wrong(member, reason)
        };
        let record = usize::try_from(member.local)
            .ok()
            .and_then(|at| self.content.slice(at..at.checked_add(LOCAL_LENGTH)?))
            .ok_or_else(outside)?;
        let mut fields = Fields(&record);
        if fields.u32() != Some(LOCAL) {
            return Err(self.wrong(member, format!("is not at {}", member.local)));
        }
        let lengths: [u8; 4] = [record[26], record[27], record[28], record[29]];
        let (name, extra) = (
            u16::from_le_bytes([lengths[0], lengths[1]]),
            u16::from_le_bytes([lengths[2], lengths[3]]),
        );
        let start = member.local + LOCAL_LENGTH as u64 + u64::from(name) + u64::from(extra);
        match start.checked_add(member.compressed) {
            Some(end) if end <= self.content.len() as u64 => Ok(start),
            _ => Err(outside()),
        }
    }

    /// A member's content: a view of the archive if it is stored. Such a view is not read for its
    /// checksum if its elements can be used where they lie; others are going to be copied anyway.
    pub(crate) fn content(&self, member: &Member) -> Result<Bytes> {
        let start = self.start(member)?;
        let packed = (self
            .content
            .slice(start as usize..(start + member.compressed) as usize))
        .ok_or_else(|| self.wrong(member, "lies outside the file"))?;
        if member.deflated {
            self.inflated(member, &packed)
        } else {
            if !u64::is_multiple_of(start, ALIGNMENT) {
                self.check_sum(member, &packed)?;
            }
            Ok(packed)
        }
    }

    fn inflated(&self, member: &Member, packed: &[u8]) -> Result<Bytes> {
        // Read beyond what the directory says by one byte, to see whether there is more.
        let mut inflater = DeflateDecoder::new(packed).take(member.length + 1);
        let mut out = Vec::new();
        let refused = || {
            let reason = format!("there is no memory for its {}", size(member.length));
            self.wrong(member, reason)
        };
        let length = usize::try_from(member.length).map_err(|_| refused())?;
        if length > lazuli_core::memory::limit() {
            return Err(refused());
        }
        out.try_reserve_exact(length + 1).map_err(|_| refused())?;
        inflater
            .read_to_end(&mut out)
            .map_err(|e| self.wrong(member, format!("cannot be inflated: {e}")))?;
        if out.len() != length {
            let more = if out.len() > length { "more" } else { "only" };
            let got = if out.len() > length {
                String::new()
            } else {
                format!(" {}", out.len())
            };
            let reason = format!("the directory says {length} bytes, there are {more}{got}");
            return Err(self.wrong(member, reason));
        }
        self.check_sum(member, &out)?;
        Ok(Bytes::from(out))
    }

    fn check_sum(&self, member: &Member, content: &[u8]) -> Result<()> {
        let mut crc = Crc::new();
        crc.update(content);
        if crc.sum() == member.crc {
            return Ok(());
        }
        Err(self.wrong(member, "the checksum differs: the file is damaged"))
    }
}

type Parsed<T> = std::result::Result<T, String>;

/// Finds the directory from the end of the file, behind which a comment may stand.
fn directory(content: &Bytes) -> Parsed<Directory> {
    let earliest = content
        .len()
        .saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let latest = content.len().checked_sub(END_LENGTH);
    let end = (earliest..=latest.unwrap_or(0)).rev().find(|&at| {
        let record = &content[at..];
        let comment = (record.len().wrapping_sub(END_LENGTH) as u16).to_le_bytes();
        record.starts_with(&END.to_le_bytes()) && record.get(20..22) == Some(&comment)
    });
    let end = end.ok_or("the directory at its end is missing: the file is cut short")?;
    let short = "the directory's end is cut short";
    let mut fields = Fields(&content[end + 4..]);
    let [disk, first_disk, _, count] = [(); 4]
        .map(|()| fields.u16())
        .map(Option::unwrap_or_default);
    let (length, offset) = (fields.u32().ok_or(short)?, fields.u32().ok_or(short)?);
    let (mut count, mut length, mut offset) =
        (u64::from(count), u64::from(length), u64::from(offset));
    let mut before = end;
    if let Some(at) = end.checked_sub(LOCATOR_64_LENGTH)
        && content[at..].starts_with(&LOCATOR_64.to_le_bytes())
    {
        let place = Fields(&content[at + 8..]).u64().ok_or(short)?;
        let record = usize::try_from(place)
            .ok()
            .and_then(|at| content.get(at..at.checked_add(END_64_LENGTH)?))
            .filter(|record| record.starts_with(&END_64.to_le_bytes()))
            .ok_or_else(|| format!("the large directory's end is not at {place}"))?;
        let mut fields = Fields(&record[32..]);
        count = fields.u64().ok_or(short)?;
        length = fields.u64().ok_or(short)?;
        offset = fields.u64().ok_or(short)?;
        before = place as usize;
    } else if (disk, first_disk) != (0, 0) {
        return Err("it is one part of an archive in several files".to_owned());
    }
    let bytes = offset
        .checked_add(length)
        .filter(|&to| to <= before as u64)
        .and_then(|to| content.slice(offset as usize..to as usize))
        .ok_or_else(|| format!("the directory of {length} bytes at {offset} lies outside it"))?;
    if count > length / CENTRAL_LENGTH as u64 {
        return Err(format!(
            "a directory of {length} bytes cannot list {count} members"
        ));
    }
    Ok(Directory { count, bytes })
}

/// The first member of what is left of a directory, and its record's length.
fn member(directory: &[u8]) -> Parsed<(Member, usize)> {
    const SHORT: &str = "its record is cut short";
    let mut fields = Fields(directory);
    if fields.u32() != Some(CENTRAL) {
        return Err("there is no record".to_owned());
    }
    let mut u16s = [0; 6];
    for field in &mut u16s {
        *field = fields.u16().ok_or(SHORT)?;
    }
    let [_, _, flags, method, _, _] = u16s;
    let crc = fields.u32().ok_or(SHORT)?;
    let (compressed, length) = (fields.u32().ok_or(SHORT)?, fields.u32().ok_or(SHORT)?);
    let mut lengths = [0; 3];
    for field in &mut lengths {
        *field = usize::from(fields.u16().ok_or(SHORT)?);
    }
    let [name, extra, comment] = lengths;
    fields.take::<8>().ok_or(SHORT)?;
    let local = fields.u32().ok_or(SHORT)?;
    let (stored_name, rest) = fields.0.split_at_checked(name).ok_or(SHORT)?;
    let (extra_fields, rest) = rest.split_at_checked(extra).ok_or(SHORT)?;
    rest.get(..comment).ok_or(SHORT)?;
    let mut member = Member {
        name: decoded(stored_name, flags & FLAG_UTF8 != 0)?,
        deflated: method == DEFLATED,
        crc,
        compressed: compressed.into(),
        length: length.into(),
        local: local.into(),
    };
    let mut large = Fields(extra_64(extra_fields));
    // Only the fields that did not fit are there, in this order.
    for (narrow, wide) in [
        (length, &mut member.length),
        (compressed, &mut member.compressed),
        (local, &mut member.local),
    ] {
        if narrow == u32::MAX {
            *wide = large.u64().unwrap_or(u64::MAX);
        }
    }
    let named = |reason: String| Err(format!("`{}`: {reason}", one_line(&member.name)));
    if flags & FLAG_ENCRYPTED != 0 {
        return named("it is encrypted, which is not supported".to_owned());
    }
    if method != STORED && method != DEFLATED {
        return named(format!(
            "compression method {method}; supported: 0 (stored), 8 (deflate)"
        ));
    }
    let most = if member.deflated { MOST_EXPANSION } else { 1 };
    let least = if member.deflated {
        0
    } else {
        member.compressed
    };
    if member.length > member.compressed.saturating_mul(most) || member.length < least {
        let (length, compressed) = (member.length, member.compressed);
        return named(format!(
            "{compressed} bytes cannot hold the {length} that it should have"
        ));
    }
    Ok((member, CENTRAL_LENGTH + name + extra + comment))
}

fn extra_64(mut extra: &[u8]) -> &[u8] {
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let id = u16::from_le_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let Some((field, rest)) = rest.split_at_checked(length) else {
            break;
        };
        if id == EXTRA_64 {
            return field;
        }
        extra = rest;
    }
    &[]
}

/// A name in UTF-8, or in the code page of the first PCs, which the format falls back to.
fn decoded(name: &[u8], utf8: bool) -> Parsed<String> {
    const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                         └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    if utf8 {
        let name = std::str::from_utf8(name).map_err(|_| "its name is not UTF-8")?;
        return Ok(name.to_owned());
    }
    let letter = |&byte: &u8| match byte.checked_sub(128) {
        None => byte as char,
        Some(upper) => UPPER.chars().nth(upper.into()).unwrap_or('?'),
    };
    Ok(name.iter().map(letter).collect())
}
