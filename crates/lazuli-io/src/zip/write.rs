//! Writing archives, member by member, to a file that can be sought in.

use std::io::{Result, Seek, SeekFrom, Write};

use flate2::Crc;
use flate2::write::DeflateEncoder;

use super::*;

/// The first of January 1980, the format's first day: the same arrays give the same bytes.
const DATE: u16 = 0x21;
/// Deflated members may be a little longer than their content.
const DEFLATE_SLACK: u64 = 1 << 20;

/// An archive that is being written.
pub(crate) struct Writer<W: Write + Seek> {
    out: W,
    compressed: bool,
    /// Sizes and offsets from here on have 64 bits; the format's own bound but in tests.
    large: u64,
    directory: Vec<u8>,
    count: u64,
}

/// Writes what it is given, and counts and sums it.
struct Counted<W> {
    out: W,
    crc: Crc,
    length: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }
}

impl<W: Write + Seek> Writer<W> {
    pub(crate) fn new(out: W, compressed: bool) -> Writer<W> {
        Writer {
            out,
            compressed,
            large: u64::from(u32::MAX),
            directory: Vec::new(),
            count: 0,
        }
    }

    #[cfg(test)]
    fn large_from(mut self, large: u64) -> Writer<W> {
        self.large = large;
        self
    }

    /// Adds a member of `length` bytes, which `write` writes.
    pub(crate) fn add(
        &mut self,
        name: &str,
        length: u64,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let too_long = || std::io::Error::other("the name is longer than an archive can hold");
        let name_length = u16::try_from(name.len()).map_err(|_| too_long())?;
        let local = self.out.stream_position()?;
        let wide = length.saturating_add(DEFLATE_SLACK.min(self.large / 4)) >= self.large;
        let mut extra = Vec::new();
        if wide {
            extra.extend(EXTRA_64.to_le_bytes());
            extra.extend(16u16.to_le_bytes());
            extra.extend([0; 16]);
        }
        if !self.compressed {
            let content = local + (LOCAL_LENGTH + name.len() + extra.len() + 4) as u64;
            let padding = content.next_multiple_of(ALIGNMENT) - content;
            extra.extend(EXTRA_PADDING.to_le_bytes());
            extra.extend((padding as u16).to_le_bytes());
            extra.resize(extra.len() + padding as usize, 0);
        }
        // The sum and the sizes are known afterwards.
        let mut head = Vec::with_capacity(LOCAL_LENGTH + name.len() + extra.len());
        head.extend(LOCAL.to_le_bytes());
        head.extend(self.common(wide, 0, [0, 0]));
        head.extend(name_length.to_le_bytes());
        head.extend((extra.len() as u16).to_le_bytes());
        head.extend(name.as_bytes());
        head.extend(&extra);
        self.out.write_all(&head)?;

        let start = self.out.stream_position()?;
        let mut content = Counted {
            out: &mut self.out,
            crc: Crc::new(),
            length: 0,
        };
        let (crc, written) = if self.compressed {
            let encoder = DeflateEncoder::new(content.out, flate2::Compression::default());
            let mut plain = Counted {
                out: encoder,
                crc: Crc::new(),
                length: 0,
            };
            write(&mut plain)?;
            plain.out.finish()?;
            (plain.crc.sum(), plain.length)
        } else {
            write(&mut content)?;
            (content.crc.sum(), content.length)
        };
        if written != length {
            let what = format!("{written} bytes written, {length} announced");
            return Err(std::io::Error::other(what));
        }
        let end = self.out.stream_position()?;
        let sizes = [end - start, length];
        self.out.seek(SeekFrom::Start(local + 4))?;
        let common = self.common(wide, crc, sizes);
        self.out.write_all(&common)?;
        if wide {
            let at = local + (LOCAL_LENGTH + name.len() + 4) as u64;
            self.out.seek(SeekFrom::Start(at))?;
            self.out.write_all(&length.to_le_bytes())?;
            self.out.write_all(&sizes[0].to_le_bytes())?;
        }
        self.out.seek(SeekFrom::Start(end))?;
        self.list(name, name_length, crc, sizes, local);
        Ok(())
    }

