//! Measured bandwidth: the floor of memory-bound work on this machine.
//!
//! A generated token cannot be had faster than the bytes that it needs can be read, so every decode
//! figure is stated as a share of this. What a core reads per second depends on how the addresses are
//! laid out, how large the pages are and how many threads read; several readers are tried and the best
//! one counts, because a floor that one kernel happens to beat is no floor. The loops are inline
//! assembly where it matters: a compiler that reorders plain loads breaks up the streams that the
//! prefetcher follows and measures too little. Passes are timed one at a time, so that a caller can
//! alternate them with its own work and compare figures of the same minute on a shared machine.
//! What has a result to write is held against writers in the same way.

mod readers;
mod region;
mod writers;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use lazuli_core::error::Result;

use crate::passes::{Passes, Summary};
use crate::{Isa, Pool};
use readers::LINE_GROUP;
use region::Region;
use writers::STEP;

pub use region::buffer_bytes;

/// How the measured memory is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pages {
    /// Pages of the base size, as mapped files have (4 KiB on x86-64).
    Base,
    /// Huge pages on request, as buffers of 4 MiB and more have.
    Huge,
}

impl Pages {
    /// Both kinds.
    pub const ALL: [Pages; 2] = [Pages::Base, Pages::Huge];

    /// The name in tables and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Pages::Base => "base",
            Pages::Huge => "huge",
        }
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a thread walks through its part of the memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reader {
    /// One stream, in order.
    Stream,
    /// Four streams, a quarter of the part each.
    FourStreams,
    /// One stream with prefetches 4 KiB ahead.
    Prefetch,
}

impl Reader {
    /// Every reader.
    pub const ALL: [Reader; 3] = [Reader::Stream, Reader::FourStreams, Reader::Prefetch];

    /// The name in tables and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Reader::Stream => "stream",
            Reader::FourStreams => "four streams",
            Reader::Prefetch => "prefetch",
        }
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a thread moves its part of the memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Writer {
    /// From one half to the other.
    Copy,
    /// The same with non-temporal stores.
    CopyAround,
    /// `a + b / 2` from two thirds to the third, as `f32`.
    Triad,
    /// The same with non-temporal stores.
    TriadAround,
}

impl Writer {
    /// All of them.
    pub const ALL: [Writer; 4] = [
        Writer::Copy,
        Writer::CopyAround,
        Writer::Triad,
        Writer::TriadAround,
    ];

    /// The name in tables and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Writer::Copy => "copy",
            Writer::CopyAround => "copy, non-temporal",
            Writer::Triad => "triad",
            Writer::TriadAround => "triad, non-temporal",
        }
    }

    /// Places in memory that are read or written for one that is written.
    const fn places(self) -> usize {
        match self {
            Writer::Copy | Writer::CopyAround => 2,
            Writer::Triad | Writer::TriadAround => 3,
        }
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one reader reached. Rates are in GB/s, 10⁹ bytes a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// How the memory was mapped.
    pub pages: Pages,
    /// Threads that read at the same time, a part each.
    pub threads: usize,
    /// How each walked.
    pub reader: Reader,
    /// Median of the passes.
    pub median: f64,
    /// The fastest pass.
    pub best: f64,
    /// Number of passes.
    pub passes: usize,
}

/// What one writer reached, in GB/s: bytes that it read and bytes that it wrote, not those that the
/// machine reads to write others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Writing {
    /// How the memory was mapped.
    pub pages: Pages,
    /// Threads that wrote at the same time, a part each.
    pub threads: usize,
    /// How each moved its part.
    pub writer: Writer,
    /// Median of the passes.
    pub median: f64,
    /// The fastest pass.
    pub best: f64,
    /// Number of passes.
    pub passes: usize,
}

/// The reading with the highest median for a page kind and a number of threads.
pub fn best(readings: &[Reading], pages: Pages, threads: usize) -> Option<Reading> {
    readings
        .iter()
        .filter(|r| r.pages == pages && r.threads == threads)
        .max_by(|a, b| a.median.total_cmp(&b.median))
        .copied()
}

/// The writing with the highest median for a page kind and a number of threads.
pub fn best_writing(writings: &[Writing], pages: Pages, threads: usize) -> Option<Writing> {
    writings
        .iter()
        .filter(|w| w.pages == pages && w.threads == threads)
        .max_by(|a, b| a.median.total_cmp(&b.median))
        .copied()
}

/// Measures every page kind, number of threads, reader and writer, `passes` times each.
///
/// # Errors
/// [`lazuli_core::Error::Memory`] when the system refuses `bytes` bytes.
pub fn survey(
    bytes: usize,
    threads: &[usize],
    passes: usize,
) -> Result<(Vec<Reading>, Vec<Writing>)> {
    let pools: Vec<Pool> = threads.iter().map(|&n| Pool::new(n)).collect();
    let (mut readings, mut writings) = (Vec::new(), Vec::new());
    for pages in Pages::ALL {
        let mut meter = Meter::new(pages, bytes)?;
        for pool in &pools {
            for _ in 0..passes {
                meter.round(pool);
                meter.write_round(pool);
            }
        }
        readings.extend(meter.readings());
        writings.extend(meter.writings());
    }
    Ok((readings, writings))
}

/// Memory of one page kind, and the passes over it so far.
pub struct Meter {
    pages: Pages,
    region: Region,
    isa: Isa,
    /// GB/s of each pass.
    reads: Passes<Reader>,
    writes: Passes<Writer>,
}

