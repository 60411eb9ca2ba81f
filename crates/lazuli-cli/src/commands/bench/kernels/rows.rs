//! Operations that are bound by memory, as `bench ops` has them.

use lazuli::cpu::Isa;
use lazuli::{Dtype, Result};

use super::super::args::SEED;
use super::super::ops::cases::{CASES, N, Operands};
use super::cases::{Case, Job};

/// First axis of the operands.
const BATCH: usize = 16;
/// Which of the operations.
const NAMES: [&str; 9] = [
    "copy",
    "add",
    "swiglu",
    "dropout",
    "softmax",
    "rms_norm",
    "layer_norm",
    "cumsum",
    "sum_2",
];
/// Calls of a pass, whose operands are larger than caches by themselves.
const CALLS: usize = 1;

/// Each in both dtypes.
pub(super) fn cases(isa: Isa) -> Vec<Case> {
    let mut cases = Vec::new();
    for case in CASES.iter().filter(|case| NAMES.contains(&case.name)) {
        for dtype in [Dtype::F32, Dtype::BF16] {
            let make = move |_| -> Result<Job> {
                let operands = Operands::new(BATCH, dtype, SEED)?;
                let run = case.compiled();
                Ok(Job {
                    calls: CALLS,
                    call: Box::new(move |_| run(&operands)?.eval()),
                })
            };
            cases.push(Case {
                name: format!("{}.{dtype}", case.name),
                work: case.work(BATCH * N * N, dtype, isa),
                make: Box::new(make),
            });
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_of_bench_ops() {
        assert_eq!(cases(Isa::Portable).len(), 2 * NAMES.len());
    }
}
