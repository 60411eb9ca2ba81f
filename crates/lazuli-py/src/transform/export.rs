//! Functions in files: traced with Python functions, called with arrays.
//!
//! Arguments are arrays by position and by name, or one list or tuple of them, or that and a dictionary.
//! A callback is given the parts of a trace instead of a file, as dictionaries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use lazuli::io::exported::{self, Exporter, Imported};
use lazuli_core::export::Function;
use lazuli_core::{Array, Dtype, Shape};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::{arguments, callable, calling};
use crate::argument::FromArgument;
use crate::array::PyArray;
use crate::call::{Arguments, Entry, row, row_over};
use crate::error::{OrRaise, value_error};
use crate::reply::{Reply, Tuple};
use crate::table::files::raised;

type Named = BTreeMap<String, Array>;

/// The arrays by position and by name of a call of `op`.
fn operands<'py>(
    op: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Vec<Array>, Named)> {
    let misuse = || {
        value_error(
            op,
            "takes arrays by position and by name, or a list of arrays and a dictionary of them",
        )
    };
    let is_list =
        |o: &Bound<'_, PyAny>| o.is_instance_of::<PyTuple>() || o.is_instance_of::<PyList>();
    let given: Vec<Bound<'py, PyAny>> = args.iter().collect();
    let no_names = kwargs.is_none_or(|k| k.is_empty());
    let items = |list: &Bound<'py, PyAny>| list.try_iter()?.collect::<PyResult<Vec<_>>>();
    let (positional, names) = match &given[..] {
        [list] if is_list(list) && no_names => (items(list)?, None),
        [list, names] if is_list(list) && no_names && names.is_instance_of::<PyDict>() => {
            (items(list)?, names.cast::<PyDict>().ok())
        }
        [names] if no_names && names.is_instance_of::<PyDict>() => {
            (Vec::new(), names.cast::<PyDict>().ok())
        }
        _ => (given.clone(), kwargs),
    };
    let array = |o: &Bound<'_, PyAny>| Array::from_argument(o).map_err(|_| misuse());
    let mut named = Named::new();
    for (name, value) in names.iter().flat_map(|n| n.iter()) {
        named.insert(
            String::from_argument(&name).map_err(|_| misuse())?,
            array(&value)?,
        );
    }
    Ok((
        positional.iter().map(array).collect::<PyResult<_>>()?,
        named,
    ))
}

/// An array, or a list or tuple of arrays.
fn results(result: &Bound<'_, PyAny>) -> PyResult<Vec<Array>> {
    if let Ok(array) = Array::from_argument(result) {
        return Ok(vec![array]);
    }
    let listed = result.is_instance_of::<PyTuple>() || result.is_instance_of::<PyList>();
    match listed.then(|| Vec::from_argument(result)) {
        Some(Ok(arrays)) => Ok(arrays),
        _ => Err(PyValueError::new_err(
            "export_function: the function returns an array, or a list or tuple of arrays",
        )),
    }
}

/// The Python function as one of arrays: those by position, then those of `names`.
fn of_arrays<'f>(
    fun: &'f Py<PyAny>,
    names: &'f [String],
) -> impl Fn(&[Array]) -> lazuli_core::Result<Vec<Array>> + 'f {
    calling(move |py, x| {
        let (positional, named) = x.split_at(x.len() - names.len());
        let kwargs = PyDict::new(py);
        for (name, array) in names.iter().zip(named) {
            kwargs.set_item(name, PyArray::new(array.clone()))?;
        }
        results(
            &fun.bind(py)
                .call(arguments(py, positional)?, Some(&kwargs))?,
        )
    })
}

/// Writes the traces of a function when it is closed.
#[pyclass(frozen, name = "FunctionExporter", module = "lazuli.core")]
pub(crate) struct FunctionExporter {
    fun: Py<PyAny>,
    shapeless: bool,
    /// None: closed.
    exporter: Mutex<Option<Exporter>>,
}

impl FunctionExporter {
    fn new(
        file: PathBuf,
        fun: Py<PyAny>,
        shapeless: bool,
        metadata: Option<String>,
    ) -> PyResult<FunctionExporter> {
        Python::attach(|py| callable("exporter", fun.bind(py)))?;
        let mut exporter = Exporter::new(file);
        if let Some(text) = metadata {
            exporter.describe(text);
        }
        Ok(FunctionExporter {
            fun,
            shapeless,
            exporter: Mutex::new(Some(exporter)),
        })
    }

