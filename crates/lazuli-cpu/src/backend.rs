//! The CPU as a device: a dispatch path, a pool of threads, and the kernels for both.

use std::sync::Arc;

use lazuli_core::backend::{Backend, Binding, Bindings, DeviceMemory, Event, Executable};
use lazuli_core::device::{self, Space};
use lazuli_core::error::{Error, Result};
use lazuli_core::host::HostMemory;
use lazuli_core::plan::{Place, Plan, Spec, Step, Value, Work};
use lazuli_core::{Device, Op};
use smallvec::SmallVec;

use crate::call::{Call, Run, kernel};
use crate::group::{Fused, Places};
use crate::kernels::{Kernels, scratch};
use crate::operand::{Operand, Output};
use crate::{Isa, Pool};

/// How a CPU device computes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Dispatch path.
    pub isa: Isa,
    /// Threads, the caller's included.
    pub threads: usize,
}

impl Options {
    /// The best path of this machine and all its cores, or what `LAZULI_CPU` and `LAZULI_THREADS` say.
    ///
    /// # Errors
    /// [`Error::Value`] when a variable names a path that does not exist or this machine lacks, or a
    /// number of threads that is none.
    pub fn from_environment() -> Result<Options> {
        let mut options = Options {
            isa: Isa::best(),
            threads: std::thread::available_parallelism().map_or(1, |n| n.get()),
        };
        if let Ok(name) = std::env::var("LAZULI_CPU") {
            options.isa = Isa::from_name(&name)
                .filter(|i| i.available())
                .ok_or_else(|| {
                    let have: Vec<&str> = Isa::ALL
                        .iter()
                        .filter(|i| i.available())
                        .map(|i| i.name())
                        .collect();
                    Error::value(
                        "LAZULI_CPU",
                        format!(
                            "`{name}` is not a path of this machine; it has {}",
                            have.join(", ")
                        ),
                    )
                })?;
        }
        if let Ok(text) = std::env::var("LAZULI_THREADS") {
            options.threads = text
                .parse()
                .ok()
                .filter(|&n| (1..=1024).contains(&n))
                .ok_or_else(|| {
                    Error::value(
                        "LAZULI_THREADS",
                        format!("`{text}` is no number from 1 to 1024"),
                    )
                })?;
        }
        Ok(options)
    }
}

/// A CPU device.
pub struct Cpu {
    name: String,
    pub(crate) pool: Pool,
    pub(crate) kernels: Kernels,
}

impl Cpu {
    /// A device with threads of its own.
    ///
    /// # Errors
    /// [`Error::Value`] when this machine lacks the path.
    pub fn new(options: Options) -> Result<Cpu> {
        if !options.isa.available() {
            return Err(Error::value(
                "cpu",
                format!("this machine has no {}", options.isa),
            ));
        }
        Ok(Cpu {
            name: format!("cpu ({}, {} threads)", options.isa, options.threads),
            pool: Pool::new(options.threads),
            kernels: Kernels::new(options.isa),
        })
    }
}

/// Registers a CPU device with these options; the first device registered is the default.
///
/// # Errors
/// [`Error::Value`] when this machine lacks the path.
pub fn register(options: Options) -> Result<Device> {
    device::register(Arc::new(CpuBackend(Arc::new(Cpu::new(options)?))))
}

/// The driver of a [`Cpu`].
pub struct CpuBackend(pub Arc<Cpu>);

impl Backend for CpuBackend {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn space(&self) -> Space {
        Space::Host
    }

    fn allocate(&self, bytes: usize) -> Result<Arc<dyn DeviceMemory>> {
        Ok(Arc::new(HostMemory::allocate(bytes)?))
    }

    fn supports(&self, op: &Op, inputs: &[Spec], outputs: &[Spec]) -> bool {
        kernel(op, inputs, outputs).is_some()
    }

    fn fuses(&self, op: &Op, inputs: &[Spec], outputs: &[Spec]) -> bool {
        kernel(op, inputs, outputs).is_some()
    }

    fn lower(&self, plan: Arc<Plan>) -> Result<Arc<dyn Executable>> {
        let mut kernels = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let specs = |ids: &[usize]| -> Vec<Spec> {
                ids.iter().map(|&id| plan.values[id].spec.clone()).collect()
            };
            let (inputs, outputs) = (specs(&step.inputs), specs(&step.outputs));
            kernels.push(match &step.work {
                Work::Kernel(op) => match kernel(op, &inputs, &outputs) {
                    Some(run) => Runner::Kernel(run),
                    None => {
                        let message = format!("{} has no kernel", self.name());
                        return Err(Error::unsupported(op.name(), message));
                    }
                },
                Work::Group(group) => Runner::Group(Box::new(Fused::new(group, &inputs)?)),
            });
        }
        Ok(Arc::new(CpuPlan {
            cpu: self.0.clone(),
            plan,
            kernels,
        }))
    }

    fn copy(
        &self,
        from: &Arc<dyn DeviceMemory>,
        _to: &Arc<dyn DeviceMemory>,
        _bytes: usize,
        _after: &Event,
    ) -> Result<Event> {
        // Host memory is where a CPU computes; core never asks for this.
        Err(Error::device(
            "copy",
            format!("{} bytes are on the host already", from.len()),
        ))
    }

    fn trim(&self) {
        // Every thread its own. A pool that is busy leaves it to the caller, who gives back what is his.
        self.0
            .pool
            .run(self.0.pool.threads(), &|_| scratch::release());
    }

    fn synchronize(&self) -> Result<()> {
        Ok(())
    }
}

