//! Measured rates of multiply-adds: the floor of work that is bound by arithmetic.
//!
//! A product cannot be had faster than the instruction that its path uses can be issued, so figures of
//! prompts are stated as a share of this. The loops touch registers alone: what a kernel loses to loads,
//! decoding and tails is the difference. Timed pass by pass, as [`crate::bandwidth`] is, because a
//! machine's clock is not the same every minute. Not chosen: peaks from a data sheet, which know no
//! virtual machine.

mod loops;

use std::fmt;
use std::time::Instant;

use crate::passes::Passes;
use crate::{Isa, Pool};

/// What multiplies and adds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Instruction {
    /// `f32` in vectors, fused where the path has that.
    F32,
    /// Pairs of `bf16`, summed in `f32`: `vdpbf16ps`.
    Bf16Dot,
    /// Fours of 8-bit integers, summed in 32 bits: `vpdpbusd`.
    Int8Dot,
    /// Tiles of `bf16`, summed in `f32`: `tdpbf16ps`.
    Bf16Tile,
}

impl Instruction {
    /// What kernels of a path multiply with.
    pub const fn of(isa: Isa) -> &'static [Instruction] {
        use Instruction::*;
        match isa {
            Isa::Portable | Isa::Avx2 => &[F32],
            Isa::Avx512 => &[F32, Bf16Dot, Int8Dot],
            Isa::Amx => &[F32, Bf16Dot, Int8Dot, Bf16Tile],
        }
    }

    /// The name in tables and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Instruction::F32 => "f32",
            Instruction::Bf16Dot => "bf16 dot",
            Instruction::Int8Dot => "int8 dot",
            Instruction::Bf16Tile => "bf16 tile",
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one instruction reached. Rates are in 10⁹ multiply-adds a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rate {
    /// The path whose registers were used.
    pub isa: Isa,
    /// The instruction.
    pub instruction: Instruction,
    /// Threads that ran at the same time.
    pub threads: usize,
    /// Median of the passes, of all threads together.
    pub median: f64,
    /// The fastest pass.
    pub best: f64,
    /// Number of passes.
    pub passes: usize,
}

/// Measures every instruction of the paths among `paths` that this machine has, `passes` times each.
pub fn survey(paths: &[Isa], threads: &[usize], passes: usize) -> Vec<Rate> {
    let pools: Vec<Pool> = threads.iter().map(|&n| Pool::new(n)).collect();
    let mut rates = Vec::new();
    for &isa in paths.iter().filter(|isa| isa.available()) {
        let mut meter = Meter::new(isa);
        for pool in &pools {
            (0..passes).for_each(|_| meter.round(pool));
        }
        rates.extend(meter.rates());
    }
    rates
}

/// The passes of one path so far.
pub struct Meter {
    isa: Isa,
    passes: Passes<Instruction>,
}

impl Meter {
    /// No passes yet.
    ///
    /// # Panics
    /// If this machine lacks the path: ask [`Isa::available`] first.
    pub fn new(isa: Isa) -> Meter {
        assert!(isa.available(), "this machine has no {isa}");
        Meter {
            isa,
            passes: Passes::new(),
        }
    }

    /// One timed pass of each instruction of the path with the threads of `pool`.
    pub fn round(&mut self, pool: &Pool) {
        for &instruction in Instruction::of(self.isa) {
            let (isa, threads) = (self.isa, pool.threads());
            let start = Instant::now();
            pool.run(threads, &|_| loops::run(isa, instruction));
            let products = threads as f64 * loops::products(isa, instruction);
            let rate = products / start.elapsed().as_secs_f64() / 1e9;
            self.passes.push(threads, instruction, rate);
        }
    }

    /// What each instruction has reached so far.
    pub fn rates(&self) -> Vec<Rate> {
        let rates = self.passes.summaries().map(|of| Rate {
            isa: self.isa,
            instruction: of.key,
            threads: of.threads,
            median: of.median,
            best: of.best,
            passes: of.passes,
        });
        rates.collect()
    }

    /// What an instruction has reached at this number of threads; none if it was not measured.
    pub fn rate(&self, instruction: Instruction, threads: usize) -> Option<Rate> {
        let rates = self.rates();
        { rates.into_iter() }.find(|r| (r.instruction, r.threads) == (instruction, threads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_of_every_path_is_measured_with_each_number_of_threads() {
        let rates = survey(&Isa::ALL, &[1, 2], 2);
        let paths = Isa::ALL.into_iter().filter(|isa| isa.available());
        let instructions: usize = paths.map(|isa| Instruction::of(isa).len()).sum();
        assert_eq!(rates.len(), 2 * instructions);
        for rate in &rates {
            assert_eq!(rate.passes, 2);
            assert!(0.0 < rate.median && rate.median <= rate.best, "{rate:?}");
        }
    }

    #[test]
    fn what_a_path_lacks_has_no_rate() {
        let mut meter = Meter::new(Isa::Portable);
        meter.round(&Pool::new(1));
        assert!(meter.rate(Instruction::F32, 1).is_some());
        assert_eq!(meter.rate(Instruction::F32, 2), None);
        assert_eq!(meter.rate(Instruction::Bf16Tile, 1), None);
    }
}
