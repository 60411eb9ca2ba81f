//! A device of one number per array.

use std::any::Any;
use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use lazuli_core::backend::{Backend, Bindings, DeviceMemory, Event, Executable};
use lazuli_core::device::{Space, register};
use lazuli_core::error::Result;
use lazuli_core::ops::binary::Binary;
use lazuli_core::plan::{Plan, Spec, Work};
use lazuli_core::{Array, Device, Error, Op};
use loom::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// Not `loom`'s: it outlives a run.
static DEVICE: OnceLock<Device> = OnceLock::new();

thread_local! {
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

/// Kernels run by this test: `loom` runs all of a test's threads on one.
pub(crate) fn kernels_run() -> usize {
    RUNS.get()
}

/// Makes this the default device of the process.
pub(crate) fn register_once() {
    DEVICE.get_or_init(|| register(Arc::new(Numbers)).unwrap());
}

/// The number, evaluated if need be.
pub(crate) fn value(array: &Array) -> i32 {
    let data = array.data().unwrap();
    let backend = Device::current().backend().unwrap();
    read(&data.buffer.resident(backend).unwrap().0)
}

struct Number(AtomicI32);

impl DeviceMemory for Number {
    fn len(&self) -> usize {
        4
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The number in memory of this device, or in what an array was given.
fn read(memory: &Arc<dyn DeviceMemory>) -> i32 {
    match memory.as_any().downcast_ref::<Number>() {
        Some(number) => number.0.load(Relaxed),
        None => i32::from_le_bytes(memory.host().unwrap().as_slice().try_into().unwrap()),
    }
}

struct Numbers;

impl Backend for Numbers {
    fn name(&self) -> &str {
        "numbers"
    }
    fn space(&self) -> Space {
        Space::Host
    }
    fn allocate(&self, _: usize) -> Result<Arc<dyn DeviceMemory>> {
        Ok(Arc::new(Number(AtomicI32::new(-1))))
    }
    fn supports(&self, op: &Op, _: &[Spec], _: &[Spec]) -> bool {
        matches!(op, Op::Binary(Binary::Add | Binary::FloorDivide))
    }
    fn lower(&self, plan: Arc<Plan>) -> Result<Arc<dyn Executable>> {
        Ok(Arc::new(OneStep(plan)))
    }
    fn copy(
        &self,
        _: &Arc<dyn DeviceMemory>,
        _: &Arc<dyn DeviceMemory>,
        _: usize,
        _: &Event,
    ) -> Result<Event> {
        Err(Error::device("copy", "everything is on the host"))
    }
    fn synchronize(&self) -> Result<()> {
        Ok(())
    }
}

struct OneStep(Arc<Plan>);

impl Executable for OneStep {
    fn enqueue(&self, bindings: Bindings) -> Result<Event> {
        RUNS.set(RUNS.get() + 1);
        let Work::Kernel(Op::Binary(op)) = &self.0.steps[0].work else {
            return Err(Error::device("numbers", "not an operation of this device"));
        };
        let operand = |i: usize| read(&bindings.inputs[self.0.steps[0].inputs[i]].memory);
        let result = match op {
            Binary::Add => operand(0) + operand(1),
            _ => (operand(0).checked_div(operand(1)))
                .ok_or_else(|| Error::value("floor_divide", "by zero"))?,
        };
        let out = bindings.outputs[0].memory.as_any();
        let Some(out) = out.downcast_ref::<Number>() else {
            return Err(Error::device("numbers", "an output of another device"));
        };
        out.0.store(result, Relaxed);
        Ok(Event::Ready)
    }
}
