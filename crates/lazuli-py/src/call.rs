//! Functions of the table as Python sees them: one trampoline binds arguments by the signature.
//!
//! A row of the table is a name, a signature, a line of documentation and a Rust function over typed
//! arguments. Not chosen: one `#[pyfunction]` per operation, whose generated code for 300 operations
//! takes minutes to build and whose signature would have to be written a second time for the stubs.

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use pyo3::exceptions::{PyRuntimeError, PySystemError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use smallvec::SmallVec;

use crate::argument::FromArgument;
use crate::reply::Reply;
use crate::signature::{Kind, Parameter, Signature};

/// A row of the table.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) signature: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) run: fn(&Arguments<'_, '_>) -> PyResult<Py<PyAny>>,
    pub(crate) parsed: OnceLock<Signature>,
}

impl Function {
    fn signature(&self, py: Python<'_>) -> PyResult<&Signature> {
        if self.parsed.get().is_none() {
            let parsed = Signature::parse(py, self.signature)?;
            // Another thread may have been faster with the same.
            let _ = self.parsed.set(parsed);
        }
        self.parsed
            .get()
            .ok_or_else(|| PySystemError::new_err("no signature"))
    }
}

/// Gives a row a type, so that each row has a C function of its own.
pub(crate) trait Row {
    /// The row.
    fn function() -> &'static Function;
}

/// A row and its C function.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) function: &'static Function,
    enter: ffi::PyCFunctionFastWithKeywords,
    enter_bound: ffi::PyCFunctionFastWithKeywords,
}

impl Entry {
    pub(crate) fn of<R: Row>() -> Entry {
        Entry {
            function: R::function(),
            enter: enter::<R>,
            enter_bound: enter_bound::<R>,
        }
    }

    /// The same function under another name.
    fn definition(&self, name: &str, method: bool) -> PyResult<*mut ffi::PyMethodDef> {
        let shown = shown_signature(self.function.signature, method);
        let doc = format!("{name}{shown}\n--\n\n{}", self.function.doc);
        let definition = ffi::PyMethodDef {
            ml_name: CString::new(name)?.into_raw(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFastWithKeywords: if method { self.enter_bound } else { self.enter },
            },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: CString::new(doc)?.into_raw(),
        };
        // Functions of a module live as long as the process.
        Ok(Box::into_raw(Box::new(definition)))
    }

    /// The function as a member of `module`.
    pub(crate) fn to_function<'py>(
        self,
        module: &Bound<'py, PyModule>,
        name: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let definition = self.definition(name, false)?;
        let module_name = module.name()?;
        // SAFETY: the definition is never freed, and its function has the convention that its flags say.
        unsafe {
            let made = ffi::PyCFunction_NewEx(definition, module.as_ptr(), module_name.as_ptr());
            Bound::from_owned_ptr_or_err(module.py(), made)
        }
    }

    /// The function as a method of `class`, its first argument the object.
    pub(crate) fn to_method<'py>(
        self,
        class: &Bound<'py, pyo3::types::PyType>,
        name: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let definition = self.definition(name, true)?;
        // SAFETY: as in `to_function`; the descriptor checks that the object is of `class`.
        unsafe {
            let made = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
            Bound::from_owned_ptr_or_err(class.py(), made)
        }
    }
}

/// The signature as `inspect` reads it: names and defaults without types.
fn shown_signature(signature: &'static str, method: bool) -> String {
    let end = signature.rfind(" -> ").unwrap_or(signature.len());
    let list = signature[..end]
        .trim_start_matches('(')
        .trim_end_matches(')');
    let mut parts: Vec<String> = Vec::new();
    for part in crate::signature::split(list) {
        let (left, default) = match part.split_once(" = ") {
            Some((left, default)) => (left, format!("={default}")),
            None => (part, String::new()),
        };
        let name = left.split(':').next().unwrap_or(left);
        parts.push(format!("{name}{default}"));
    }
    if method && !parts.is_empty() {
        parts[0] = "$self".to_owned();
        if parts.get(1).is_none_or(|p| p != "/") {
            parts.insert(1, "/".to_owned());
        }
    }
    format!("({})", parts.join(", "))
}

type Raw = *mut ffi::PyObject;

unsafe extern "C" fn enter<R: Row>(
    _module: Raw,
    args: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: CPython's contract of METH_FASTCALL | METH_KEYWORDS, which is `enter_with`'s.
    unsafe { enter_with(R::function(), None, args, count, names) }
}

