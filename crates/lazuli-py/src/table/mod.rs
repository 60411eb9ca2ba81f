//! Functions as data: rows of name, signature, documentation and Rust function, by group.
//!
//! Operations of one kind share a signature and a macro, so that a new one is a line.

mod binary;
mod convolution;
mod creation;
mod evaluate;
pub(crate) mod files;
mod indexing;
mod matrix;
pub(crate) mod memory;
mod quantization;
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
        quantization::functions(),
        convolution::functions(),
        crate::dtype::functions(),
        evaluate::functions(),
        files::functions(),
        crate::transform::functions(),
        crate::print::functions(),
    ]
    .concat()
}

/// Second names of functions.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("acos", "arccos"),
    ("acosh", "arccosh"),
    ("asin", "arcsin"),
    ("asinh", "arcsinh"),
    ("atan", "arctan"),
    ("atan2", "arctan2"),
    ("atanh", "arctanh"),
    ("bitwise_left_shift", "left_shift"),
    ("bitwise_right_shift", "right_shift"),
    ("concat", "concatenate"),
    ("cumulative_prod", "cumprod"),
    ("cumulative_sum", "cumsum"),
    ("empty", "zeros"),
    ("empty_like", "zeros_like"),
    ("permute_dims", "transpose"),
    ("pow", "power"),
];

/// Functions that are methods of `array` as well, their first argument the array.
pub(crate) const METHODS: &[&str] = &[
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "conj",
    "cos",
    "cummax",
    "cummin",
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
    "rsqrt",
    "sin",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "sum",
    "swapaxes",
];

/// Methods whose signatures are not those of the functions.
pub(crate) fn methods() -> Vec<Entry> {
    [unary::methods(), shape::methods(), reduce::methods()].concat()
}
