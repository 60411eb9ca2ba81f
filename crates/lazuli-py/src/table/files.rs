//! Arrays from files and to files, by path or through a Python file object.
//!
//! A file object is read whole; what is saved to one is written to a temporary file first, so that
//! every format has one writer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lazuli::io::arrays::{self, Arrays, Format, Loaded};
use lazuli::io::metadata::{Metadata, Numbers, Value};
use lazuli::io::{Error, Result};
use lazuli_core::Array;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::argument::{FromArgument, wrong};
use crate::call::{Arguments, Entry, row, row_over};
use crate::error::{exception, value_error};
use crate::reply::Reply;

/// A path, or an object with `read` or `write`.
enum File {
    Path(PathBuf),
    Object(Py<PyAny>),
}

impl FromArgument for File {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(path) = value.extract() {
            return Ok(File::Path(path));
        }
        if value.hasattr("read")? || value.hasattr("write")? {
            return Ok(File::Object(value.clone().unbind()));
        }
        Err(value_error(
            "file",
            format!(
                "a path or a file object is needed, not {}",
                value.get_type().name()?
            ),
        ))
    }
}

/// The exception for an error of files; what is wrong with an array is told as elsewhere.
pub(crate) fn raised(error: Error) -> PyErr {
    match error {
        Error::Array { source, .. } => exception(source),
        error => PyRuntimeError::new_err(error.to_string()),
    }
}

/// The exception for an error of reading a format, which is not the same for all.
fn unread(format: Format) -> impl Fn(Error) -> PyErr {
    move |error| match (format, &error) {
        (Format::Npz, _) | (Format::Gguf, Error::Io { .. }) => {
            PyValueError::new_err(error.to_string())
        }
        _ => raised(error),
    }
}

/// Named arrays, in the order in which Python gives them.
struct Named(Vec<(String, Array)>);

impl Named {
    fn pairs(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.0.iter().map(|(name, array)| (name.as_str(), array))
    }
}

impl FromArgument for Named {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let pairs = value.cast::<PyDict>()?.iter().map(|(name, array)| {
            Ok((String::from_argument(&name)?, Array::from_argument(&array)?))
        });
        Ok(Named(pairs.collect::<PyResult<_>>()?))
    }
}

/// Runs `write` on the path, or on a temporary file whose content the object is then given.
fn written(
    py: Python<'_>,
    file: &File,
    format: Format,
    write: impl Fn(&Path) -> Result<()> + Sync,
) -> PyResult<()> {
    let object = match file {
        File::Path(path) => return py.detach(|| write(path)).map_err(raised),
        File::Object(object) => object.bind(py),
    };
    let folder = py.import("tempfile")?.call_method0("TemporaryDirectory")?;
    let place: PathBuf = folder.getattr("name")?.extract()?;
    let path = place.join("arrays").with_extension(format.extension());
    let bytes = py.detach(|| {
        write(&path)?;
        std::fs::read(&path).map_err(|source| Error::Io {
            action: "cannot read",
            path: path.clone(),
            source,
        })
    });
    folder.call_method0("cleanup")?;
    object.call_method1("write", (PyBytes::new(py, &bytes.map_err(raised)?),))?;
    Ok(())
}

fn save(file: File, array: Array) -> PyResult<()> {
    Python::attach(|py| written(py, &file, Format::Npy, |path| arrays::save(path, &array)))
}

/// Positional arrays are called `arr_0`, `arr_1` and so on.
fn savez(arguments: &Arguments<'_, '_>, compressed: bool) -> PyResult<()> {
    let file: File = arguments.get(0)?;
    let unnamed: Vec<Array> = arguments.get(1)?;
    let unnamed = unnamed.into_iter().enumerate();
    let mut all: Vec<(String, Array)> = unnamed.map(|(at, a)| (format!("arr_{at}"), a)).collect();
    if let Some(keywords) = &arguments.keywords {
        for (name, array) in Named::from_argument(keywords)?.0 {
            if all.iter().any(|(taken, _)| *taken == name) {
                let message = format!("`{name}` is the name of an array without a name");
                return Err(value_error(arguments.function.name, message));
            }
            all.push((name, array));
        }
    }
    let all = Named(all);
    let write = |path: &Path| match compressed {
        true => arrays::savez_compressed(path, all.pairs()),
        false => arrays::savez(path, all.pairs()),
    };
    written(arguments.py, &file, Format::Npz, write)
}

fn save_safetensors(file: File, named: Named, metadata: Option<Py<PyAny>>) -> PyResult<()> {
    Python::attach(|py| {
        let mut notes = BTreeMap::new();
        if let Some(metadata) = metadata {
            let metadata = metadata.bind(py).cast::<PyDict>().map_err(|_| wrong())?;
            for (key, text) in metadata.iter() {
                let pair = String::from_argument(&key)
                    .ok()
                    .zip(String::from_argument(&text).ok());
                let (key, text) = pair.ok_or_else(|| {
                    value_error(
                        "save_safetensors",
                        "keys and values of `metadata` are texts",
                    )
                })?;
                notes.insert(key, text);
            }
        }
        let write = |path: &Path| arrays::save_safetensors(path, named.pairs(), &notes);
        written(py, &file, Format::Safetensors, write)
    })
}

