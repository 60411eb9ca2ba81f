//! What the machine can do at most, measured in the same minutes as what is held against it.
//!
//! Work cannot be done faster than its bytes can move, nor than its multiply-adds can be issued by the
//! instruction that the path uses: the later of the two is the floor. Not chosen: adding them up, since
//! a good kernel does both at once.

use anyhow::{Context, Result};
use lazuli::Dtype;
use lazuli::core::{Role, memory};
use lazuli::cpu::bandwidth::{self, Pages, buffer_bytes};
use lazuli::cpu::peak::{self, Instruction};
use lazuli::cpu::{Isa, Pool};
use serde_json::{Value, json};

use super::floor;
use crate::memory::in_huge_pages;

/// What multiplies: how many of the instruction's multiply-adds one of the work takes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Unit {
    pub(super) instruction: Instruction,
    pub(super) uses: f64,
}

impl Unit {
    pub(super) const F32: Unit = Unit {
        instruction: Instruction::F32,
        uses: 1.0,
    };

    /// Of products of floats.
    pub(super) fn dense(isa: Isa, dtype: Dtype) -> Unit {
        let instruction = match (isa, dtype) {
            (Isa::Amx, Dtype::BF16) => Instruction::Bf16Tile,
            (Isa::Avx512, Dtype::BF16) => Instruction::Bf16Dot,
            _ => Instruction::F32,
        };
        Unit {
            instruction,
            uses: 1.0,
        }
    }

    /// Of products of bf16 rows with packed weights: generated rows are integers of two bytes each.
    pub(super) fn packed(isa: Isa, role: Role) -> Unit {
        match (isa, role) {
            (Isa::Avx512 | Isa::Amx, Role::Generated) => Unit {
                instruction: Instruction::Int8Dot,
                uses: 2.0,
            },
            _ => Unit::dense(isa, Dtype::BF16),
        }
    }

    /// Of attention with bf16 queries.
    pub(super) fn attention(isa: Isa) -> Unit {
        match isa {
            Isa::Avx512 | Isa::Amx => Unit {
                instruction: Instruction::Bf16Dot,
                uses: 1.0,
            },
            Isa::Portable | Isa::Avx2 => Unit::F32,
        }
    }
}

/// What a call must do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Work {
    /// Bytes that it reads.
    pub(super) read: f64,
    /// Bytes that it writes.
    pub(super) written: f64,
    /// Multiply-adds; 0 where they are not what takes the time.
    pub(super) products: f64,
    /// What computes them.
    pub(super) unit: Unit,
}

impl Work {
    /// Bytes that it must move.
    pub(super) fn bytes(&self) -> f64 {
        self.read + self.written
    }

    /// Whether it is held against writers: a tenth of its bytes or more are written.
    fn writes(&self) -> bool {
        10.0 * self.written >= self.bytes()
    }
}

/// The least time that some work takes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Floor {
    pub(super) seconds: f64,
    /// What it would be busy with: a reader, a writer or an instruction.
    pub(super) bound: &'static str,
}

/// The measurements so far.
pub(super) struct Limits {
    isa: Isa,
    meters: Vec<(Pages, bandwidth::Meter)>,
    peaks: peak::Meter,
}

impl Limits {
    /// Nothing measured yet.
    pub(super) fn new(isa: Isa) -> Limits {
        Limits {
            isa,
            meters: Vec::new(),
            peaks: peak::Meter::new(isa),
        }
    }

    /// The pages that most of the buffers in use lie in.
    pub(super) fn pages(&self) -> Pages {
        let own = |(_, meter): &(Pages, bandwidth::Meter)| meter.huge_bytes().unwrap_or(0) as u64;
        let own = self.meters.iter().map(own).sum();
        floor::pages(memory::active(), Some(own), in_huge_pages())
    }

    /// One timed pass of everything that this work may be held against.
    pub(super) fn round(&mut self, work: &Work, pages: Pages, pool: &Pool) -> Result<()> {
        let at = match self.meters.iter().position(|(kind, _)| *kind == pages) {
            Some(at) => at,
            None => {
                let meter = bandwidth::Meter::new(pages, buffer_bytes(true))?;
                self.meters.push((pages, meter));
                self.meters.len() - 1
            }
        };
        let meter = &mut self.meters[at].1;
        match work.writes() {
            true => meter.write_round(pool),
            false => meter.round(pool),
        }
        if work.products > 0.0 {
            self.peaks.round(pool);
        }
        Ok(())
    }

