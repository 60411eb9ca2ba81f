//! Buffers: bytes, immutable once published, resident in one or more memory spaces.
//!
//! An array has no device. A buffer has a home, where its bytes were made, and a table of copies behind
//! one lock: one thread moves, the others wait for it and find the copy. A buffer that was never
//! elsewhere and is complete, which is every one of a CPU, is used without the lock. Not chosen: one buffer per device and explicit transfers,
//! which would put devices into every signature.

use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use crate::backend::{Backend, DeviceMemory, Event};
use crate::device::Space;
use crate::error::{Error, Result};
use crate::host::{Bytes, HostMemory};

#[derive(Clone)]
struct Copy {
    space: Space,
    memory: Arc<dyn DeviceMemory>,
    ready: Event,
}

/// Bytes of an evaluated array. Shared by the views of it.
pub struct Buffer {
    bytes: usize,
    exclusive: bool,
    /// Where the bytes were made; they stay there.
    home: Home,
    /// Nothing is away and the bytes are complete: no lock is needed to know it.
    settled: AtomicBool,
    state: Mutex<State>,
}

struct Home {
    space: Space,
    memory: Arc<dyn DeviceMemory>,
    /// The driver that can read the bytes back to the host; none for host memory.
    backend: Option<&'static Arc<dyn Backend>>,
}

#[derive(Default)]
struct State {
    /// What completes the bytes at home.
    ready: Event,
    /// Copies in other spaces.
    away: SmallVec<[Copy; 1]>,
    /// What completes the work of queues that reads the bytes at home.
    reads: Vec<Event>,
}

