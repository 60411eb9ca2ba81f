//! What does not fit between a config and a checkpoint, all of it in one line.

use std::fmt;

use crate::config::shorten;

/// At most so many problems are named; the rest are counted.
const NAMED: usize = 20;

/// One tensor that does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The tensor, as the checkpoint calls it or would have to.
    pub tensor: String,
    /// What is wrong with it.
    pub what: What,
}

/// What can be wrong with a tensor.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum What {
    /// The checkpoint does not have it.
    Missing,
    /// Another shape than the config asks for.
    Shape {
        /// By the config.
        expected: String,
        /// In the checkpoint.
        found: String,
    },
    /// An element type that cannot be used here.
    Dtype {
        /// What would be right.
        expected: &'static str,
        /// In the checkpoint.
        found: String,
    },
    /// Its quantization is of a kind that is not supported.
    Mode(String),
    /// The config has no place for it.
    Unexpected,
}

/// A checkpoint that does not fit its config.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Every problem, in the order in which the model asked; unexpected tensors come last.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ", shorten(&self.tensor))?;
        match &self.what {
            What::Missing => write!(f, "is missing"),
            What::Shape { expected, found } => {
                write!(f, "has shape {found}, the config asks for {expected}")
            }
            What::Dtype { expected, found } => write!(f, "is {found}, it must be {expected}"),
            What::Mode(mode) => write!(f, "is quantized as {mode}, supported is affine"),
            What::Unexpected => write!(f, "is unexpected"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let s = if count == 1 { "" } else { "s" };
        write!(f, "{count} tensor{s} do not fit config.json: ")?;
        for (i, problem) in self.problems.iter().take(NAMED).enumerate() {
            let comma = if i == 0 { "" } else { "; " };
            write!(f, "{comma}{problem}")?;
        }
        match count.checked_sub(NAMED) {
            Some(more @ 1..) => write!(f, "; and {more} more"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Mismatch {}
