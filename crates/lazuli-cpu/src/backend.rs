//! The CPU as a device: a dispatch path, a pool of threads, and the kernels for both.

use std::sync::Arc;

use lazuli_core::backend::{Backend, Binding, Bindings, DeviceMemory, Event, Executable};
use lazuli_core::device::{self, Space};
use lazuli_core::error::{Error, Result};
use lazuli_core::host::HostMemory;
use lazuli_core::plan::{Place, Plan, Spec};
use lazuli_core::{Device, Op};
use smallvec::SmallVec;

use crate::call::{Call, Run, kernel};
use crate::kernels::Kernels;
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

    fn lower(&self, plan: Arc<Plan>) -> Result<Arc<dyn Executable>> {
        let mut kernels = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let specs = |ids: &[usize]| -> Vec<Spec> {
                ids.iter().map(|&id| plan.values[id].spec.clone()).collect()
            };
            let run = kernel(&step.op, &specs(&step.inputs), &specs(&step.outputs));
            kernels.push(run.ok_or_else(|| {
                Error::unsupported(step.op.name(), format!("{} has no kernel", self.name()))
            })?);
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

    fn synchronize(&self) -> Result<()> {
        Ok(())
    }
}

struct CpuPlan {
    cpu: Arc<Cpu>,
    plan: Arc<Plan>,
    kernels: Vec<Run>,
}

impl Executable for CpuPlan {
    fn enqueue(&self, bindings: Bindings) -> Result<Event> {
        for binding in bindings.inputs.iter().chain(&bindings.outputs) {
            binding.after.wait()?;
        }
        for (step, run) in self.plan.steps.iter().zip(&self.kernels) {
            let inputs = step
                .inputs
                .iter()
                .map(|&id| {
                    let (start, spec) = self.locate(id, &bindings)?;
                    // SAFETY: the plan's layout lies within the memory that core bound for it, which
                    // is published (inputs) or was written by an earlier step (workspace).
                    Ok(unsafe { Operand::new(start, spec) })
                })
                .collect::<Result<SmallVec<[Operand<'_>; 8]>>>()?;
            let mut outputs = step
                .outputs
                .iter()
                .map(|&id| {
                    let (start, spec) = self.locate(id, &bindings)?;
                    // SAFETY: outputs and workspace are bound exclusively for this run (see
                    // `Bindings`), and the plan gives values that are alive together disjoint bytes.
                    Ok(unsafe { Output::new(start, spec) })
                })
                .collect::<Result<SmallVec<[Output<'_>; 3]>>>()?;
            run(
                &step.op,
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

impl CpuPlan {
    /// First element and layout of a value.
    fn locate<'a>(&'a self, id: usize, bindings: &'a Bindings) -> Result<(*mut u8, &'a Spec)> {
        let value = &self.plan.values[id];
        let size = value.spec.dtype.size();
        let of = |binding: &'a Binding, first: usize| {
            host(&binding.memory).map(|m| m.as_ptr().wrapping_add(first + value.offset * size))
        };
        let start = match value.place {
            Place::Input(i) => {
                // A view of a strided input counts from the input's own first element, and may have
                // elements of another size.
                let own = self.plan.inputs[i].dtype.size();
                of(&bindings.inputs[i], bindings.inputs[i].offset * own)?
            }
            Place::Output(i) => {
                let own = self.plan.outputs[i].dtype.size();
                of(&bindings.outputs[i], bindings.outputs[i].offset * own)?
            }
            Place::Workspace(byte) => {
                let memory = bindings.workspace.as_ref().ok_or_else(no_memory)?;
                host(memory)?
                    .as_ptr()
                    .wrapping_add(byte + value.offset * size)
            }
        };
        Ok((start, &value.spec))
    }
}

fn host(memory: &Arc<dyn DeviceMemory>) -> Result<&HostMemory> {
    memory
        .as_any()
        .downcast_ref::<HostMemory>()
        .ok_or_else(no_memory)
}

fn no_memory() -> Error {
    Error::device("cpu", "an operand is not in host memory")
}
