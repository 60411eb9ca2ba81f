//! What a device must be able to do.
//!
//! A backend lowers a [`Plan`] once and enqueues the result many times. Nothing allocates, compiles
//! or touches the host inside `enqueue`: memory arrives in the bindings. Plain evaluation enqueues
//! plans of one operation, compiled functions plans of many; a backend sees no difference.

use std::any::Any;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::device::Space;
use crate::error::Result;
use crate::op::Op;
use crate::plan::{Plan, Spec};

/// An allocation in some memory space.
pub trait DeviceMemory: Any + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> usize;
    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The memory as its backend knows it.
    fn as_any(&self) -> &dyn Any;
    /// The memory, if it is the host's.
    fn host(&self) -> Option<&crate::host::HostMemory> {
        None
    }
}

impl DeviceMemory for crate::host::HostMemory {
    fn len(&self) -> usize {
        crate::host::HostMemory::len(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn host(&self) -> Option<&crate::host::HostMemory> {
        Some(self)
    }
}

/// Completion of work on a device.
#[derive(Clone, Default)]
pub enum Event {
    /// Already complete.
    #[default]
    Ready,
    /// Known to the backend.
    Pending(Arc<dyn Completion>),
}

/// A completion that can be waited for from any thread.
pub trait Completion: Send + Sync {
    /// Blocks until the work is done; the error of the work, if it failed.
    fn wait(&self) -> Result<()>;
    /// Whether the work is done, without blocking.
    fn is_done(&self) -> bool;
}

impl Event {
    /// Blocks until the work is done.
    ///
    /// # Errors
    /// The error of the work.
    pub fn wait(&self) -> Result<()> {
        match self {
            Event::Ready => Ok(()),
            Event::Pending(c) => c.wait(),
        }
    }

    /// Whether the work is done.
    pub fn is_done(&self) -> bool {
        match self {
            Event::Ready => true,
            Event::Pending(c) => c.is_done(),
        }
    }
}

/// One operand of a plan at run time.
#[derive(Clone)]
pub struct Binding {
    /// The allocation.
    pub memory: Arc<dyn DeviceMemory>,
    /// First element, in elements of the operand's dtype.
    pub offset: usize,
    /// What must complete before the operand may be read.
    pub after: Event,
}

/// The operands of one run.
///
/// Outputs are exclusive: no published array shows their memory. An output may share the memory of an
/// input if the plan allows it ([`Plan::state`]).
pub struct Bindings {
    /// One per plan input.
    pub inputs: SmallVec<[Binding; 4]>,
    /// One per plan output.
    pub outputs: SmallVec<[Binding; 2]>,
    /// Memory for the plan's intermediates, at least `plan.workspace` bytes, if it needs any.
    pub workspace: Option<Arc<dyn DeviceMemory>>,
}

/// A lowered plan.
pub trait Executable: Send + Sync {
    /// Queues the work and returns what completes with it.
    ///
    /// # Errors
    /// When the device refuses the work or its inputs have no meaning (an index out of range).
    fn enqueue(&self, bindings: Bindings) -> Result<Event>;

    /// Waits for the operands and does the work, on the calling thread as far as there is a choice: what
    /// the queue of a further [`Stream`](crate::Stream) does.
    ///
    /// A device whose `enqueue` only queues must not queue here: work of its queue may wait for this.
    ///
    /// # Errors
    /// As [`Executable::enqueue`], and the error of the work.
    fn run(&self, bindings: Bindings) -> Result<()> {
        self.enqueue(bindings)?.wait()
    }
}

/// A device's driver.
pub trait Backend: Send + Sync + 'static {
    /// Name for people, such as `cpu`.
    fn name(&self) -> &str;

    /// The memory that its kernels address.
    fn space(&self) -> Space;

    /// New memory, contents undefined.
    ///
    /// # Errors
    /// When there is not enough.
    fn allocate(&self, bytes: usize) -> Result<Arc<dyn DeviceMemory>>;

    /// Whether there is a kernel for `op` on these operands. What is not supported is decomposed
    /// when lowered, and counted ([`crate::plan::decomposed`]).
    fn supports(&self, op: &Op, inputs: &[Spec], outputs: &[Spec]) -> bool;

    /// Whether a supported operation may be a member of a [`crate::plan::Group`], run tile by tile with
    /// the bits of its kernel. Elementwise ones, and reductions over the last axis, are asked for.
    fn fuses(&self, _op: &Op, _inputs: &[Spec], _outputs: &[Spec]) -> bool {
        false
    }

    /// Prepares a plan all of whose steps are supported.
    ///
    /// # Errors
    /// When a kernel cannot be built.
    fn lower(&self, plan: Arc<Plan>) -> Result<Arc<dyn Executable>>;

    /// Copies bytes between the host's memory and this device's, after `after`.
    ///
    /// # Errors
    /// When the device fails, or memory of a third space is given.
    fn copy(
        &self,
        from: &Arc<dyn DeviceMemory>,
        to: &Arc<dyn DeviceMemory>,
        bytes: usize,
        after: &Event,
    ) -> Result<Event>;

    /// Blocks until everything queued is done.
    ///
    /// # Errors
    /// The first error of that work.
    fn synchronize(&self) -> Result<()>;

    /// Gives back memory that is kept for later calls ([`crate::memory::trim`]).
    fn trim(&self) {}
}
