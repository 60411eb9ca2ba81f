//! Devices: what is registered, which one new operations run on, and where memory lives.
//!
//! Core knows no backend; the facade registers them. Several devices may share one memory space: two
//! CPU devices with different instruction sets or thread counts work on the same buffers.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::stream::{Stream, with_stream};

/// A registered device.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device(pub(crate) u8);

/// Memory that a set of devices can address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Space {
    /// The host's memory.
    Host,
    /// The memory of one device.
    Device(Device),
}

pub(crate) const MOST: usize = u8::MAX as usize;

/// Filled from the front and never changed, so that looking a backend up takes no lock.
static BACKENDS: [OnceLock<Arc<dyn Backend>>; MOST] = [const { OnceLock::new() }; MOST];

/// Backends registered; held while one is.
static COUNT: Mutex<usize> = Mutex::new(0);

static DEFAULT: AtomicU8 = AtomicU8::new(0);

static FIRST: OnceLock<fn() -> Arc<dyn Backend>> = OnceLock::new();

/// Names the backend that becomes device 0 when the first operation runs and none is registered.
/// Later calls change nothing.
pub fn set_initial_backend(make: fn() -> Arc<dyn Backend>) {
    let _ = FIRST.set(make);
}

/// Registers a backend. The first one registered is the default device.
///
/// # Errors
/// [`Error::Device`] when 255 devices are registered already.
pub fn register(backend: Arc<dyn Backend>) -> Result<Device> {
    ensure_initial();
    push(backend)
}

fn push(backend: Arc<dyn Backend>) -> Result<Device> {
    let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = BACKENDS
        .get(*count)
        .ok_or_else(|| Error::device("register", "at most 255 devices can be registered"))?;
    // Only the holder of the lock fills places, each once.
    let _ = place.set(backend);
    *count += 1;
    Ok(Device(*count as u8 - 1))
}

fn ensure_initial() {
    static DONE: OnceLock<()> = OnceLock::new();
    if let Some(make) = FIRST.get() {
        DONE.get_or_init(|| {
            // The list was empty before the first registration, so this cannot be the 256th.
            let _ = push(make());
        });
    }
}

impl Device {
    /// The device of operations built on this thread: that of the innermost [`with_device`] or
    /// [`with_stream`], else the process's default.
    pub fn current() -> Device {
        Stream::current().device()
    }

    /// Every registered device.
    pub fn all() -> Vec<Device> {
        ensure_initial();
        let count = *COUNT.lock().unwrap_or_else(PoisonError::into_inner);
        (0..count as u8).map(Device).collect()
    }

    /// The backend that drives the device.
    ///
    /// # Errors
    /// [`Error::Device`] when none is registered.
    pub fn backend(self) -> Result<&'static Arc<dyn Backend>> {
        let place = BACKENDS.get(self.0 as usize);
        if let Some(backend) = place.and_then(OnceLock::get) {
            return Ok(backend);
        }
        ensure_initial();
        place.and_then(OnceLock::get).ok_or_else(|| {
            Error::device(
                "device",
                "no backend is registered: use the `lazuli` crate, or call `lazuli_cpu::register()`",
            )
        })
    }

    /// Makes this the process's default device; returns the previous one.
    pub fn set_default(self) -> Device {
        Device(DEFAULT.swap(self.0, Relaxed))
    }
}

/// Lets every backend give back what it keeps for later calls.
pub(crate) fn trim() {
    let registered = BACKENDS.iter().map_while(OnceLock::get);
    registered.for_each(|backend| backend.trim());
}

/// The process's default device.
impl Default for Device {
    fn default() -> Device {
        Device(DEFAULT.load(Relaxed))
    }
}

/// Runs `f` with `device` as the device of the operations that it builds on this thread; their stream is
/// the device's default one.
pub fn with_device<R>(device: Device, f: impl FnOnce() -> R) -> R {
    with_stream(device.default_stream(), f)
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.backend() {
            Ok(b) => f.write_str(b.name()),
            Err(_) => write!(f, "device {}", self.0),
        }
    }
}
