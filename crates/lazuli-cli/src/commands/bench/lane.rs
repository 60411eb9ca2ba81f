//! What computes: a device for each number of threads, and threads to measure the machine with.

use std::sync::Arc;

use anyhow::{Result, bail};
use lazuli::Device;
use lazuli::core::device::register;
use lazuli::cpu::{Cpu, CpuBackend, Isa, Options, Pool};

use crate::failure::usage;

/// One number of threads.
pub(super) struct Lane {
    pub(super) threads: usize,
    pub(super) device: Device,
    pub(super) pool: Pool,
}

impl Lane {
    /// A device of this path with so many threads, all of which the system must grant.
    fn new(isa: Isa, threads: usize) -> Result<Lane> {
        let pool = Pool::new(threads);
        if pool.threads() != threads {
            bail!(
                "the system refused {threads} threads: only {} could be had",
                pool.threads()
            );
        }
        let cpu = Cpu::new(Options { isa, threads })?;
        Ok(Lane {
            threads,
            device: register(Arc::new(CpuBackend(Arc::new(cpu))))?,
            pool,
        })
    }

    /// One for each number, in this order.
    pub(super) fn all(isa: Isa, threads: &[usize]) -> Result<Vec<Lane>> {
        threads.iter().map(|&n| Lane::new(isa, n)).collect()
    }
}

/// The numbers of threads that `--threads` lists, or the one of the environment.
pub(super) fn threads(listed: &[u16], environment: Options) -> Result<Vec<usize>> {
    let threads: Vec<usize> = match listed {
        [] => vec![environment.threads],
        listed => listed.iter().map(|&n| n.into()).collect(),
    };
    let repeated = threads.iter().enumerate();
    if let Some((_, n)) = { repeated }.find(|&(i, n)| threads.iter().take(i).any(|m| m == n)) {
        return Err(usage(format!("--threads lists {n} twice: once is enough")));
    }
    Ok(threads)
}
