//! The fake device of tests: memory that the host cannot touch, a queue that works later, capture.
//!
//! It computes with another backend's kernels, on staged copies, so that everything above a backend
//! can be tested against what an accelerator demands: explicit copies, completions, errors that show
//! late, and captures during which nothing moves. Work that is captured also runs, unlike on a real
//! accelerator: a capture's first results need no replay.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::array::Array;
use crate::backend::{Backend, Binding, Bindings, DeviceMemory, Event, Executable};
use crate::device::{self, Device, Space};
use crate::error::{Error, Result};
use crate::host::HostMemory;
use crate::op::Op;
use crate::plan::{Plan, Spec};
use crate::queue::Queue;

/// Bytes of outputs before a kernel writes them: a kernel that reads them shows.
const UNWRITTEN: u8 = 0xa5;

/// A handle to a registered fake device.
#[derive(Clone)]
pub struct Fake {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    inner: Arc<dyn Backend>,
    device: OnceLock<Device>,
    queue: Queue,
    gate: Arc<Gate>,
    capture: Mutex<Option<Recording>>,
}

/// What a capture has seen so far.
#[derive(Default)]
struct Recording {
    calls: Vec<Call>,
    broken: Option<Error>,
}

/// An executable with its operands.
#[derive(Clone)]
struct Call {
    executable: Arc<dyn Executable>,
    inputs: Vec<Binding>,
    outputs: Vec<Binding>,
    workspace: Option<Arc<dyn DeviceMemory>>,
}

impl Fake {
    /// A new device that computes with the kernels of `inner`, which must work on host memory.
    ///
    /// # Errors
    /// [`Error::Device`] when `inner` has memory of its own, or too many devices are registered.
    pub fn register(inner: Arc<dyn Backend>) -> Result<Fake> {
        if inner.space() != Space::Host {
            return Err(Error::device(
                "fake",
                format!("{} does not compute in host memory", inner.name()),
            ));
        }
        let shared = Arc::new(Shared {
            name: format!("fake over {}", inner.name()),
            inner,
            device: OnceLock::new(),
            queue: Queue::start("fake")?,
            gate: Arc::default(),
            capture: Mutex::default(),
        });
        let device = device::register(Arc::new(FakeBackend(shared.clone())))?;
        let _ = shared.device.set(device);
        Ok(Fake { shared })
    }

    /// The device.
    pub fn device(&self) -> Device {
        self.shared.device()
    }

    /// Holds the queue before its next piece of work, and those of further streams, until the guard is
    /// dropped.
    pub fn pause(&self) -> Paused {
        *lock(&self.shared.gate.closed) += 1;
        Paused(self.shared.gate.clone())
    }

    /// Queues a write over the memory of an array that was evaluated here: what a program does before
    /// it replays a capture, whose operands lie where they lay.
    ///
    /// # Errors
    /// [`Error::Device`] when the array's memory is not this device's; [`Error::Shape`]
    /// when it has another length.
    pub fn write(&self, array: &Array, bytes: &[u8]) -> Result<Event> {
        let data = array.data()?;
        if data.buffer.len() != bytes.len() {
            let what = format!(
                "{} bytes over {} of {array:?}",
                bytes.len(),
                data.buffer.len()
            );
            return Err(Error::shape("write", what));
        }
        if !data.buffer.is_home(Space::Device(self.device())) {
            let what = format!("{array:?} does not lie on {}", self.shared.name);
            return Err(Error::device("write", what));
        }
        // Copies elsewhere would show what was.
        data.buffer.call_home();
        let backend = self.device().backend()?;
        let (memory, after) = data.buffer.resident(backend)?;
        let bytes = bytes.to_vec();
        Ok(self.shared.push(move || {
            after.wait()?;
            lock(&fake(&memory)?.bytes).copy_from_slice(&bytes);
            Ok(())
        }))
    }

