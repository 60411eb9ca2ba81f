//! Traced functions in files.
//!
//! A file of functions is a safetensors file: the constants are its tensors, each once however many
//! functions share it, and the graphs are JSON among its notes. So constants stay in the mapped file
//! until they are used, any tool shows them, and there is no second parser of outside bytes. One file may
//! hold a function at several signatures; a call takes the first that fits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lazuli_core::export::{Function, Graph, VERSION};
use lazuli_core::{Array, Result as CoreResult};
use serde::{Deserialize, Serialize};

use crate::arrays::{self, Arrays};
use crate::error::{Error, Result};
use crate::mmap::Bytes;
use crate::safetensors::Checkpoint;

/// The note that holds the graphs.
const NOTE: &str = "lazuli.functions";
/// The note that holds [`VERSION`].
const VERSION_NOTE: &str = "lazuli.functions.version";
/// The note that holds what the writer says of the functions.
const TEXT_NOTE: &str = "lazuli.functions.text";

/// A graph and the names of its constants.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    graph: Graph,
    constants: Vec<String>,
}

/// A function that was read: its traces at one or more signatures.
#[derive(Debug, Clone)]
pub struct Imported {
    file: String,
    functions: Vec<Function>,
    text: Option<String>,
}

impl Imported {
    /// The traces, in the order in which they were written.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// What the writer said of the function; see [`Exporter::describe`].
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The function's values, lazily, by the first trace that takes these operands.
    ///
    /// # Errors
    /// [`Error::Malformed`] when none does; [`Error::Array`] when an operand carries an error.
    pub fn call(&self, operands: &[Array]) -> Result<Vec<Array>> {
        self.call_named(operands, &BTreeMap::new())
    }

    /// As [`call`](Imported::call), with further operands by name.
    ///
    /// # Errors
    /// As [`call`](Imported::call).
    pub fn call_named(
        &self,
        operands: &[Array],
        named: &BTreeMap<String, Array>,
    ) -> Result<Vec<Array>> {
        let all: Vec<Array> = operands.iter().chain(named.values()).cloned().collect();
        let fits = |f: &&Function| f.names().iter().eq(named.keys()) && f.takes(&all);
        let Some(function) = self.functions.iter().find(fits) else {
            let known: Vec<String> = self.functions.iter().take(8).map(signature).collect();
            let reason = format!(
                "no trace takes {operands:?} and {:?}; there are {}",
                named.iter().collect::<Vec<_>>(),
                known.join(", ")
            );
            return Err(Error::malformed(&self.file, reason));
        };
        function.call(&all).map_err(Error::array(&self.file))
    }
}

fn signature(function: &Function) -> String {
    format!("{:?} named {:?}", function.operands(), function.names())
}

/// Collects the traces of a function and writes them.
///
/// Nothing is written before [`finish`](Exporter::finish).
#[derive(Debug)]
pub struct Exporter {
    path: PathBuf,
    functions: Vec<Function>,
    text: Option<String>,
}

impl Exporter {
    /// Begins a file of functions.
    pub fn new(path: impl AsRef<Path>) -> Exporter {
        Exporter {
            path: path.as_ref().to_owned(),
            functions: Vec::new(),
            text: None,
        }
    }

    /// Has a text written beside the function, such as its configuration.
    pub fn describe(&mut self, text: impl Into<String>) {
        self.text = Some(text.into());
    }

    /// Adds a trace; see [`Function::trace`]. `f` is given `operands`, then those of `named` by name.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a trace has the same operands; [`Error::Array`] when tracing fails.
    pub fn add(
        &mut self,
        operands: &[Array],
        named: &BTreeMap<String, Array>,
        shapeless: bool,
        f: impl Fn(&[Array]) -> CoreResult<Vec<Array>>,
    ) -> Result<()> {
        let file = self.path.display().to_string();
        let all: Vec<Array> = operands.iter().chain(named.values()).cloned().collect();
        let names: Vec<&str> = named.keys().map(String::as_str).collect();
        let function = Function::trace(&all, &names, shapeless, f).map_err(Error::array(&file))?;
        let same =
            |f: &Function| f.operands() == function.operands() && f.names() == function.names();
        if self.functions.iter().any(same) {
            let reason = format!("there is a trace for {} already", signature(&function));
            return Err(Error::malformed(&file, reason));
        }
        self.functions.push(function);
        Ok(())
    }