struct CpuPlan {
    cpu: Arc<Cpu>,
    plan: Arc<Plan>,
    kernels: Vec<Runner>,
}

/// What runs a step.
enum Runner {
    Kernel(Run),
    Group(Box<Fused>),
}

impl Executable for CpuPlan {
    fn enqueue(&self, bindings: Bindings) -> Result<Event> {
        let memory = Memory::of(&self.plan, &bindings)?;
        for (step, run) in self.plan.steps.iter().zip(&self.kernels) {
            let (op, run) = match (&step.work, run) {
                (Work::Kernel(op), Runner::Kernel(run)) => (op, run),
                (_, Runner::Group(group)) => {
                    memory.run_group(&self.cpu, &self.plan, step, group)?;
                    continue;
                }
                (Work::Group(_), Runner::Kernel(_)) => {
                    return Err(Error::device("cpu", "a group was lowered as a kernel"));
                }
            };
            let mut inputs: SmallVec<[Operand<'_>; 4]> = SmallVec::new();
            for &id in &step.inputs {
                let (start, spec) = memory.locate(&self.plan.values[id]);
                // SAFETY: the plan's layout lies within the memory that core bound for it, which is
                // published (inputs) or was written by an earlier step (workspace).
                inputs.push(unsafe { Operand::new(start, spec) });
            }
            let mut outputs: SmallVec<[Output<'_>; 2]> = SmallVec::new();
            for &id in &step.outputs {
                let (start, spec) = memory.locate(&self.plan.values[id]);
                // SAFETY: outputs and workspace are bound exclusively for this run (see `Bindings`),
                // and the plan gives values that are alive together disjoint bytes.
                outputs.push(unsafe { Output::new(start, spec) });
            }
            run(
                op,
                &mut Call {
                    cpu: &self.cpu,
                    inputs: &inputs,
                    outputs: &mut outputs,
                },
            )?;
        }
        Ok(Event::Ready)
    }
}

/// Where the memory of a run starts: the address of each binding's first element.
struct Memory {
    inputs: SmallVec<[*mut u8; 4]>,
    outputs: SmallVec<[*mut u8; 2]>,
    workspace: *mut u8,
}

impl Memory {
    /// The addresses of bindings that are complete.
    fn of(plan: &Plan, bindings: &Bindings) -> Result<Memory> {
        let mut memory = Memory {
            inputs: SmallVec::new(),
            outputs: SmallVec::new(),
            workspace: std::ptr::null_mut(),
        };
        for (binding, spec) in bindings.inputs.iter().zip(&plan.inputs) {
            memory.inputs.push(start(binding, spec)?);
        }
        for (binding, spec) in bindings.outputs.iter().zip(&plan.outputs) {
            memory.outputs.push(start(binding, spec)?);
        }
        if let Some(workspace) = &bindings.workspace {
            memory.workspace = workspace.host().ok_or_else(no_memory)?.as_ptr();
        }
        Ok(memory)
    }

    fn run_group(&self, cpu: &Cpu, plan: &Plan, step: &Step, group: &Fused) -> Result<()> {
        let starts = |ids: &[usize]| -> SmallVec<[*mut u8; 8]> {
            let start = |&id: &usize| self.locate(&plan.values[id]).0;
            ids.iter().map(start).collect()
        };
        let (inputs, outputs) = (starts(&step.inputs), starts(&step.outputs));
        let places = Places {
            inputs: &inputs,
            outputs: &outputs,
        };
        // SAFETY: as for kernels in `enqueue`; the group was lowered for the layouts of these values.
        unsafe { group.run(cpu, &places) }
    }

    /// First element and layout of a value. A view of a strided input counts from the input's own
    /// first element, and may have elements of another size.
    fn locate<'a>(&self, value: &'a Value) -> (*mut u8, &'a Spec) {
        if value.spec.shape.elements() == 0 {
            // It has no place in memory: an address that suits every type.
            return (std::ptr::without_provenance_mut(64), &value.spec);
        }
        let memory = match value.place {
            Place::Input(i) => self.inputs[i],
            Place::Output(i) => self.outputs[i],
            Place::Workspace(byte) => self.workspace.wrapping_add(byte),
        };
        let start = memory.wrapping_add(value.offset * value.spec.dtype.size());
        (start, &value.spec)
    }
}

fn start(binding: &Binding, spec: &Spec) -> Result<*mut u8> {
    binding.after.wait()?;
    let memory = binding.memory.host().ok_or_else(no_memory)?;
    Ok(memory
        .as_ptr()
        .wrapping_add(binding.offset * spec.dtype.size()))
}

fn no_memory() -> Error {
    Error::device("cpu", "an operand or the workspace is not in host memory")
}