    /// Runs `f` and records what it enqueues here, with the memory that it is bound to. Work of further
    /// streams is not recorded.
    ///
    /// # Errors
    /// [`Error::Device`] when a capture is under way already, or when a copy to or from the host was
    /// asked for meanwhile, by any thread.
    pub fn capture<R>(&self, f: impl FnOnce() -> R) -> Result<(R, Capture)> {
        let mut capture = lock(&self.shared.capture);
        if capture.is_some() {
            return Err(Error::device("capture", "a capture is under way already"));
        }
        *capture = Some(Recording::default());
        drop(capture);
        let end = EndCapture(&self.shared);
        let value = f();
        let recording = lock(&self.shared.capture).take().unwrap_or_default();
        drop(end);
        match recording.broken {
            Some(error) => Err(error),
            None => Ok((
                value,
                Capture {
                    shared: self.shared.clone(),
                    calls: recording.calls,
                },
            )),
        }
    }
}

/// Ends a capture whose function unwinds.
struct EndCapture<'a>(&'a Shared);

impl Drop for EndCapture<'_> {
    fn drop(&mut self) {
        *lock(&self.0.capture) = None;
    }
}

/// What was enqueued during a capture; its memory lives as long as it does.
pub struct Capture {
    shared: Arc<Shared>,
    calls: Vec<Call>,
}

impl Capture {
    /// Executables recorded.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether nothing was enqueued.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Queues the work again, on the same memory; completes with the last piece.
    pub fn replay(&self) -> Event {
        let calls = self.calls.clone();
        self.shared
            .push(move || calls.iter().try_for_each(Call::run))
    }
}

/// Holds a queue while it lives.
pub struct Paused(Arc<Gate>);

impl Drop for Paused {
    fn drop(&mut self) {
        *lock(&self.0.closed) -= 1;
        self.0.opened.notify_all();
    }
}

