//! What there is to measure of a shape.

use lazuli::cpu::Isa;
use lazuli::lm::config::Config;
use lazuli::{Array, Dtype, Result, random};

use super::super::args::SEED;
use super::super::limits::Work;
use super::{attention, experts, products, recurrent, rows};

/// Multiply-adds of a pass, at most: what is bound by them need not leave the caches, and should end.
const PRODUCTS: f64 = 16e9;
/// Calls of a pass, at most.
const CALLS: f64 = 1024.0;

/// One kernel in one shape.
pub(super) struct Case {
    /// Parts with dots between them, the kind first.
    pub(super) name: String,
    /// What a call must do.
    pub(super) work: Work,
    /// Makes operands of about so many bytes in all.
    pub(super) make: Box<dyn Fn(f64) -> Result<Job>>,
}

/// Calls on operands that exist.
pub(super) struct Job {
    /// Calls of a pass.
    pub(super) calls: usize,
    /// Computes one of them.
    pub(super) call: Box<dyn FnMut(usize) -> Result<()>>,
}

impl Case {
    /// A case whose calls take turns on operands of which `make` makes one set for each call.
    pub(super) fn new<T: 'static>(
        name: String,
        work: Work,
        make: impl Fn(usize) -> Result<Vec<T>> + 'static,
        call: impl Fn(&mut T) -> Result<()> + Copy + 'static,
    ) -> Case {
        Case {
            name,
            work,
            make: Box::new(move |bytes| {
                let calls = calls(&work, bytes);
                let mut sets = make(calls)?;
                Ok(Job {
                    calls,
                    call: Box::new(move |i| sets.get_mut(i).map_or(Ok(()), call)),
                })
            }),
        }
    }
}

/// Calls of a pass over so many bytes of operands.
pub(super) fn calls(work: &Work, bytes: f64) -> usize {
    let most = (PRODUCTS / work.products.max(1.0)).clamp(1.0, CALLS);
    (bytes / work.bytes()).ceil().clamp(1.0, most) as usize
}

/// All cases of a shape on a path.
pub(super) fn all(config: &Config, isa: Isa) -> Result<Vec<Case>> {
    let mut cases = products::cases(config, isa)?;
    cases.extend(experts::cases(config, isa)?);
    cases.extend(products::dense(isa));
    cases.extend(attention::cases(config, isa)?);
    cases.extend(recurrent::cases(config));
    cases.extend(rows::cases(isa));
    Ok(cases)
}

/// The first parts of the names, once each.
pub(super) fn kinds(cases: &[Case]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for case in cases {
        let kind = case.name.split('.').next().unwrap_or_default();
        if !kinds.iter().any(|known| known == kind) {
            kinds.push(kind.to_owned());
        }
    }
    kinds
}

/// Computed numbers with mean 0 and variance 1.
pub(super) fn normal(shape: &[usize], dtype: Dtype) -> Result<Array> {
    let array = random::normal(shape, dtype, None, None, Some(&random::key(SEED)))?;
    array.eval()?;
    Ok(array)
}
