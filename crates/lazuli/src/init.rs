//! Gives the core its first backend.
//!
//! What the environment says is checked at once, so that a typo is an error of the start and not of
//! the first operation; threads are made when that operation comes, so that a program that only
//! reads files starts none.

use std::sync::{Arc, OnceLock};

use lazuli_core::{Error, Result, device};
use lazuli_cpu::{Cpu, CpuBackend, Options};

static OPTIONS: OnceLock<Options> = OnceLock::new();

/// Makes the CPU device 0, as `LAZULI_CPU` and `LAZULI_THREADS` say. Later calls change nothing.
///
/// # Errors
/// [`Error::Value`] when a variable names no path of this machine, or no number of threads.
pub fn init() -> Result<()> {
    init_with(Options::from_environment()?)
}

/// Makes the CPU device 0 with these options. Later calls change nothing.
///
/// # Errors
/// [`Error::Value`] when this machine lacks the path.
pub fn init_with(options: Options) -> Result<()> {
    if !options.isa.available() {
        let message = format!("this machine has no {}", options.isa);
        return Err(Error::value("cpu", message));
    }
    OPTIONS.get_or_init(|| options);
    device::set_initial_backend(|| {
        // A path that is available is all that `Cpu::new` asks for, and `init_with` set the options.
        let cpu = OPTIONS.get().map(|&options| Cpu::new(options));
        match cpu {
            Some(Ok(cpu)) => Arc::new(CpuBackend(Arc::new(cpu))),
            _ => unreachable!("the options of the CPU were checked"),
        }
    });
    Ok(())
}