    /// The floor of work of which a round was measured.
    pub(super) fn floor(&self, work: &Work, pages: Pages, threads: usize) -> Result<Floor> {
        let meter = self.meters.iter().find(|(kind, _)| *kind == pages);
        let (_, meter) = meter.context("no bandwidth was measured")?;
        let (gbs, bound) = match work.writes() {
            true => meter
                .best_writing(threads)
                .map(|w| (w.median, w.writer.name())),
            false => meter.best(threads).map(|r| (r.median, r.reader.name())),
        }
        .context("no bandwidth was measured")?;
        let moving = Floor {
            seconds: work.bytes() / (gbs * 1e9),
            bound,
        };
        if work.products == 0.0 {
            return Ok(moving);
        }
        let Unit { instruction, uses } = work.unit;
        let rate = self.peaks.rate(instruction, threads);
        let rate = rate.with_context(|| format!("no rate of {instruction} was measured"))?;
        let multiplying = Floor {
            seconds: work.products * uses / (rate.median * 1e9),
            bound: instruction.name(),
        };
        Ok(match multiplying.seconds > moving.seconds {
            true => multiplying,
            false => moving,
        })
    }

    /// What was measured, for reports: the best reader and writer of each kind of pages, and instructions.
    pub(super) fn reached(&self, threads: &[usize]) -> Vec<Reached> {
        let mut all = Vec::new();
        for &threads in threads {
            for (pages, meter) in &self.meters {
                let of = |what: String, median: f64| Reached {
                    what,
                    threads,
                    median,
                    unit: "GB/s",
                };
                let reads = meter.best(threads);
                all.extend(reads.map(|r| of(format!("{pages} pages, {}", r.reader), r.median)));
                let writes = meter.best_writing(threads);
                all.extend(writes.map(|w| of(format!("{pages} pages, {}", w.writer), w.median)));
            }
            let rates = self.peaks.rates().into_iter();
            all.extend(rates.filter(|r| r.threads == threads).map(|r| Reached {
                what: format!("{}, {}", self.isa, r.instruction),
                threads,
                median: r.median,
                unit: "G/s",
            }));
        }
        all
    }
}

/// A limit of the machine.
pub(super) struct Reached {
    what: String,
    threads: usize,
    median: f64,
    unit: &'static str,
}

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let threads = match self.threads {
            1 => "1 thread".to_owned(),
            n => format!("{n} threads"),
        };
        let (what, median, unit) = (&self.what, self.median, self.unit);
        write!(f, "{threads:<12} {what:<32} {median:>8.1} {unit}")
    }
}

impl Reached {
    /// As reports have it.
    pub(super) fn json(&self) -> Value {
        json!({"what": self.what, "threads": self.threads, "median": self.median, "unit": self.unit})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(read: f64, written: f64, products: f64) -> Work {
        Work {
            read,
            written,
            products,
            unit: Unit::F32,
        }
    }

    #[test]
    fn the_floor_is_the_later_of_moving_and_multiplying() {
        let (mut limits, pool) = (Limits::new(Isa::Portable), Pool::new(1));
        let (moving, both) = (work(1e9, 0.0, 0.0), work(1e9, 0.0, 1e6));
        assert!(limits.floor(&moving, Pages::Base, 1).is_err());
        limits.round(&both, Pages::Base, &pool).unwrap();
        let floor = |work: &Work| limits.floor(work, Pages::Base, 1).unwrap();
        assert_eq!(floor(&moving), floor(&both));
        let many = floor(&work(1.0, 0.0, 1e12));
        assert_eq!(many.bound, "f32");
        let twice = Work {
            unit: Unit {
                uses: 2.0,
                ..Unit::F32
            },
            ..work(1.0, 0.0, 1e12)
        };
        assert_eq!(floor(&twice).seconds, 2.0 * many.seconds);
        assert!(limits.floor(&moving, Pages::Base, 2).is_err());
        assert_eq!(limits.reached(&[1]).len(), 2);
    }

    #[test]
    fn what_writes_is_held_against_writers() {
        let (mut limits, pool) = (Limits::new(Isa::Portable), Pool::new(1));
        let copy = work(9.0, 1.0, 0.0);
        limits.round(&copy, Pages::Base, &pool).unwrap();
        let bound = limits.floor(&copy, Pages::Base, 1).unwrap().bound;
        assert!(
            bound.starts_with("copy") || bound.starts_with("triad"),
            "{bound}"
        );
        assert!(limits.floor(&work(91.0, 9.0, 0.0), Pages::Base, 1).is_err());
    }
}
