//! Memory for the intermediates of a compiled function, kept from call to call.
//!
//! All plans of a function share one piece, as large as any of them has needed, so that a function of
//! many shapes keeps no more than its largest. Who comes while it is in use gets memory of his own:
//! another thread, or a call whose predecessor a device has not finished. Work that was captured
//! holds on to its piece, which is then never handed out again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::{Backend, DeviceMemory};
use crate::device::Space;
use crate::error::Result;

#[derive(Default)]
pub(crate) struct Workspace(Mutex<Option<Kept>>);

struct Kept {
    space: Space,
    memory: Arc<dyn DeviceMemory>,
}

impl Workspace {
    /// At least `bytes` bytes that nobody else uses.
    pub(crate) fn take(
        &self,
        backend: &Arc<dyn Backend>,
        bytes: usize,
    ) -> Result<Arc<dyn DeviceMemory>> {
        let kept = self.lock().take();
        match kept.filter(|k| k.space == backend.space() && k.memory.len() >= bytes) {
            Some(kept) if Arc::strong_count(&kept.memory) == 1 => Ok(kept.memory),
            _ => backend.allocate(bytes),
        }
    }

    /// Keeps what [`Workspace::take`] gave, for the next call.
    pub(crate) fn keep(&self, backend: &Arc<dyn Backend>, memory: Arc<dyn DeviceMemory>) {
        let mut kept = self.lock();
        if kept.as_ref().is_none_or(|k| k.memory.len() < memory.len()) {
            let space = backend.space();
            *kept = Some(Kept { space, memory });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