#[derive(Default)]
struct Gate {
    /// Guards that hold the gate.
    closed: Mutex<usize>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut closed = lock(&self.closed);
        while *closed > 0 {
            closed = (self.opened.wait(closed)).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Memory that only the queue reads and writes.
struct FakeMemory {
    len: usize,
    bytes: Mutex<Vec<u8>>,
}

impl DeviceMemory for FakeMemory {
    fn len(&self) -> usize {
        self.len
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn fake(memory: &Arc<dyn DeviceMemory>) -> Result<&FakeMemory> {
    memory
        .as_any()
        .downcast_ref()
        .ok_or_else(|| Error::device("fake", "an operand is not in the device's memory"))
}

impl Shared {
    fn device(&self) -> Device {
        // No device has this number: `register` has not returned yet.
        self.device.get().copied().unwrap_or(Device(u8::MAX))
    }

    /// Queues `work`.
    fn push(&self, work: impl FnOnce() -> Result<()> + Send + 'static) -> Event {
        let gate = self.gate.clone();
        self.queue.push(move || {
            gate.pass();
            work()
        })
    }
}

struct FakeBackend(Arc<Shared>);

impl Backend for FakeBackend {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn space(&self) -> Space {
        Space::Device(self.0.device())
    }

    fn allocate(&self, bytes: usize) -> Result<Arc<dyn DeviceMemory>> {
        let mut content = Vec::new();
        (content.try_reserve_exact(bytes))
            .map_err(|_| Error::memory("allocate", format!("{bytes} bytes were refused")))?;
        content.resize(bytes, UNWRITTEN);
        Ok(Arc::new(FakeMemory {
            len: bytes,
            bytes: Mutex::new(content),
        }))
    }

    fn supports(&self, op: &Op, inputs: &[Spec], outputs: &[Spec]) -> bool {
        self.0.inner.supports(op, inputs, outputs)
    }

    fn fuses(&self, op: &Op, inputs: &[Spec], outputs: &[Spec]) -> bool {
        self.0.inner.fuses(op, inputs, outputs)
    }

    fn lower(&self, plan: Arc<Plan>) -> Result<Arc<dyn Executable>> {
        Ok(Arc::new(Queued {
            shared: self.0.clone(),
            inner: self.0.inner.lower(plan)?,
        }))
    }

    fn copy(
        &self,
        from: &Arc<dyn DeviceMemory>,
        to: &Arc<dyn DeviceMemory>,
        bytes: usize,
        after: &Event,
    ) -> Result<Event> {
        if let Some(recording) = &mut *lock(&self.0.capture) {
            let error = Error::device(
                "copy",
                format!("{bytes} bytes would move between host and device during a capture"),
            );
            recording.broken.get_or_insert_with(|| error.clone());
            return Err(error);
        }
        let (from, to, after) = (from.clone(), to.clone(), after.clone());
        if fake(&from).is_err() && fake(&to).is_err() {
            return Err(Error::device("copy", "neither side is on the device"));
        }
        Ok(self.0.push(move || {
            after.wait()?;
            match fake(&to) {
                Ok(to) => {
                    let from = host(&from)?.as_slice();
                    lock(&to.bytes)[..bytes].copy_from_slice(&from[..bytes]);
                }
                Err(_) => host(&to)?.receive(&lock(&fake(&from)?.bytes)[..bytes]),
            }
            Ok(())
        }))
    }

    fn synchronize(&self) -> Result<()> {
        self.0.queue.synchronize()
    }
}

fn host(memory: &Arc<dyn DeviceMemory>) -> Result<&HostMemory> {
    memory
        .as_any()
        .downcast_ref()
        .ok_or_else(|| Error::device("fake", "an operand is in a third memory"))
}

struct Queued {
    shared: Arc<Shared>,
    inner: Arc<dyn Executable>,
}

impl Queued {
    fn call(&self, bindings: Bindings) -> Call {
        Call {
            executable: self.inner.clone(),
            inputs: bindings.inputs.to_vec(),
            outputs: bindings.outputs.to_vec(),
            workspace: bindings.workspace,
        }
    }
}

impl Executable for Queued {
    fn enqueue(&self, bindings: Bindings) -> Result<Event> {
        let call = self.call(bindings);
        if let Some(recording) = &mut *lock(&self.shared.capture) {
            recording.calls.push(call.clone());
        }
        Ok(self.shared.push(move || call.run()))
    }

    fn run(&self, bindings: Bindings) -> Result<()> {
        self.shared.gate.pass();
        self.call(bindings).run()
    }
}

impl Call {
    /// Copies the operands to host memory, runs there, and copies the outputs back. Operands that
    /// share memory share its copy.
    fn run(&self) -> Result<()> {
        for binding in self.inputs.iter().chain(&self.outputs) {
            binding.after.wait()?;
        }
        let mut staged: HashMap<usize, Arc<dyn DeviceMemory>> = HashMap::new();
        let mut stage = |memory: &Arc<dyn DeviceMemory>, read: bool| -> Result<_> {
            let from = fake(memory)?;
            let key = std::ptr::from_ref(from) as usize;
            if let Some(copy) = staged.get(&key) {
                return Ok(copy.clone());
            }
            let mut copy = HostMemory::allocate(from.len)?;
            if let Some(to) = copy.as_mut_slice() {
                match read {
                    true => to.copy_from_slice(&lock(&from.bytes)),
                    false => to.fill(UNWRITTEN),
                }
            }
            let copy: Arc<dyn DeviceMemory> = Arc::new(copy);
            staged.insert(key, copy.clone());
            Ok(copy)
        };
        let mut bind = |bindings: &[Binding], read: bool| {
            let bound = bindings.iter().map(|b| {
                Ok(Binding {
                    memory: stage(&b.memory, read)?,
                    offset: b.offset,
                    after: Event::Ready,
                })
            });
            bound.collect::<Result<Vec<Binding>>>()
        };
        let inputs = bind(&self.inputs, true)?;
        let outputs = bind(&self.outputs, false)?;
        let workspace = match &self.workspace {
            Some(memory) => Some(stage(memory, false)?),
            None => None,
        };
        let results: Vec<Arc<dyn DeviceMemory>> =
            outputs.iter().map(|b| b.memory.clone()).collect();
        let run = Bindings {
            inputs: inputs.into(),
            outputs: outputs.into(),
            workspace,
        };
        self.executable.enqueue(run)?.wait()?;
        for (binding, result) in self.outputs.iter().zip(&results) {
            lock(&fake(&binding.memory)?.bytes).copy_from_slice(host(result)?.as_slice());
        }
        Ok(())
    }
}

/// Nothing panics while these locks are held, so poison means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