impl Meter {
    /// Takes `bytes` bytes of memory, at least 64 MiB, and writes to all of them.
    ///
    /// It should be many times the last-level cache; [`buffer_bytes`] suggests a size.
    ///
    /// # Errors
    /// [`lazuli_core::Error::Memory`] when the system refuses.
    pub fn new(pages: Pages, bytes: usize) -> Result<Meter> {
        Ok(Meter {
            pages,
            region: Region::new(pages, bytes)?,
            isa: Isa::best(),
            reads: Passes::new(),
            writes: Passes::new(),
        })
    }

    /// Bytes that a pass goes over.
    pub fn bytes(&self) -> usize {
        self.region.len()
    }

    /// How much of the memory the system has mapped with huge pages, where it says so.
    pub fn huge_bytes(&self) -> Option<usize> {
        self.region.huge_bytes()
    }

    /// One timed pass of every reader with the threads of `pool`.
    pub fn round(&mut self, pool: &Pool) {
        for reader in Reader::ALL {
            let rate = self.pass(pool, reader);
            self.reads.push(pool.threads(), reader, rate);
        }
    }

    /// One timed pass of every writer with the threads of `pool`.
    pub fn write_round(&mut self, pool: &Pool) {
        for writer in Writer::ALL {
            let rate = self.write_pass(pool, writer);
            self.writes.push(pool.threads(), writer, rate);
        }
    }

    /// GB/s of one pass.
    fn pass(&self, pool: &Pool, reader: Reader) -> f64 {
        let threads = pool.threads();
        let part = self.region.len() / threads / LINE_GROUP * LINE_GROUP;
        let start = Instant::now();
        pool.run(threads, &|i| {
            readers::read(self.isa, reader, &self.region.bytes()[i * part..][..part]);
        });
        (threads * part) as f64 / start.elapsed().as_secs_f64() / 1e9
    }

    /// GB/s of one pass, reads and writes together. Each thread has a part of each place.
    fn write_pass(&mut self, pool: &Pool, writer: Writer) -> f64 {
        let (threads, places, isa) = (pool.threads(), writer.places(), self.isa);
        let part = self.region.len() / (threads * places) / STEP * STEP;
        let (to, from) = self.region.bytes_mut().split_at_mut(threads * part);
        let targets: Vec<Mutex<&mut [u8]>> = to.chunks_mut(part).map(Mutex::new).collect();
        // A copy has one source only, which stands for both.
        let second = (places - 2) * threads * part;
        let from = &*from;
        let start = Instant::now();
        pool.run(threads, &|i| {
            let source = |first: usize| &from[first + i * part..][..part];
            // Each part locks its own, once.
            let mut to = targets[i].lock().unwrap_or_else(PoisonError::into_inner);
            writers::write(isa, writer, &mut to, source(0), source(second));
        });
        (threads * places * part) as f64 / start.elapsed().as_secs_f64() / 1e9
    }

    /// What each reader has reached so far.
    pub fn readings(&self) -> Vec<Reading> {
        let reading = |of: Summary<Reader>| Reading {
            pages: self.pages,
            threads: of.threads,
            reader: of.key,
            median: of.median,
            best: of.best,
            passes: of.passes,
        };
        self.reads.summaries().map(reading).collect()
    }

    /// What each writer has reached so far.
    pub fn writings(&self) -> Vec<Writing> {
        let writing = |of: Summary<Writer>| Writing {
            pages: self.pages,
            threads: of.threads,
            writer: of.key,
            median: of.median,
            best: of.best,
            passes: of.passes,
        };
        self.writes.summaries().map(writing).collect()
    }

    /// The reader with the highest median at this number of threads.
    pub fn best(&self, threads: usize) -> Option<Reading> {
        best(&self.readings(), self.pages, threads)
    }

    /// The writer with the highest median at this number of threads.
    pub fn best_writing(&self, threads: usize) -> Option<Writing> {
        best_writing(&self.writings(), self.pages, threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = 64 << 20;

    #[test]
    fn a_survey_has_a_row_per_page_kind_thread_count_reader_and_writer() {
        let (readings, writings) = survey(SMALL, &[1, 2], 3).unwrap();
        assert_eq!(readings.len(), 2 * 2 * 3);
        for r in &readings {
            assert_eq!(r.passes, 3);
            assert!(0.0 < r.median && r.median <= r.best, "{r:?}");
        }
        assert_eq!(writings.len(), 2 * 2 * 4);
        for w in &writings {
            assert_eq!(w.passes, 3);
            assert!(0.0 < w.median && w.median <= w.best, "{w:?}");
        }
        let top = best_writing(&writings, Pages::Base, 1).unwrap();
        assert_eq!((top.pages, top.threads), (Pages::Base, 1));
        let top = best(&readings, Pages::Huge, 2).unwrap();
        assert_eq!((top.pages, top.threads), (Pages::Huge, 2));
        let rivals = readings
            .iter()
            .filter(|r| (r.pages, r.threads) == (Pages::Huge, 2));
        assert!(rivals.into_iter().all(|r| r.median <= top.median));
        assert_eq!(best(&readings, Pages::Base, 3), None);
    }

    #[test]
    fn rounds_of_two_pools_are_kept_apart() {
        let (one, two) = (Pool::new(1), Pool::new(2));
        let mut meter = Meter::new(Pages::Base, SMALL).unwrap();
        for pool in [&one, &two, &one] {
            meter.round(pool);
        }
        let passes = |threads| meter.best(threads).map(|r| r.passes);
        assert_eq!([passes(1), passes(2), passes(3)], [Some(2), Some(1), None]);
    }
}
