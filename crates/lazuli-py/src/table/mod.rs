//! Functions as data: rows of name, signature, documentation and Rust function, by group.
//!
//! Operations of one kind share a signature and a macro, so that a new one is a line.

mod binary;
mod creation;
mod evaluate;
mod indexing;
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
        creation::functions(),
        shape::functions(),
        indexing::functions(),
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
    ("cumulative_sum", "cumsum"),
    ("cumulative_prod", "cumprod"),
    ("empty", "zeros"),
    ("empty_like", "zeros_like"),
];

/// Functions that are methods of `array` as well, their first argument the array.
pub(crate) const METHODS: &[&str] = &[
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "astype",
    "conj",
    "cos",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "diag",
    "diagonal",
    "exp",
    "flatten",
    "log",
    "log10",
    "log1p",
    "log2",
    "logcumsumexp",
    "logsumexp",
    "max",
    "mean",
    "min",
    "moveaxis",
    "prod",
    "reciprocal",
    "round",
    "rsqrt",
    "sin",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "sum",
    "swapaxes",
    "view",
];

/// Methods whose signatures are not those of the functions.
pub(crate) fn methods() -> Vec<Entry> {
    [shape::methods(), reduce::methods()].concat()
}
