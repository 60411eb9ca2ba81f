//! Streams: on which queue of which device an operation runs.
//!
//! A stream is a number, for any thread: it may be copied, compared, used and waited for anywhere. Each
//! device has a stream of its own, number 0. On the CPU that one is no queue: whoever evaluates computes.
//! Others are queues beside the caller. Work of one stream runs in order; where it needs what another
//! stream makes it waits for that, and for nothing else. Values never depend on streams. Not chosen: a
//! stream that belongs to the thread that made it, as in `mlx.core`, whose servers broke on it.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::backend::{Bindings, Event, Executable};
use crate::device::{Device, MOST};
use crate::error::{Error, Result};
use crate::queue::Queue;

/// A queue of work on a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    device: Device,
    number: u16,
}

thread_local! {
    static SCOPED: Cell<Option<Stream>> = const { Cell::new(None) };
}

/// The number of each device's default stream.
static DEFAULTS: [AtomicU16; MOST] = [const { AtomicU16::new(0) }; MOST];

impl Stream {
    /// A new stream on `device`. Its queue starts with its first work.
    ///
    /// # Errors
    /// [`Error::Device`] when there is no such device, or 65,535 streams were made.
    pub fn new(device: Device) -> Result<Stream> {
        static LAST: AtomicU16 = AtomicU16::new(0);
        device.backend()?;
        let next = |last: u16| last.checked_add(1);
        match LAST.fetch_update(Relaxed, Relaxed, next) {
            Ok(last) => Ok(Stream::of(device, last + 1)),
            Err(_) => Err(Error::device("stream", "65535 streams have been made")),
        }
    }

    pub(crate) const fn of(device: Device, number: u16) -> Stream {
        Stream { device, number }
    }

    /// The stream that every device has from the start.
    pub const fn first(device: Device) -> Stream {
        Stream::of(device, 0)
    }

    /// The stream of operations built on this thread: that of the innermost [`with_stream`] or
    /// [`with_device`](crate::with_device), else the default one of the default device.
    pub fn current() -> Stream {
        SCOPED
            .get()
            .unwrap_or_else(|| Device::default().default_stream())
    }

    /// Its device.
    pub const fn device(self) -> Device {
        self.device
    }

    /// Its number, which no other stream of the device has; 0 is the device's own.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// Makes this the stream that operations of its device go to when none is named, on any thread;
    /// returns the previous one.
    pub fn set_default(self) -> Stream {
        match DEFAULTS.get(self.device.0 as usize) {
            Some(default) => Stream::of(self.device, default.swap(self.number, Relaxed)),
            None => self,
        }
    }

    /// Blocks until the work that the stream was given is done. On the CPU's own stream that is what
    /// [`async_eval`](crate::async_eval) started.
    ///
    /// # Errors
    /// The first error of that work since the last call. Whoever uses a value that failed is told as well.
    pub fn synchronize(self) -> Result<()> {
        if self.number == 0 {
            let started = crate::eval::finish_started();
            self.device.backend()?.synchronize()?;
            return started;
        }
        let queue = queues().get(&self).cloned();
        queue.map_or(Ok(()), |queue| queue.synchronize())
    }

    /// Queues a run of `executable`, on the device's own stream at once.
    pub(crate) fn enqueue(
        self,
        executable: &Arc<dyn Executable>,
        bindings: Bindings,
    ) -> Result<Event> {
        if self.number == 0 {
            return executable.enqueue(bindings);
        }
        Ok(self.queue()?.run(executable, bindings))
    }

    fn queue(self) -> Result<Arc<Queue>> {
        let mut queues = queues();
        if let Some(queue) = queues.get(&self) {
            return Ok(queue.clone());
        }
        let queue = Arc::new(Queue::start("stream")?);
        queues.insert(self, queue.clone());
        Ok(queue)
    }
}

/// The queues of streams that have had work.
fn queues() -> MutexGuard<'static, HashMap<Stream, Arc<Queue>>> {
    static QUEUES: OnceLock<Mutex<HashMap<Stream, Arc<Queue>>>> = OnceLock::new();
    let queues = QUEUES.get_or_init(Mutex::default);
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for all streams but the devices' own and ends their threads. The streams stay what they are: new
/// work starts them again.
///
/// # Errors
/// The first error of their work.
pub fn clear_streams() -> Result<()> {
    let ended: Vec<Arc<Queue>> = queues().drain().map(|(_, queue)| queue).collect();
    let outcomes: Vec<Result<()>> = ended.iter().map(|queue| queue.synchronize()).collect();
    outcomes.into_iter().collect()
}

impl Device {
    /// The stream of operations on this device when none is named.
    pub fn default_stream(self) -> Stream {
        let default = DEFAULTS.get(self.0 as usize);
        Stream::of(self, default.map_or(0, |number| number.load(Relaxed)))
    }
}

/// Runs `f` with `stream` as the stream, and its device as the device, of the operations that it builds
/// on this thread.
pub fn with_stream<R>(stream: Stream, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Stream>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPED.set(self.0);
        }
    }
    let _restore = Restore(enter(Some(stream)));
    f()
}

/// Sets what [`with_stream`] sets, or nothing, for this thread until the next call, and returns what was
/// set: for languages whose scopes are no closures.
pub fn enter(stream: Option<Stream>) -> Option<Stream> {
    SCOPED.replace(stream)
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {} of {:?}", self.number, self.device)
    }
}