    fn add(&self, positional: &[Array], named: &Named) -> PyResult<()> {
        // The function runs without the lock: it may use the exporter.
        let Some(mut exporter) = self.take() else {
            return Err(PyRuntimeError::new_err(
                "export_function: the exporter is closed",
            ));
        };
        let names: Vec<String> = named.keys().cloned().collect();
        let f = of_arrays(&self.fun, &names);
        let added = exporter.add(positional, named, self.shapeless, f);
        *self.exporter.lock().unwrap_or_else(PoisonError::into_inner) = Some(exporter);
        added.map_err(raised)
    }

    fn take(&self) -> Option<Exporter> {
        let mut exporter = self.exporter.lock().unwrap_or_else(PoisonError::into_inner);
        exporter.take()
    }
}

#[pymethods]
impl FunctionExporter {
    /// Adds a trace of the function at arrays like these.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__(
        &self,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let (positional, named) = operands("export_function", args, kwargs)?;
        self.add(&positional, &named)
    }

    /// Writes the file.
    fn close(&self) -> PyResult<()> {
        match self.take() {
            Some(exporter) => exporter.finish().map_err(raised),
            None => Ok(()),
        }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Writes the file, unless an exception left the block.
    #[pyo3(signature = (exc_type = None, exc_value = None, traceback = None))]
    fn __exit__(
        &self,
        exc_type: Option<&Bound<'_, PyAny>>,
        exc_value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (exc_value, traceback);
        match exc_type {
            None => self.close(),
            Some(_) => {
                self.take();
                Ok(())
            }
        }
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.fun)
    }
}

/// A function that was read.
#[pyclass(frozen, name = "_ImportedFunction", module = "lazuli.core")]
pub(crate) struct ImportedFunction(Imported);

#[pymethods]
impl ImportedFunction {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (positional, named) = operands("import_function", args, kwargs)?;
        let values = self.0.call_named(&positional, &named);
        // The only thing that can be wrong here is what was given.
        let values = values.map_err(|e| PyValueError::new_err(e.to_string()))?;
        Tuple(values).reply(py)
    }
}

fn import_function(file: PathBuf, with_text: bool) -> PyResult<Py<PyAny>> {
    let imported = exported::import_function(file).map_err(raised)?;
    Python::attach(|py| {
        let text = imported.text().unwrap_or_default().to_owned();
        let function = Bound::new(py, ImportedFunction(imported))?.into_any();
        match with_text {
            true => Ok((function, text).into_pyobject(py)?.into_any().unbind()),
            false => Ok(function.unbind()),
        }
    })
}

fn export_function(arguments: &Arguments<'_, '_>) -> PyResult<()> {
    let py = arguments.py;
    let (target, fun): (Py<PyAny>, Py<PyAny>) = (arguments.get(0)?, arguments.get(1)?);
    let args = PyTuple::new(py, arguments.rest)?;
    let (positional, named) = operands("export_function", &args, arguments.keywords.as_ref())?;
    let (shapeless, metadata): (bool, Option<String>) = (arguments.get(3)?, arguments.get(4)?);
    callable("export_function", fun.bind(py))?;
    let target = target.bind(py);
    if let Ok(path) = target.extract::<PathBuf>() {
        let exporter = FunctionExporter::new(path, fun, shapeless, metadata)?;
        exporter.add(&positional, &named)?;
        return exporter.close();
    }
    if !target.is_callable() {
        return Err(PyTypeError::new_err(
            "export_function: `file_or_callback` is a path or a function",
        ));
    }
    if metadata.is_some() {
        let message = "`metadata` is written to files; a callback is given none";
        return Err(value_error("export_function", message));
    }
    let names: Vec<String> = named.keys().cloned().collect();
    let all: Vec<Array> = positional.iter().chain(named.values()).cloned().collect();
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    let function = Function::trace(&all, &shown, shapeless, of_arrays(&fun, &names)).or_raise()?;
    told(&function, target)
}

/// The name of value number `at`: A, B, ..., Z, BA and so on, as in drawings.
fn letters(at: usize) -> String {
    let last = char::from(b'A' + (at % 26) as u8);
    match at / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", letters(more)),
    }
}

