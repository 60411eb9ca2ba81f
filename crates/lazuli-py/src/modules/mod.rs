//! Submodules: `random`, `fft`, `fast`, `linalg`, `distributed`, `metal`, `cuda`.

mod distributed;
mod fast;
mod fft;
mod gpu;
mod linalg;
mod random;

use pyo3::prelude::*;

pub(crate) use random::RandomState;

use crate::call::Entry;

/// A submodule: its name, documentation and functions.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    doc: &'static str,
    pub(crate) functions: fn() -> Vec<Entry>,
}

/// All of them.
pub(crate) const MODULES: &[Module] = &[
    Module {
        name: "random",
        doc: "Random numbers (Threefry), from keys or from the process's state.",
        functions: random::functions,
    },
    Module {
        name: "fft",
        doc: "Fourier transforms.",
        functions: fft::functions,
    },
    Module {
        name: "fast",
        doc: "Operations of language models in one pass.",
        functions: fast::functions,
    },
    Module {
        name: "linalg",
        doc: "Linear algebra of the matrices in the last two axes.",
        functions: linalg::functions,
    },
    Module {
        name: "distributed",
        doc: "Groups of processes: a group of one.",
        functions: distributed::functions,
    },
    Module {
        name: "metal",
        doc: "Apple's GPUs, which this build does not use.",
        functions: gpu::metal,
    },
    Module {
        name: "cuda",
        doc: "NVIDIA's GPUs, which this build does not use.",
        functions: gpu::cuda,
    },
];

/// Makes the submodules of `parent`.
pub(crate) fn add(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = parent.py();
    let loaded = py.import("sys")?.getattr("modules")?;
    for Module {
        name,
        doc,
        functions,
    } in MODULES
    {
        let module = PyModule::new(py, &format!("lazuli.core.{name}"))?;
        module.setattr("__doc__", doc)?;
        for entry in functions() {
            let function = entry.function.name;
            module.add(function, entry.to_function(&module, function)?)?;
        }
        parent.add(*name, &module)?;
        loaded.set_item(format!("lazuli.core.{name}"), &module)?;
    }
    // The reference has it at the top, under another name.
    let norm = parent.getattr("linalg")?.getattr("norm")?;
    parent.add("matrix_norm", norm)?;
    random::state(&parent.getattr("random")?)?;
    distributed::classes(&parent.getattr("distributed")?)
}