unsafe extern "C" fn enter_bound<R: Row>(
    object: Raw,
    args: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: CPython's contract of METH_FASTCALL | METH_KEYWORDS, which is `enter_with`'s.
    unsafe { enter_with(R::function(), Some(object), args, count, names) }
}

/// # Safety
/// Called by CPython, attached: `args` are `count` borrowed objects and one more for each name of the
/// tuple `names` (which may be null), `object` is borrowed.
unsafe fn enter_with(
    function: &'static Function,
    object: Option<Raw>,
    args: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    Python::attach(|py| {
        let work = || -> PyResult<Py<PyAny>> {
            // SAFETY: the caller's contract; everything borrowed here outlives the call.
            let (names, given) = unsafe {
                let names = Bound::from_borrowed_ptr_or_opt(py, names)
                    .map(|n| n.cast_into::<PyTuple>())
                    .transpose()?;
                let named = names.as_ref().map_or(0, |n| n.len());
                let total = count as usize + named;
                let given: &[Raw] = if total == 0 {
                    &[]
                } else {
                    std::slice::from_raw_parts(args, total)
                };
                (names, given)
            };
            let mut values: SmallVec<[Borrowed<'_, '_, PyAny>; 8]> = SmallVec::new();
            for &raw in object.iter().chain(given) {
                // SAFETY: CPython gives valid borrowed objects.
                values.push(unsafe { Borrowed::from_ptr(py, raw) });
            }
            let positional = count as usize + object.is_some() as usize;
            bind(py, function, &values, positional, names.as_ref())
        };
        let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            let message = format!("{}: a bug in lazuli: see the panic above", function.name);
            Err(PyRuntimeError::new_err(message))
        });
        match outcome {
            Ok(value) => value.into_ptr(),
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    })
}

fn bind<'a, 'py>(
    py: Python<'py>,
    function: &'static Function,
    values: &[Borrowed<'a, 'py, PyAny>],
    positional: usize,
    names: Option<&Bound<'py, PyTuple>>,
) -> PyResult<Py<PyAny>> {
    let signature = function.signature(py)?;
    let mut arguments = Arguments {
        py,
        function,
        signature,
        slots: SmallVec::from_elem(None, signature.parameters.len()),
        rest: &[],
        keywords: None,
    };
    let by_place = positional.min(signature.positional);
    for (slot, value) in arguments.slots.iter_mut().zip(&values[..by_place]) {
        *slot = Some(*value);
    }
    if positional > by_place {
        if signature.rest.is_none() {
            return Err(arguments.misuse(format!(
                "takes {} arguments by position, {positional} were given",
                signature.positional
            )));
        }
        arguments.rest = &values[by_place..positional];
    }
    if let Some(names) = names {
        for (name, value) in names.iter_borrowed().zip(&values[positional..]) {
            arguments.take_keyword(name, *value)?;
        }
    }
    for (slot, parameter) in arguments.slots.iter().zip(&signature.parameters) {
        let required = !matches!(parameter.kind, Kind::Rest | Kind::Keywords);
        if slot.is_none() && parameter.default.is_none() && required {
            return Err(arguments.misuse(format!("`{}` is missing", parameter.text)));
        }
    }
    let stream = signature.stream.and_then(|at| arguments.slots[at]);
    match stream.filter(|s| !s.is_none()) {
        None => (function.run)(&arguments),
        Some(stream) => {
            let stream = crate::stream::stream_of(&stream)
                .map_err(|e| arguments.wrong(signature.stream.unwrap_or(0), e))?;
            lazuli_core::with_stream(stream, || (function.run)(&arguments))
        }
    }
}

/// The arguments of a call, one slot for each parameter.
pub(crate) struct Arguments<'a, 'py> {
    pub(crate) py: Python<'py>,
    pub(crate) function: &'static Function,
    signature: &'a Signature,
    slots: SmallVec<[Option<Borrowed<'a, 'py, PyAny>>; 10]>,
    /// Further positional arguments, where the signature takes them.
    pub(crate) rest: &'a [Borrowed<'a, 'py, PyAny>],
    /// Further keywords, where the signature takes them.
    pub(crate) keywords: Option<Bound<'py, PyDict>>,
}

