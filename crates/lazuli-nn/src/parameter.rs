//! Visiting parameters by name.
//!
//! Names are those of MLX's checkpoints: a matrix is named by its module's path, and stands for
//! `path.weight`, or for `path.weight`, `path.scales` and `path.biases` when it is packed.

use lazuli_core::Array;

use crate::matrix::Matrix;

/// A parameter as a visitor meets it.
#[derive(Clone, Copy, Debug)]
pub enum Parameter<'a> {
    /// A tensor, under its full name.
    Array(&'a Array),
    /// A matrix, a stack of them or a table, under its module's path.
    Matrix(&'a Matrix),
}

/// What is called with each parameter and its name.
pub type Visitor<'v> = dyn FnMut(&str, Parameter<'_>) + 'v;

/// A layer, or a tree of them.
pub trait Parameters {
    /// Calls `visitor` with every parameter, named from `path` on, in a fixed order.
    fn visit(&self, path: &str, visitor: &mut Visitor<'_>);
}

impl Parameter<'_> {
    /// The tensors that a checkpoint stores for the parameter, by their full names.
    pub fn tensors(&self, name: &str) -> Vec<(String, Array)> {
        match self {
            Parameter::Array(a) => vec![(name.to_owned(), (*a).clone())],
            Parameter::Matrix(Matrix::Float(w)) => vec![(join(name, "weight"), w.clone())],
            Parameter::Matrix(Matrix::Quantized(q)) => ["weight", "scales", "biases"]
                .into_iter()
                .zip(q.parts())
                .map(|(part, array)| (join(name, part), array.clone()))
                .collect(),
        }
    }

    /// Number of weights, however they are stored.
    pub fn count(&self) -> usize {
        match self {
            Parameter::Array(a) => a.elements(),
            Parameter::Matrix(m) => m.shape().elements(),
        }
    }

    /// Bytes that the tensors take.
    pub fn bytes(&self) -> usize {
        match self {
            Parameter::Array(a) => a.bytes(),
            Parameter::Matrix(m) => m.bytes(),
        }
    }
}

/// `path.name`, or `name` at the root.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        return name.to_owned();
    }
    format!("{path}.{name}")
}
