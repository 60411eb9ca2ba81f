//! Elementwise kernels: nested loops over strides outside, one row of one function inside.
//!
//! An element's bits depend on its operands only: tails are padded and go through the same
//! instructions as bodies, strided operands are gathered into the same lanes. Every element is read
//! before it is written, through raw pointers, so the output may be an operand's memory. Not chosen:
//! a loop per combination of strides, which multiplies code for cases that memory bounds anyway.

pub mod cast;
pub mod compare;
pub mod float;
pub mod functions;
pub mod loops;
pub mod number;
pub mod rows;

pub use loops::{Loops, Row, SHARED_BYTES, Starts};

use half::{bf16, f16};

use crate::Isa;
use crate::kernels::math::{Element, Entry};

/// The entries of one device for the three float types that are computed in `f32`.
pub struct Table {
    f32: Entries<f32>,
    bf16: Entries<bf16>,
    f16: Entries<f16>,
}

/// The entries for one float type.
pub struct Entries<T: Element> {
    /// Functions of one operand.
    pub unary: Entry<float::Unary<T>>,
    /// Functions of two operands.
    pub binary: Entry<float::Binary<T>>,
    /// Comparisons.
    pub compare: Entry<compare::Compare<T>>,
    /// To `f32`.
    pub widen: Entry<cast::Widen<T>>,
    /// From `f32`.
    pub narrow: Entry<cast::Narrow<T>>,
}

impl<T: Element> Entries<T> {
    fn new(isa: Isa) -> Entries<T> {
        Entries {
            unary: Entry::new(isa),
            binary: Entry::new(isa),
            compare: Entry::new(isa),
            widen: Entry::new(isa),
            narrow: Entry::new(isa),
        }
    }
}

impl Table {
    /// The kernels for `isa`, which this machine must have.
    pub fn new(isa: Isa) -> Table {
        Table {
            f32: Entries::new(isa),
            bf16: Entries::new(isa),
            f16: Entries::new(isa),
        }
    }
}

/// A float type that is computed in `f32`.
pub trait Float: Element {
    /// Its entries in a table.
    fn entries(table: &Table) -> &Entries<Self>;
}

macro_rules! floats {
    ($($name:ident)*) => {$(
        impl Float for $name {
            fn entries(table: &Table) -> &Entries<$name> {
                &table.$name
            }
        }
    )*};
}

floats!(f32 bf16 f16);