impl Buffer {
    /// A buffer that a kernel on `backend` is about to fill.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn allocate(backend: &'static Arc<dyn Backend>, bytes: usize) -> Result<Buffer> {
        let memory = backend.allocate(bytes)?;
        let space = backend.space();
        let backend = (space != Space::Host).then_some(backend);
        Ok(Buffer::of(bytes, true, space, memory, backend))
    }

    /// A copy of `bytes` in host memory.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn from_slice(bytes: &[u8]) -> Result<Buffer> {
        let mut memory = HostMemory::allocate(bytes.len())?;
        if let Some(to) = memory.as_mut_slice() {
            to.copy_from_slice(bytes);
        }
        Ok(Buffer::of(
            bytes.len(),
            true,
            Space::Host,
            Arc::new(memory),
            None,
        ))
    }

    /// Zeros in host memory, which a large buffer takes only where it is written.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn zeroed(bytes: usize) -> Result<Buffer> {
        let memory = Arc::new(HostMemory::zeroed(bytes)?);
        Ok(Buffer::of(bytes, true, Space::Host, memory, None))
    }

    /// Bytes that belong to somebody else, shown without a copy and never written.
    pub fn foreign(owner: Arc<dyn Bytes>) -> Buffer {
        let memory = HostMemory::foreign(owner);
        Buffer::of(memory.len(), false, Space::Host, Arc::new(memory), None)
    }

    fn of(
        bytes: usize,
        exclusive: bool,
        space: Space,
        memory: Arc<dyn DeviceMemory>,
        backend: Option<&'static Arc<dyn Backend>>,
    ) -> Buffer {
        Buffer {
            bytes,
            exclusive,
            home: Home {
                space,
                memory,
                backend,
            },
            settled: AtomicBool::new(true),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether a kernel may write it when nobody else refers to it: not a file, a static, or memory
    /// of another library.
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// The memory in the space of `backend`, moved there first if need be, and what to wait for.
    ///
    /// # Errors
    /// When there is no memory for the copy, or the device fails.
    pub fn resident(&self, backend: &Arc<dyn Backend>) -> Result<(Arc<dyn DeviceMemory>, Event)> {
        let space = backend.space();
        if space == self.home.space {
            let ready = match self.settled.load(Acquire) {
                true => Event::Ready,
                false => self.lock().ready.clone(),
            };
            return Ok((self.home.memory.clone(), ready));
        }
        if self.bytes == 0 {
            // Nothing moves, also during a capture.
            return Ok((backend.allocate(0)?, Event::Ready));
        }
        let mut state = self.lock();
        if let Some(copy) = state.away.iter().find(|c| c.space == space) {
            return Ok((copy.memory.clone(), copy.ready.clone()));
        }
        let host = self.on_host(&mut state)?;
        if space == Space::Host {
            return Ok((host.memory, host.ready));
        }
        let memory = backend.allocate(self.bytes)?;
        let ready = backend.copy(&host.memory, &memory, self.bytes, &host.ready)?;
        self.send(
            &mut state,
            Copy {
                space,
                memory: memory.clone(),
                ready: ready.clone(),
            },
        );
        Ok((memory, ready))
    }

    fn send(&self, state: &mut State, copy: Copy) {
        self.settled.store(false, Release);
        state.away.push(copy);
    }

    fn on_host(&self, state: &mut State) -> Result<Copy> {
        if self.home.space == Space::Host {
            return Ok(Copy {
                space: Space::Host,
                memory: self.home.memory.clone(),
                ready: state.ready.clone(),
            });
        }
        if let Some(copy) = state.away.iter().find(|c| c.space == Space::Host) {
            return Ok(copy.clone());
        }
        let backend = (self.home.backend)
            .ok_or_else(|| Error::device("copy", "a buffer outside the host has no device"))?;
        let memory: Arc<dyn DeviceMemory> = Arc::new(HostMemory::allocate(self.bytes)?);
        if self.bytes == 0 {
            return Ok(Copy {
                space: Space::Host,
                memory,
                ready: Event::Ready,
            });
        }
        let ready = backend.copy(&self.home.memory, &memory, self.bytes, &state.ready)?;
        let copy = Copy {
            space: Space::Host,
            memory,
            ready,
        };
        self.send(state, copy.clone());
        Ok(copy)
    }

    /// Whether the bytes were made in `space`: a kernel there may write them, if nobody else can see them.
    pub(crate) fn is_home(&self, space: Space) -> bool {
        self.home.space == space
    }

    /// Drops the copies elsewhere: a kernel at home is about to write. Waits for those that are still
    /// being made, because they read what will be written.
    pub(crate) fn call_home(&self) {
        if self.settled.load(Acquire) {
            return;
        }
        let away = std::mem::take(&mut self.lock().away);
        for copy in away {
            // A copy that failed reads nothing any more.
            let _ = copy.ready.wait();
        }
    }

    /// Records queued work that reads the bytes at home.
    pub(crate) fn read_by(&self, event: &Event) {
        let mut state = self.lock();
        self.settled.store(false, Release);
        state.reads.retain(|e| !e.is_done());
        state.reads.push(event.clone());
    }

    /// Whether queued work is still to read the bytes at home. A kernel that wrote over them in the same
    /// queue would come later in any case; one in another queue would not.
    pub(crate) fn has_readers(&self) -> bool {
        if self.settled.load(Acquire) {
            return false;
        }
        let mut state = self.lock();
        state.reads.retain(|e| !e.is_done());
        !state.reads.is_empty()
    }

    /// Records what completes the bytes that a kernel is writing at home.
    pub(crate) fn written(&self, ready: Event) {
        let mut state = self.lock();
        self.settled.store(false, Release);
        state.ready = ready;
    }

    /// Blocks until the bytes are there.
    ///
    /// # Errors
    /// The error of the work that was to fill them.
    pub fn wait(&self) -> Result<()> {
        if self.settled.load(Acquire) {
            return Ok(());
        }
        let ready = self.lock().ready.clone();
        ready.wait()
    }

    /// The host's copy, complete.
    ///
    /// # Errors
    /// When there is no memory for the copy, or the work that was to fill it failed.
    pub fn host(self: &Arc<Buffer>) -> Result<HostView> {
        let copy = self.on_host(&mut self.lock())?;
        copy.ready.wait()?;
        Ok(HostView {
            memory: copy.memory,
            _buffer: self.clone(),
        })
    }
}

/// The bytes of a buffer on the host. While it lives the buffer is not donated.
pub struct HostView {
    memory: Arc<dyn DeviceMemory>,
    _buffer: Arc<Buffer>,
}

impl std::ops::Deref for HostView {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.memory
            .as_any()
            .downcast_ref::<HostMemory>()
            .map_or(&[], HostMemory::as_slice)
    }
}
