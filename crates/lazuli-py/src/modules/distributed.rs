//! `distributed`: the functions of groups of processes, over a group of one.

use lazuli_core::{Array, Dtype};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::argument::{FromArgument, wrong};
use crate::call::{Entry, row};
use crate::operand::Operand;

/// A group of processes: this one alone.
#[pyclass(frozen, name = "Group", module = "lazuli.core.distributed")]
pub(crate) struct Group;

#[pymethods]
impl Group {
    /// The number of this process.
    fn rank(&self) -> usize {
        0
    }

    /// How many processes there are.
    fn size(&self) -> usize {
        1
    }

    /// Parts of the group: there are none of one process.
    #[pyo3(signature = (color, key = -1))]
    fn split(&self, color: i64, key: i64) -> PyResult<Group> {
        Err(PyRuntimeError::new_err(format!(
            "split: a group of one process has no parts (color {color}, key {key})"
        )))
    }
}

/// Adds the class.
pub(super) fn classes(module: &Bound<'_, PyAny>) -> PyResult<()> {
    module.setattr("Group", module.py().get_type::<Group>())
}

/// A group, or the process's own.
struct Of;

impl FromArgument for Of {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        match value.is_none() || value.is_instance_of::<Group>() {
            true => Ok(Of),
            false => Err(wrong()),
        }
    }
}

fn init(strict: bool, backend: String) -> PyResult<Py<PyAny>> {
    if !["any", "ring", "mpi", "nccl", "jaccl"].contains(&backend.as_str()) {
        return Err(PyValueError::new_err(format!(
            "init: no backend `{backend}`; there are any, ring, mpi, nccl and jaccl"
        )));
    }
    if strict {
        return Err(PyRuntimeError::new_err(
            "init: this build has no backend for several processes",
        ));
    }
    Python::attach(|py| Ok(Py::new(py, Group)?.into_any()))
}

fn nobody(op: &str, number: isize) -> PyErr {
    PyValueError::new_err(format!(
        "{op}: there is no process {number} in a group of one"
    ))
}

macro_rules! alone {
    ($($name:literal $doc:literal;)*) => {
        vec![$(row!(
            $name,
            "(x: array, *, group: Group | None = None, stream: StreamOrDevice = None) -> array",
            $doc,
            |x: Operand, _group: Of| x.to_array()
        )),*]
    };
}

/// The rows.
pub(super) fn functions() -> Vec<Entry> {
    let mut rows = alone! {
        "all_sum" "The sum over all processes.";
        "all_max" "The largest over all processes.";
        "all_min" "The smallest over all processes.";
        "all_gather" "The arrays of all processes along the first axis.";
        "sum_scatter" "The part of the sum over all processes that belongs to this one.";
    };
    rows.extend([
        row!(
            "is_available",
            "(backend: str = 'any') -> bool",
            "Whether there is a backend for several processes.",
            |backend: String| backend == "any"
        ),
        row!(
            "init",
            "(strict: bool = False, backend: str = 'any', *, all_gather_factory: Callable[[int, int], Callable[[bytes, int], bytes]] | None = None) -> Group",
            "The group of all processes: this one.",
            init
        ),
        row!(
            "send",
            "(x: array, dst: int, *, group: Group | None = None, stream: StreamOrDevice = None) -> array",
            "Sends an array to another process: there is none.",
            |_x: Operand, to: isize, _group: Of| Err::<Array, _>(nobody("send", to))
        ),
        row!(
            "recv",
            "(shape: Sequence[int], dtype: Dtype, src: int, *, group: Group | None = None, stream: StreamOrDevice = None) -> array",
            "Receives an array from another process: there is none.",
            |_shape: Vec<isize>, _dtype: Dtype, from: isize, _group: Of| Err::<Array, _>(nobody("recv", from))
        ),
        row!(
            "recv_like",
            "(x: array, src: int, *, group: Group | None = None, stream: StreamOrDevice = None) -> array",
            "Receives an array like another from another process: there is none.",
            |_x: Operand, from: isize, _group: Of| Err::<Array, _>(nobody("recv_like", from))
        ),
    ]);
    rows
}
