//! Elementwise kernels: nested loops over strides outside, one row of one function inside.
//!
//! An element's bits depend on its operands only: tails are padded and go through the same
//! instructions as bodies, strided operands are gathered into the same lanes. Every element is read
//! before it is written, through raw pointers, so the output may be an operand's memory. Not chosen:
//! a loop per combination of strides, which multiplies code for cases that memory bounds anyway.

pub mod cast;
pub mod compare;
pub mod complex;
pub mod double;
pub mod float;
mod formulas;
mod functions;
pub mod loops;
pub mod number;
pub mod rows;
pub mod tile;

pub use loops::{Loops, Row, SHARED_BYTES, Starts};

use crate::Isa;
use crate::kernels::math::Entry;

/// The entries of one device for the three float types that are computed in `f32`.
pub struct Table {
    /// Functions of one operand.
    pub unary: Entry<float::Unary>,
    /// Functions of two operands.
    pub binary: Entry<float::Binary>,
    /// Comparisons.
    pub compare: Entry<compare::Compare>,
    /// From a float type to vectors of `f32`.
    pub load: Entry<tile::Load>,
    /// From vectors of `f32` to a float type.
    pub store: Entry<tile::Store>,
}

impl Table {
    /// The kernels for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> Table {
        Table {
            unary: Entry::new(isa),
            binary: Entry::new(isa),
            compare: Entry::new(isa),
            load: Entry::new(isa),
            store: Entry::new(isa),
        }
    }
}