    /// Version, flags, method, time, sum and sizes, which both records of a member have.
    fn common(&self, wide: bool, crc: u32, [packed, length]: [u64; 2]) -> Vec<u8> {
        let narrow = |n: u64| if wide { u32::MAX } else { n as u32 };
        let method = if self.compressed { DEFLATED } else { STORED };
        let mut out = Vec::with_capacity(22);
        for field in [version(wide), FLAG_UTF8, method, 0, DATE] {
            out.extend(field.to_le_bytes());
        }
        for field in [crc, narrow(packed), narrow(length)] {
            out.extend(field.to_le_bytes());
        }
        out
    }

    fn list(&mut self, name: &str, name_length: u16, crc: u32, sizes: [u64; 2], local: u64) {
        let wide = sizes.iter().any(|&n| n >= self.large) || local >= self.large;
        let mut record = CENTRAL.to_le_bytes().to_vec();
        record.extend(version(wide).to_le_bytes());
        record.extend(self.common(wide, crc, sizes));
        record.extend(name_length.to_le_bytes());
        let extra: u16 = if wide { 28 } else { 0 };
        record.extend(extra.to_le_bytes());
        record.extend([0; 10]); // Comment, disk, attributes.
        record.extend(if wide { u32::MAX } else { local as u32 }.to_le_bytes());
        record.extend(name.as_bytes());
        if wide {
            record.extend(EXTRA_64.to_le_bytes());
            record.extend((extra - 4).to_le_bytes());
            for field in [sizes[1], sizes[0], local] {
                record.extend(field.to_le_bytes());
            }
        }
        self.directory.append(&mut record);
        self.count += 1;
    }

    /// Writes the directory.
    pub(crate) fn finish(mut self) -> Result<W> {
        let offset = self.out.stream_position()?;
        self.out.write_all(&self.directory)?;
        let length = self.directory.len() as u64;
        let end = offset + length;
        let many = self.count >= u64::from(u16::MAX);
        if many || end >= self.large {
            let mut record = END_64.to_le_bytes().to_vec();
            record.extend((END_64_LENGTH as u64 - 12).to_le_bytes());
            record.extend(
                [version(true), version(true)]
                    .map(u16::to_le_bytes)
                    .concat(),
            );
            record.extend([0; 8]);
            for field in [self.count, self.count, length, offset] {
                record.extend(field.to_le_bytes());
            }
            record.extend(LOCATOR_64.to_le_bytes());
            record.extend([0; 4]);
            record.extend(end.to_le_bytes());
            record.extend(1u32.to_le_bytes());
            self.out.write_all(&record)?;
        }
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let mut record = END.to_le_bytes().to_vec();
        record.extend([0, 0, count, count].map(u16::to_le_bytes).concat());
        record.extend(narrow(length).to_le_bytes());
        record.extend(narrow(offset).to_le_bytes());
        record.extend([0; 2]);
        self.out.write_all(&record)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The version of the format that a reader must know.
fn version(wide: bool) -> u16 {
    if wide { 45 } else { 20 }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::zip::Archive;

    #[test]
    fn members_come_back_also_with_sizes_of_64_bits() {
        for (compressed, large) in [(false, 1 << 32), (true, 1 << 32), (false, 100), (true, 100)] {
            let mut writer = Writer::new(Cursor::new(Vec::new()), compressed).large_from(large);
            for (name, byte, length) in [("a", 7, 5000usize), ("ü/x", 9, 0), ("c", 1, 70)] {
                writer
                    .add(name, length as u64, |out| {
                        out.write_all(&vec![byte; length])
                    })
                    .unwrap();
            }
            let file = writer.finish().unwrap().into_inner();
            let archive = Archive::read(file.into(), "x.zip").unwrap();
            let names: Vec<_> = archive.members.iter().map(|m| m.name.as_str()).collect();
            assert_eq!(names, ["a", "ü/x", "c"]);
            let content = |i: usize| archive.content(&archive.members[i]).unwrap();
            assert_eq!(content(0)[..], [7; 5000]);
            assert!(content(1).is_empty());
            assert_eq!(content(2)[..], [1; 70]);
        }
    }
}
