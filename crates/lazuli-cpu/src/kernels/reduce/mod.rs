//! Reductions of row-major operands.
//!
//! The tree is a function of the dtype, of how many elements are reduced and of whether the last axis
//! is among them: never of threads, of other rows or of strides. Elements are cut at fixed places into
//! pieces, each piece is folded alone, pieces are folded in order; threads share pieces.
//! Not chosen: plain running sums, whose error grows with the length; pairwise trees over elements,
//! whose recursion costs more than it gains beyond the two levels here.

pub mod arg;
pub mod fold;
pub mod plain;
pub mod softmax;
pub mod walk;

pub use walk::{Axes, Task};

use half::{bf16, f16};

use crate::Isa;
use crate::kernels::math::{Element, Entry};

/// The entries of one device.
pub struct Table {
    f32: Entries<f32>,
    bf16: Entries<bf16>,
    f16: Entries<f16>,
}

/// The entries for one float type.
pub struct Entries<T: Element> {
    /// Sums, products and extremes.
    pub reduce: Entry<fold::Reduce<T>>,
    /// Positions of extremes along the last axis.
    pub arg: Entry<arg::Rows<T>>,
    /// Softmax over the last axis.
    pub softmax: Entry<softmax::Softmax<T>>,
    /// Logarithm of the sum of exponentials over the last axis.
    pub log_sum: Entry<softmax::LogSum<T>>,
}

impl<T: Element> Entries<T> {
    fn new(isa: Isa) -> Entries<T> {
        Entries {
            reduce: Entry::new(isa),
            arg: Entry::new(isa),
            softmax: Entry::new(isa),
            log_sum: Entry::new(isa),
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

/// A float type that is reduced in `f32`.
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