/// Calls `callback` with the inputs, their names, the outputs, the constants and each operation.
fn told(function: &Function, callback: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = callback.py();
    let tell = |kind: &str, entries: &[(&str, Bound<'_, PyAny>)]| -> PyResult<()> {
        let dict = PyDict::new(py);
        dict.set_item("type", kind)?;
        for (name, value) in entries {
            dict.set_item(name, value)?;
        }
        callback.call1((dict,)).map(drop)
    };
    let mut specs: Vec<(Shape, Dtype)> = function.operands().to_vec();
    let count = specs.len();
    specs.extend(
        function
            .constants()
            .iter()
            .map(|a| (a.shape().clone(), a.dtype())),
    );
    for (_, _, outs) in function.graph().steps() {
        specs.extend_from_slice(outs);
    }
    let value = |at: usize| -> PyResult<Bound<'_, PyAny>> {
        let (shape, dtype) = specs.get(at).cloned().ok_or_else(|| {
            PyRuntimeError::new_err(format!("export_function: there is no value {at}"))
        })?;
        let parts = [letters(at).reply(py)?, shape.reply(py)?, dtype.reply(py)?];
        Ok(PyTuple::new(py, parts)?.into_any())
    };
    let values = |slots: &mut dyn Iterator<Item = usize>| -> PyResult<Bound<'_, PyAny>> {
        let all = slots.map(value).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, all)?.into_any())
    };
    tell("inputs", &[("inputs", values(&mut (0..count))?)])?;
    let first = count - function.names().len();
    let names = function.names().iter().enumerate();
    let names = names.map(|(i, name)| (name.as_str(), letters(first + i)));
    let names = PyList::new(py, names.collect::<Vec<_>>())?.into_any();
    tell("keyword_inputs", &[("keywords", names)])?;
    let outputs = values(&mut function.graph().outputs().iter().map(|&at| at as usize))?;
    tell("outputs", &[("outputs", outputs)])?;
    let constants = function.constants().iter().enumerate();
    let constants = constants.map(|(i, a)| (letters(count + i), PyArray::new(a.clone())));
    let constants = PyList::new(py, constants.collect::<Vec<_>>())?.into_any();
    tell("constants", &[("constants", constants)])?;
    let mut at = count + function.constants().len();
    for (name, inputs, outs) in function.graph().steps() {
        let inputs = values(&mut inputs.iter().map(|&at| at as usize))?;
        let outputs = values(&mut (at..at + outs.len()))?;
        let name = name.into_pyobject(py)?.into_any();
        tell(
            "primitive",
            &[("name", name), ("inputs", inputs), ("outputs", outputs)],
        )?;
        at += outs.len();
    }
    Ok(())
}

/// Writes the graph of arrays to a path or a text file object.
fn export_to_dot(arguments: &Arguments<'_, '_>) -> PyResult<()> {
    let py = arguments.py;
    let file: Py<PyAny> = arguments.get(0)?;
    let trees: Vec<Bound<'_, PyAny>> = arguments.rest.iter().map(|a| Bound::clone(a)).collect();
    for tree in &trees {
        super::Flat::strict("export_to_dot", tree)?;
    }
    let outputs = crate::tree::arrays_in(&trees)?;
    let mut named = Named::new();
    for (name, array) in arguments.keywords.iter().flat_map(|k| k.iter()) {
        named.insert(String::from_argument(&name)?, Array::from_argument(&array)?);
    }
    let names: Vec<(&str, &Array)> = named.iter().map(|(n, a)| (n.as_str(), a)).collect();
    let text = lazuli_core::export::export_to_dot(&outputs, &names);
    match file.extract::<PathBuf>(py) {
        Ok(path) => std::fs::write(&path, text).map_err(|e| {
            PyRuntimeError::new_err(format!(
                "export_to_dot: cannot write {}: {e}",
                path.display()
            ))
        }),
        Err(_) => file.bind(py).call_method1("write", (text,)).map(drop),
    }
}

/// A path of a file of functions.
struct Place(PathBuf);

impl FromArgument for Place {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract().map(Place)
    }
}

/// The rows.
pub(super) fn functions() -> Vec<Entry> {
    vec![
        row_over!(
            "export_function",
            "(file_or_callback: str | Callable[[dict[str, Any]], Any], fun: Callable[..., Any], *args: Any, shapeless: bool = False, metadata: str | None = None, **kwargs: Any) -> None",
            "Traces a function at arrays like these and writes the trace, or calls a function with its parts.",
            |arguments| export_function(arguments)?.reply(arguments.py)
        ),
        row!(
            "import_function",
            "(file: str, return_metadata: bool = False) -> Any",
            "A function that was written; it returns a tuple of arrays.",
            |file: Place, return_metadata: bool| import_function(file.0, return_metadata)
        ),
        row!(
            "exporter",
            "(file: str, fun: Callable[..., Any], *, shapeless: bool = False, metadata: str | None = None) -> FunctionExporter",
            "Writes traces of a function at several signatures to one file.",
            |file: Place, fun: Py<PyAny>, shapeless: bool, metadata: Option<String>| {
                let made = FunctionExporter::new(file.0, fun, shapeless, metadata)?;
                Python::attach(|py| Ok::<_, PyErr>(Py::new(py, made)?.into_any()))
            }
        ),
        row_over!(
            "export_to_dot",
            "(file: object, *args: Any, **kwargs: Any) -> None",
            "Writes the graph that computes arrays as DOT text for Graphviz; keywords name arrays.",
            |arguments| export_to_dot(arguments)?.reply(arguments.py)
        ),
    ]
}
