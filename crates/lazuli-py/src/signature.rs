//! Signatures as text: one string says how a function is called, documented and typed.
//!
//! `(a: array, /, axis: int | None = None, *, keepdims: bool = False) -> array` is what the stubs print,
//! what `inspect.signature` shows, and what calls are bound by. Not chosen: Rust attributes per
//! argument, which would say the same a second time.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

/// How an argument may be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Positional,
    Either,
    Keyword,
    /// `*name`: the rest of the positional arguments.
    Rest,
    /// `**name`: the rest of the keywords.
    Keywords,
}

pub(crate) struct Parameter {
    pub(crate) name: Py<PyString>,
    pub(crate) text: &'static str,
    /// The type as the stubs print it.
    pub(crate) annotation: &'static str,
    pub(crate) kind: Kind,
    /// None: the argument is required.
    pub(crate) default: Option<Py<PyAny>>,
}

/// A parsed signature.
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Parameter>,
    /// How many arguments may be given by position.
    pub(crate) positional: usize,
    pub(crate) rest: Option<usize>,
    pub(crate) keywords: Option<usize>,
    /// Where `stream` is, which every operation takes and handles alike.
    pub(crate) stream: Option<usize>,
}

impl Signature {
    pub(crate) fn parse(py: Python<'_>, text: &'static str) -> PyResult<Signature> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut keyword_only = false;
        for part in split(inside(text)) {
            if part == "/" {
                parameters
                    .iter_mut()
                    .for_each(|p| p.kind = Kind::Positional);
                continue;
            }
            if part == "*" {
                keyword_only = true;
                continue;
            }
            let mut parameter = parameter(py, part)?;
            if keyword_only && parameter.kind == Kind::Either {
                parameter.kind = Kind::Keyword;
            }
            keyword_only |= parameter.kind == Kind::Rest;
            parameters.push(parameter);
        }
        let place = |kind: Kind| parameters.iter().position(|p| p.kind == kind);
        let positional = parameters
            .iter()
            .take_while(|p| matches!(p.kind, Kind::Positional | Kind::Either))
            .count();
        // What requires one, such as `set_default_stream`, is about the stream and does not run on it.
        let optional = |p: &Parameter| p.text == "stream" && p.default.is_some();
        Ok(Signature {
            rest: place(Kind::Rest),
            keywords: place(Kind::Keywords),
            stream: parameters.iter().position(optional),
            positional,
            parameters,
        })
    }
}

/// What is between the outer parentheses.
fn inside(text: &'static str) -> &'static str {
    let end = match text.rfind(" -> ") {
        Some(arrow) => arrow,
        None => text.len(),
    };
    let list = text[..end].trim();
    list.strip_prefix('(')
        .and_then(|t| t.strip_suffix(')'))
        .unwrap_or(list)
}

/// The parts of a list between commas that are in no bracket.
pub(crate) fn split(list: &'static str) -> Vec<&'static str> {
    let (mut depth, mut start, mut parts) = (0i32, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts.retain(|p| !p.is_empty());
    parts
}

fn parameter(py: Python<'_>, part: &'static str) -> PyResult<Parameter> {
    let (left, default) = match part.split_once(" = ") {
        Some((left, default)) => (left, Some(default)),
        None => (part, None),
    };
    let (name, annotation) = left.split_once(": ").unwrap_or((left, "object"));
    let (kind, name) = if let Some(name) = name.strip_prefix("**") {
        (Kind::Keywords, name)
    } else if let Some(name) = name.strip_prefix('*') {
        (Kind::Rest, name)
    } else {
        (Kind::Either, name)
    };
    Ok(Parameter {
        name: PyString::intern(py, name).unbind(),
        text: name,
        annotation,
        kind,
        default: default.map(|d| literal(py, d)).transpose()?,
    })
}

/// The value of a default: a constant, a number, a text, a list of integers, or the name of a dtype.
fn literal(py: Python<'_>, text: &str) -> PyResult<Py<PyAny>> {
    if let Some(dtype) = crate::dtype::by_name(text) {
        return Ok(crate::dtype::object(py, dtype)?.into_any());
    }
    if let Some(list) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let items = list.split(',').map(str::trim).filter(|t| !t.is_empty());
        let items = items
            .map(|t| literal(py, t))
            .collect::<PyResult<Vec<_>>>()?;
        return Ok(PyList::new(py, items)?.into_any().unbind());
    }
    let quoted = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
    Ok(match (text, quoted) {
        (_, Some(text)) => PyString::new(py, text).into_any().unbind(),
        ("None", _) => py.None(),
        ("True", _) => true.into_pyobject(py)?.to_owned().into_any().unbind(),
        ("False", _) => false.into_pyobject(py)?.to_owned().into_any().unbind(),
        _ => match text.parse::<i64>() {
            Ok(number) => number.into_pyobject(py)?.into_any().unbind(),
            Err(_) => {
                let number: f64 = text.parse().map_err(|_| {
                    pyo3::exceptions::PySystemError::new_err(format!("no such default: {text}"))
                })?;
                number.into_pyobject(py)?.into_any().unbind()
            }
        },
    })
}
