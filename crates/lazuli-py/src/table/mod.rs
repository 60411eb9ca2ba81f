//! Functions as data: rows of name, signature, documentation and Rust function, by group.
//!
//! Operations of one kind share a signature and a macro, so that a new one is a line.

mod binary;
mod evaluate;
mod matrix;
mod memory;
mod reduce;
mod shape;
mod unary;

use crate::call::Entry;

/// Functions of the top level.
pub(crate) fn functions() -> Vec<Entry> {
    [
        crate::stream::functions(),
        memory::functions(),
        unary::functions(),
        binary::functions(),
        reduce::functions(),
        shape::functions(),
        matrix::functions(),
        crate::dtype::functions(),
        evaluate::functions(),
        crate::transform::functions(),
        crate::print::functions(),
    ]
    .concat()
}

/// Second names of functions.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("pow", "power"),
    ("permute_dims", "transpose"),
    ("concat", "concatenate"),
];

/// Functions that are methods of `array` as well, their first argument the array.
pub(crate) const METHODS: &[&str] = &[
    "abs", "astype", "cos", "exp", "log", "log1p", "sin", "square", "sqrt", "rsqrt", "round",
    "sum", "prod", "min", "max", "mean", "argmax", "moveaxis",
];

/// Methods whose signatures are not those of the functions.
pub(crate) fn methods() -> Vec<Entry> {
    shape::methods()
}