impl<'a, 'py> Arguments<'a, 'py> {
    fn take_keyword(
        &mut self,
        name: Borrowed<'_, 'py, PyAny>,
        value: Borrowed<'a, 'py, PyAny>,
    ) -> PyResult<()> {
        let parameters = &self.signature.parameters;
        let same = |p: &&Parameter| p.name.as_ptr() == name.as_ptr();
        let named = |p: &Parameter| matches!(p.kind, Kind::Either | Kind::Keyword);
        let mut at = parameters.iter().position(|p| same(&p));
        if at.is_none() {
            let name = name.cast::<PyString>()?;
            let text = name.to_cow()?;
            at = parameters.iter().position(|p| p.text == text);
        }
        match at.filter(|&at| named(&parameters[at])) {
            Some(at) if self.slots[at].is_some() => {
                let message = format!("`{}` is given twice", parameters[at].text);
                Err(self.misuse(message))
            }
            Some(at) => {
                self.slots[at] = Some(value);
                Ok(())
            }
            None if self.signature.keywords.is_some() => {
                let py = self.py;
                let keywords = self.keywords.get_or_insert_with(|| PyDict::new(py));
                keywords.set_item(name, value)
            }
            None => Err(self.misuse(format!("takes no argument `{}`", name.str()?))),
        }
    }

    /// A call that the signature does not allow.
    pub(crate) fn misuse(&self, message: String) -> PyErr {
        let Function {
            name, signature, ..
        } = self.function;
        PyTypeError::new_err(format!("{name}: {message}: {name}{signature}"))
    }

    /// The error of an argument of the wrong type; other errors stay as they are.
    fn wrong(&self, at: usize, error: PyErr) -> PyErr {
        let py = self.py;
        let by_type = error.is_instance_of::<PyTypeError>(py)
            || error.is_instance_of::<pyo3::exceptions::PyOverflowError>(py);
        if !by_type {
            return error;
        }
        let Parameter {
            text, annotation, ..
        } = &self.signature.parameters[at];
        let given = match self.slots[at] {
            Some(value) => value
                .get_type()
                .name()
                .map(|n| n.to_string())
                .unwrap_or_default(),
            None => "the default".to_owned(),
        };
        let name = self.function.name;
        PyTypeError::new_err(format!("{name}: `{text}` is {annotation}, not {given}"))
    }

    /// The object in slot `at`, or the default.
    pub(crate) fn object(&self, at: usize) -> PyResult<Borrowed<'_, 'py, PyAny>> {
        match (&self.slots[at], &self.signature.parameters[at].default) {
            (Some(value), _) => Ok(*value),
            (None, Some(default)) => Ok(default.bind_borrowed(self.py)),
            (None, None) => Err(self.misuse(format!("argument {at} is missing"))),
        }
    }

    /// The argument in slot `at`, converted.
    pub(crate) fn get<T: FromArgument>(&self, at: usize) -> PyResult<T> {
        if self.signature.rest == Some(at) {
            return T::from_rest(self.rest).map_err(|e| self.wrong(at, e));
        }
        let value = self.object(at)?;
        T::from_argument(&value).map_err(|e| self.wrong(at, e))
    }

    /// Runs a Rust function over the converted arguments.
    pub(crate) fn apply<P>(&self, handler: impl Handler<P>) -> PyResult<Py<PyAny>> {
        handler.handle(self)
    }
}

/// A Rust function whose parameters are arguments, in the order of the signature.
pub(crate) trait Handler<P> {
    /// Converts the arguments, calls, and converts the result.
    fn handle(self, arguments: &Arguments<'_, '_>) -> PyResult<Py<PyAny>>;
}

macro_rules! handlers {
    ($(($($name:ident $at:tt),*))*) => {$(
        impl<Func, Out: Reply, $($name: FromArgument),*> Handler<($($name,)*)> for Func
        where
            Func: FnOnce($($name),*) -> Out,
        {
            fn handle(self, arguments: &Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
                self($(arguments.get::<$name>($at)?),*).reply(arguments.py)
            }
        }
    )*};
}

handlers! {
    ()
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10)
}

/// A row: `row!("name", "(signature) -> result", "What it does.", |typed arguments| result)`.
macro_rules! row {
    ($name:expr, $signature:expr, $doc:expr, $handler:expr) => {
        $crate::call::row_over!($name, $signature, $doc, |arguments| arguments
            .apply($handler))
    };
}

/// A row whose function takes the [`Arguments`] as they are.
macro_rules! row_over {
    ($name:expr, $signature:expr, $doc:expr, |$arguments:ident| $run:expr) => {{
        struct This;
        impl $crate::call::Row for This {
            fn function() -> &'static $crate::call::Function {
                static FUNCTION: $crate::call::Function = $crate::call::Function {
                    name: $name,
                    signature: $signature,
                    doc: $doc,
                    run: |$arguments| $run,
                    parsed: std::sync::OnceLock::new(),
                };
                &FUNCTION
            }
        }
        $crate::call::Entry::of::<This>()
    }};
}

pub(crate) use {row, row_over};
