//! Buffers: bytes, immutable once published, resident in one or more memory spaces.
//!
//! An array has no device. The residency of a buffer is a table behind one lock: one thread moves, the
//! others wait for it and find the copy. Not chosen: one buffer per device and explicit transfers,
//! which would put devices into every signature.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::{SmallVec, smallvec};

use crate::backend::{Backend, DeviceMemory, Event};
use crate::device::Space;
use crate::error::{Error, Result};
use crate::host::{Bytes, HostMemory};

#[derive(Clone)]
struct Copy {
    space: Space,
    memory: Arc<dyn DeviceMemory>,
    ready: Event,
    /// The driver that can read the copy back to the host; none for host memory.
    backend: Option<Arc<dyn Backend>>,
}

/// Bytes of an evaluated array. Shared by the views of it.
pub struct Buffer {
    bytes: usize,
    exclusive: bool,
    copies: Mutex<SmallVec<[Copy; 1]>>,
}

impl Buffer {
    /// A buffer that a kernel on `backend` is about to fill.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn allocate(backend: &Arc<dyn Backend>, bytes: usize) -> Result<Buffer> {
        let memory = backend.allocate(bytes)?;
        let space = backend.space();
        let backend = (space != Space::Host).then(|| backend.clone());
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
        backend: Option<Arc<dyn Backend>>,
    ) -> Buffer {
        Buffer {
            bytes,
            exclusive,
            copies: Mutex::new(smallvec![Copy {
                space,
                memory,
                ready: Event::Ready,
                backend,
            }]),
        }
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
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(copy) = copies.iter().find(|c| c.space == space) {
            return Ok((copy.memory.clone(), copy.ready.clone()));
        }
        if space != Space::Host {
            let host = self.on_host(&mut copies)?;
            let memory = backend.allocate(self.bytes)?;
            let ready = backend.copy(&host.memory, &memory, self.bytes, &host.ready)?;
            copies.push(Copy {
                space,
                memory: memory.clone(),
                ready: ready.clone(),
                backend: Some(backend.clone()),
            });
            return Ok((memory, ready));
        }
        let host = self.on_host(&mut copies)?;
        Ok((host.memory, host.ready))
    }

    fn on_host(&self, copies: &mut SmallVec<[Copy; 1]>) -> Result<Copy> {
        if let Some(copy) = copies.iter().find(|c| c.space == Space::Host) {
            return Ok(copy.clone());
        }
        let from = copies[0].clone();
        let backend = from
            .backend
            .ok_or_else(|| Error::device("copy", "a buffer outside the host has no device"))?;
        let memory: Arc<dyn DeviceMemory> = Arc::new(HostMemory::allocate(self.bytes)?);
        let ready = backend.copy(&from.memory, &memory, self.bytes, &from.ready)?;
        let copy = Copy {
            space: Space::Host,
            memory,
            ready,
            backend: None,
        };
        copies.push(copy.clone());
        Ok(copy)
    }

    /// Whether the bytes are in the memory of `space`.
    pub(crate) fn is_in(&self, space: Space) -> bool {
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.iter().any(|c| c.space == space)
    }

    /// Drops the copies outside `space`, which has one: a kernel there is about to write. Waits for
    /// those that are still being made, because they read what will be written.
    pub(crate) fn invalidate_outside(&self, space: Space) {
        let mut outside: SmallVec<[Event; 1]> = SmallVec::new();
        {
            let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            copies.retain(|c| {
                let stays = c.space == space;
                if !stays {
                    outside.push(c.ready.clone());
                }
                stays
            });
        }
        for copied in outside {
            // A copy that failed reads nothing any more.
            let _ = copied.wait();
        }
    }

    /// Records what completes the bytes that a kernel is writing.
    pub(crate) fn written(&self, ready: Event) {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        for copy in copies.iter_mut() {
            copy.ready = ready.clone();
        }
    }

    /// Blocks until the bytes are there, in whatever space they are.
    ///
    /// # Errors
    /// The error of the work that was to fill them.
    pub fn wait(&self) -> Result<()> {
        let ready = {
            let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            copies[0].ready.clone()
        };
        ready.wait()
    }

    /// The host's copy, complete.
    ///
    /// # Errors
    /// When there is no memory for the copy, or the work that was to fill it failed.
    pub fn host(self: &Arc<Buffer>) -> Result<HostView> {
        let copy = {
            let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            self.on_host(&mut copies)?
        };
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