    /// Writes the file, which appears whole, replacing what was there.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no trace; [`Error::Array`] when a constant cannot be computed;
    /// [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        let file = self.path.display().to_string();
        if self.functions.is_empty() {
            return Err(Error::malformed(&file, "there is no trace to write"));
        }
        let mut constants: Vec<(String, &Array)> = Vec::new();
        let mut written = Vec::with_capacity(self.functions.len());
        for function in &self.functions {
            let names = function.constants().iter().map(|array| {
                let known = constants.iter().find(|(_, other)| other.is_same(array));
                known.map(|(name, _)| name.clone()).unwrap_or_else(|| {
                    let name = constants.len().to_string();
                    constants.push((name.clone(), array));
                    name
                })
            });
            let names = names.collect();
            written.push(Written {
                graph: function.graph().clone(),
                constants: names,
            });
        }
        let json = serde_json::to_string(&written)
            .map_err(|e| Error::malformed(&file, format!("cannot be written: {e}")))?;
        let mut notes = BTreeMap::from([
            (VERSION_NOTE.to_owned(), VERSION.to_string()),
            (NOTE.to_owned(), json),
        ]);
        notes.extend(self.text.map(|text| (TEXT_NOTE.to_owned(), text)));
        let named = constants
            .iter()
            .map(|(name, array)| (name.as_str(), *array));
        arrays::write_safetensors(&self.path, named, &notes)
    }
}

/// Traces `f` at arrays like `operands` and writes it: [`Exporter`] with one trace.
///
/// # Errors
/// As [`Exporter::add`] and [`Exporter::finish`].
pub fn export_function(
    path: impl AsRef<Path>,
    operands: &[Array],
    shapeless: bool,
    f: impl Fn(&[Array]) -> CoreResult<Vec<Array>>,
) -> Result<()> {
    let mut exporter = Exporter::new(path);
    exporter.add(operands, &BTreeMap::new(), shapeless, f)?;
    exporter.finish()
}

/// Reads a function that was written.
///
/// # Errors
/// [`Error::Malformed`] when the file is no function, of another version, or contradicts itself;
/// [`Error::Array`] when an operation does not take its operands; [`Error::Io`].
pub fn import_function(path: impl AsRef<Path>) -> Result<Imported> {
    let path = path.as_ref();
    read(Bytes::map(path)?, &path.display().to_string())
}

/// Reads a function that is in memory; errors call it `file`.
///
/// # Errors
/// As [`import_function`].
pub fn read(content: impl Into<Bytes>, file: &str) -> Result<Imported> {
    let checkpoint = Checkpoint::named(content.into(), file)?;
    let wrong = |reason: String| Error::malformed(file, reason);
    let (Some(json), Some(version)) = (
        checkpoint.metadata().get(NOTE),
        checkpoint.metadata().get(VERSION_NOTE),
    ) else {
        return Err(wrong("this is not a file of functions".to_owned()));
    };
    if *version != VERSION.to_string() {
        let version = crate::error::one_line(version);
        return Err(wrong(format!(
            "functions of version {version}; supported: {VERSION}"
        )));
    }
    let written: Vec<Written> = serde_json::from_str(json).map_err(|e| {
        wrong(format!(
            "the functions cannot be read: {}",
            crate::error::one_line(&e.to_string())
        ))
    })?;
    let constants: Arrays = arrays::of_checkpoint(&checkpoint, file)?;
    let functions = written.into_iter().map(
        |Written {
             graph,
             constants: names,
         }| {
            let captured = names.iter().map(|name| {
                let known = constants.get(name).cloned();
                known.ok_or_else(|| Error::tensor(file, name, "is a constant that is not there"))
            });
            Function::from_parts(graph, captured.collect::<Result<_>>()?)
                .map_err(Error::array(file))
        },
    );
    Ok(Imported {
        file: file.to_owned(),
        functions: functions.collect::<Result<_>>()?,
        text: checkpoint.metadata().get(TEXT_NOTE).cloned(),
    })
}