fn save_gguf(file: File, named: Named, metadata: Option<Py<PyAny>>) -> PyResult<()> {
    Python::attach(|py| {
        let mut notes = Metadata::new();
        if let Some(metadata) = metadata {
            let metadata = metadata.bind(py).cast::<PyDict>().map_err(|_| wrong())?;
            for (key, value) in metadata.iter() {
                notes.insert(String::from_argument(&key)?, note(&value)?);
            }
        }
        let write = |path: &Path| arrays::save_gguf(path, named.pairs(), &notes);
        written(py, &file, Format::Gguf, write)
    })
}

/// A text, texts, or an array of at most one axis, as a note.
fn note(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(text) = String::from_argument(value) {
        return Ok(Value::Text(text));
    }
    if let Ok(array) = Array::from_argument(value) {
        if array.rank() > 1 {
            return Err(value_error(
                "save_gguf",
                format!("a note is a number or a list of them, not {array:?}"),
            ));
        }
        return Ok(Value::Numbers(Numbers {
            dtype: array.dtype(),
            len: array.shape().first().copied(),
            bytes: array.to_bytes().map_err(exception)?,
        }));
    }
    Vec::from_argument(value).map(Value::Texts).map_err(|_| {
        crate::error::type_error(
            "save_gguf",
            "notes are texts, lists of texts, and arrays of numbers",
        )
    })
}

/// A note as Python has it.
fn shown(py: Python<'_>, value: Value) -> PyResult<Py<PyAny>> {
    match value {
        Value::Text(text) => text.reply(py),
        Value::Texts(texts) => texts.reply(py),
        Value::Numbers(numbers) => {
            Array::from_bytes(&numbers.bytes, numbers.dtype, numbers.shape()).reply(py)
        }
        Value::Lists(lists) => {
            let lists = lists.into_iter().map(|list| shown(py, list));
            let lists = lists.collect::<PyResult<Vec<_>>>()?;
            Ok(PyList::new(py, lists)?.into_any().unbind())
        }
    }
}

fn dictionary(py: Python<'_>, named: Arrays) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    for (name, array) in named {
        out.set_item(name, array.reply(py)?)?;
    }
    Ok(out)
}

/// The format by its name, or by the extension of the file.
fn format_of(py: Python<'_>, file: &File, named: Option<String>) -> PyResult<Format> {
    if let Some(name) = named {
        let unknown = || {
            let message = format!("no format `{name}`; there are npy, npz, safetensors and gguf");
            value_error("load", message)
        };
        return Format::named(&name).ok_or_else(unknown);
    }
    let path = match file {
        File::Path(path) => path.clone(),
        File::Object(object) => object.bind(py).getattr("name")?.extract()?,
    };
    Format::of(&path).map_err(|e| PyValueError::new_err(e.to_string()))
}

fn load(file: File, format: Option<String>, with_notes: bool) -> PyResult<Py<PyAny>> {
    Python::attach(|py| {
        let format = format_of(py, &file, format)?;
        if with_notes && matches!(format, Format::Npy | Format::Npz) {
            let message = format!("there is no metadata in {}", format.extension());
            return Err(value_error("load", message));
        }
        let loaded = match &file {
            File::Path(path) => py.detach(|| arrays::load_as(path, format)),
            File::Object(object) => {
                let read = object.bind(py).call_method0("read")?;
                let bytes: Vec<u8> = read.cast::<PyBytes>()?.as_bytes().to_vec();
                py.detach(|| arrays::read(bytes, format, "file object"))
            }
        };
        match loaded.map_err(unread(format))? {
            Loaded::Array(array) => array.reply(py),
            Loaded::Arrays(named, notes) => {
                let named = dictionary(py, named)?;
                if !with_notes {
                    return Ok(named.into_any().unbind());
                }
                let all = PyDict::new(py);
                for (key, value) in notes.unwrap_or_default() {
                    all.set_item(PyString::new(py, &key), shown(py, value)?)?;
                }
                Ok((named, all).into_pyobject(py)?.into_any().unbind())
            }
        }
    })
}

/// The rows.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "save",
            "(file: str | PathLike[str] | IO[bytes], arr: array) -> None",
            "Writes an array as npy.",
            save
        ),
        row_over!(
            "savez",
            "(file: str | PathLike[str] | IO[bytes], *args: array, **kwargs: array) -> None",
            "Writes arrays as npz, those without a name as `arr_0`, `arr_1` and so on.",
            |arguments| savez(arguments, false)?.reply(arguments.py)
        ),
        row_over!(
            "savez_compressed",
            "(file: str | PathLike[str] | IO[bytes], *args: array, **kwargs: array) -> None",
            "Writes arrays as npz, compressed.",
            |arguments| savez(arguments, true)?.reply(arguments.py)
        ),
        row!(
            "load",
            "(file: str | PathLike[str] | IO[bytes], /, format: str | None = None, return_metadata: bool = False, *, stream: StreamOrDevice = None) -> Any",
            "The array of a npy file, or the arrays of a npz, safetensors or GGUF file by name.",
            load
        ),
        row!(
            "save_safetensors",
            "(file: str | PathLike[str] | IO[bytes], arrays: dict[str, array], metadata: dict[str, str] | None = None) -> None",
            "Writes arrays by name as safetensors.",
            save_safetensors
        ),
        row!(
            "save_gguf",
            "(file: str | PathLike[str] | IO[bytes], arrays: dict[str, array], metadata: dict[str, array | str | list[str]] | None = None) -> None",
            "Writes arrays by name as GGUF.",
            save_gguf
        ),
    ]
}
