//! The Python package `lazuli`: `lazuli.core` has the names of `mlx.core`.
//!
//! Functions are rows of tables (`table/`): a name, a signature, a line of documentation, a Rust
//! function. Binding of arguments, `stream=`, documentation, stubs and the list of operations all come
//! from the row. Not chosen: generated bindings of each Rust method, because what Python takes differs
//! from what Rust takes in almost every one.

mod argument;
mod array;
mod call;
mod dtype;
mod error;
mod modules;
mod operand;
mod print;
mod reply;
mod signature;
mod stream;
mod table;
mod transform;
mod tree;

use lazuli_core::dtype::ALL;
use pyo3::prelude::*;

use crate::call::Entry;

/// Lazy arrays and function transforms, with the names of `mlx.core`.
#[pymodule]
fn core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    lazuli::init().map_err(error::exception)?;
    module.setattr("__name__", "lazuli.core")?;
    classes(module)?;
    constants(module)?;
    for entry in table::functions() {
        let name = entry.function.name;
        module.add(name, entry.to_function(module, name)?)?;
    }
    for (alias, name) in table::ALIASES {
        module.add(*alias, module.getattr(*name)?)?;
    }
    methods(py)?;
    modules::add(module)?;
    module.add_function(wrap_pyfunction!(array::restore, module)?)?;
    module.add_function(wrap_pyfunction!(signatures, module)?)?;
    Ok(())
}

fn classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<array::PyArray>()?;
    module.add_class::<array::ArrayAt>()?;
    module.add_class::<array::ArrayIterator>()?;
    module.add_class::<array::ArrayLike>()?;
    module.add_class::<dtype::PyDtype>()?;
    module.add_class::<dtype::Category>()?;
    module.add_class::<dtype::FloatLimits>()?;
    module.add_class::<dtype::IntegerLimits>()?;
    module.add_class::<stream::DeviceType>()?;
    module.add_class::<stream::PyDevice>()?;
    module.add_class::<stream::Stream>()?;
    module.add_class::<stream::ThreadLocalStream>()?;
    module.add_class::<stream::StreamContext>()?;
    module.add_class::<transform::CustomFunction>()?;
    module.add_class::<transform::FunctionExporter>()?;
    module.add_class::<transform::ImportedFunction>()?;
    module.add_class::<transform::Transformed>()?;
    module.add_class::<print::PrintOptions>()?;
    module.add_class::<print::PrintOptionsContext>()?;
    Ok(())
}

fn constants(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    for dtype in ALL {
        module.add(dtype::name_of(dtype), dtype::object(py, dtype)?)?;
    }
    for (name, category) in dtype::CATEGORIES {
        module.add(name, category)?;
    }
    module.add("cpu", stream::DeviceType::Cpu)?;
    module.add("gpu", stream::DeviceType::Gpu)?;
    module.add("e", std::f64::consts::E)?;
    module.add("pi", std::f64::consts::PI)?;
    module.add("euler_gamma", 0.577_215_664_901_532_9)?;
    module.add("inf", f64::INFINITY)?;
    module.add("nan", f64::NAN)?;
    module.add("newaxis", py.None())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}

fn methods(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<array::PyArray>();
    let functions = table::functions();
    let shared = functions
        .iter()
        .filter(|e| table::METHODS.contains(&e.function.name));
    for entry in shared.copied().chain(table::methods()) {
        let name = entry.function.name;
        class.setattr(name, entry.to_method(&class, name)?)?;
    }
    Ok(())
}

/// (module, name, signature, documentation) of every function, for the stubs and the list of
/// operations; methods have the module `array`.
#[pyfunction]
#[pyo3(name = "_signatures")]
fn signatures() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let row = |module: &'static str| {
        move |e: &Entry| {
            (
                module,
                e.function.name,
                e.function.signature,
                e.function.doc,
            )
        }
    };
    let functions = table::functions();
    let mut rows: Vec<_> = functions.iter().map(row("")).collect();
    for module in modules::MODULES {
        rows.extend((module.functions)().iter().map(row(module.name)));
    }
    let shared = functions
        .iter()
        .filter(|e| table::METHODS.contains(&e.function.name));
    rows.extend(shared.map(row("array")));
    rows.extend(table::methods().iter().map(row("array")));
    rows
}
